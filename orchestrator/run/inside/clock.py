"""Another time of day for Python code: `shift(seconds)`, before any of that code is imported. Clocks that only measure stay as they are.

`time`'s functions are replaced in their module; `datetime` and `date` stay the very classes they are, with other `now` and `utcnow`, so that
values pickle, compare, add and subclass as ever. `today` follows by itself: it asks `time.time`.
"""

import ctypes
import datetime
import gc
import time


class Function:
    """A replacement that, like the builtin it stands for, does not become a method of a class it is put into."""

    def __init__(self, original, call):
        self.__name__ = self.__qualname__ = original.__name__
        self.__module__ = "time"
        self.__doc__ = original.__doc__
        self._call = call

    def __call__(self, *arguments, **named):
        return self._call(*arguments, **named)

    def __repr__(self):
        return f"<built-in function {self.__name__}>"

    def __reduce__(self):
        return self.__name__


def shift(seconds):
    nanoseconds = round(seconds * 1e9)
    real = {
        name: getattr(time, name)
        for name in ("time", "time_ns", "clock_gettime", "clock_gettime_ns", "localtime", "gmtime", "ctime", "asctime", "strftime")
    }
    wall = {number for name in ("CLOCK_REALTIME", "CLOCK_REALTIME_COARSE", "CLOCK_TAI") if (number := getattr(time, name, None)) is not None} | {5}

    def now():
        return real["time"]() + seconds

    def at(name):
        return lambda moment=None: real[name](now() if moment is None else moment)

    calls = {
        "time": now,
        "time_ns": lambda: real["time_ns"]() + nanoseconds,
        "clock_gettime": lambda clock: real["clock_gettime"](clock) + (seconds if clock in wall else 0.0),
        "clock_gettime_ns": lambda clock: real["clock_gettime_ns"](clock) + (nanoseconds if clock in wall else 0),
        **{name: at(name) for name in ("localtime", "gmtime", "ctime")},
        "asctime": lambda *moment: real["asctime"](*moment or (real["localtime"](now()),)),
        "strftime": lambda form, *moment: real["strftime"](form, *moment or (real["localtime"](now()),)),
    }
    for name, call in calls.items():
        setattr(time, name, Function(real[name], call))
    _replace(datetime.datetime, "now", lambda cls, tz=None: cls.fromtimestamp(now(), tz))
    _replace(datetime.datetime, "utcnow", lambda cls: cls.utcfromtimestamp(now()))


def _replace(kind, name, function):
    """A class method of a class written in C, whose dictionary can only be reached through the collector."""
    function.__name__, function.__qualname__ = name, f"{kind.__name__}.{name}"
    gc.get_referents(kind.__dict__)[0][name] = classmethod(function)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
