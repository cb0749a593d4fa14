"""What Python code looked at, noted by an audit hook that is there before any of that code is. Code can defeat the hook; then nothing is
noted of it, and what the kernel refuses stays refused.

A note is [kind, detail], one JSON line on a descriptor. Only what the code under test does itself is noted, not what the standard library,
pytest or a library does on its way.
"""

import json
import os
import sys

OWN_DOING = {
    "gc.get_objects": "asked for every object there is",
    "gc.get_referrers": "asked what refers to an object",
    "gc.get_referents": "asked what an object refers to",
    "sys._getframe": "looked at its callers",
    "sys.settrace": "traced the run",
    "sys.setprofile": "profiled the run",
    "ctypes.dlopen": "loaded a library of machine code",
}
READS = ("open", "os.listdir", "os.scandir")
LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex")
WATCHED = frozenset((*OWN_DOING, *READS, *LOOKUPS))
NEAR = ("", "localhost", "localhost.localdomain", "ip6-localhost", "::1", "::", "0.0.0.0")
GO_BETWEENS = ("inspect.py", "ctypes/__init__.py", "ctypes/util.py")
LIBRARIES = tuple({*map(os.path.realpath, (sys.prefix, sys.base_prefix)), sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)})


def write(descriptor, note):
    """One line. A reader that is not there, or is slow, is no trouble of the run."""
    try:
        os.write(descriptor, json.dumps(note).encode() + b"\n")
    except OSError:
        pass


def install(descriptor, root, hidden=()):
    """`root`: the folder of the code under test, without its `tests`; `hidden`: folders it has no business with."""
    own, tests, frame_of, busy = os.getpid(), root + "/tests/", sys._getframe, False
    below_hidden = tuple(folder + "/" for folder in hidden)

    def hook(event, arguments):
        nonlocal busy
        if event not in WATCHED or busy:
            return
        busy = True
        try:
            note = look(event, arguments)
            if note:
                write(descriptor, note)
        except Exception:
            pass
        finally:
            busy = False

    def look(event, arguments):
        if event in OWN_DOING:
            return ["inspection", OWN_DOING[event]] if is_own_doing(frame_of(2)) else None
        name = os.fsdecode(arguments[0]) if isinstance(arguments[0], bytes) else arguments[0]
        if not isinstance(name, str):
            return None
        if event in LOOKUPS:
            return None if name in NEAR or name.startswith("127.") else ["connection", f"looked up {name}"]
        if name.startswith("/proc"):
            first = name.split("/")[2:3]
            elsewhere = not first or not first[0] or (first[0].isdigit() and int(first[0]) < own)
            return ["inspection", f"read {name}"] if elsewhere else None
        if (name + "/").startswith(below_hidden):
            return ["inspection", f"read {name}"]
        if name.endswith(".py") and os.path.abspath(name).startswith(tests) and is_asked_for(frame_of(2)):
            return ["inspection", f"read {os.path.abspath(name)[len(root) + 1 :]}"]
        return None

    def is_subject(name):
        return name.startswith(root + "/") and not name.startswith(tests)

    def is_own_doing(frame):
        while frame is not None and frame.f_code.co_filename.endswith(GO_BETWEENS):
            frame = frame.f_back
        return frame is not None and is_subject(frame.f_code.co_filename)

    def is_asked_for(frame):
        """Not what a traceback or an import reads on its way."""
        while frame is not None:
            name = frame.f_code.co_filename
            if name.endswith(("linecache.py", "tokenize.py")) or name.startswith("<frozen importlib"):
                return False
            if not name.startswith((*LIBRARIES, "<frozen")):
                return is_subject(name)
            frame = frame.f_back
        return False

    sys.addaudithook(hook)
