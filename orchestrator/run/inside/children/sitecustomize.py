"""What Python programs that an example or a test starts take on from the run they belong to: its clock, and the hook that notes."""

import os
import sys


def take_on():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, here)
    try:
        import hook

        if seconds := float(os.environ.get("SANDBOX_CLOCK_SHIFT", "0")):
            import clock

            clock.shift(seconds)
        hook.install(os.open(os.environ["SANDBOX_NOTES"], os.O_WRONLY | os.O_NONBLOCK), os.environ["SANDBOX_ROOT"])
    except (OSError, KeyError, ImportError):
        pass
    finally:
        sys.path.remove(here)
        sys.modules.pop("clock", None)
        sys.modules.pop("hook", None)


take_on()
