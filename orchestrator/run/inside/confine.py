"""Shuts the calling process in, for good and with everything it starts: no new privileges, no capabilities, Landlock, seccomp.

`box` says how, in plain data (run/sandboxes makes it):

    profile   `code` or `agent`
    alone     it runs in namespaces of its own; `outside` is the pid namespace of the orchestrator
    abi       version of Landlock to use; 0: none
    seccomp   whether the filter is put on
    read      paths that may be read, and executed
    write     paths that may be written as well
    devices   device files that may be used
    listen    whether the calls worth seeing are put to a process that watches
    private   folders that are emptied after each run; `tmp` and `home` are in them
    disk      folders on a disk that others use too

As a program, `python -I -S confine.py BOX LIMITS COMMAND…` runs a command that way, ends with it, and leaves nothing of it behind.
"""

import ctypes
import os
import struct
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import calls
import filters

PDEATHSIG, DUMPABLE, CAPBSET_DROP, CHILD_SUBREAPER, NO_NEW_PRIVS, CAP_AMBIENT = 1, 4, 24, 36, 38, 47

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
"""Rights by version; from the fifth on, all sixteen."""


def apply(box, *, read=(), write=(), listen=False):
    """`read` and `write` are added to the box's own paths. With `listen`, the descriptor on which the kernel asks about calls, else -1.

    OSError when the kernel refuses a part that the box asks for."""
    calls.prctl(NO_NEW_PRIVS, 1)
    _drop_capabilities()
    if box["abi"]:
        _landlock(box, (*box["read"], *read), (*box["write"], *write))
    return _seccomp(filters.program(box, listen), listen) if box["seccomp"] else -1


def landlock_version():
    """0 when the kernel has none."""
    try:
        return calls.system_call(calls.LANDLOCK_CREATE, 0, 0, 1)
    except OSError:
        return 0


def _drop_capabilities():
    for number in range(64):
        try:
            calls.prctl(CAPBSET_DROP, number)
        except OSError:
            break
    calls.prctl(CAP_AMBIENT, 4)
    calls.checked(calls.LIBC.capset(struct.pack("=Ii", 0x20080522, 0), bytes(24)))


def _landlock(box, read, write):
    """Made by the process that they hold: what `/proc/self` is, is settled here."""
    abi = box["abi"]
    handled = HANDLED.get(abi, (1 << 16) - 1)
    network = 3 if box["profile"] == "code" and not box["alone"] and abi >= 4 else 0
    rules = calls.system_call(calls.LANDLOCK_CREATE, struct.pack("=QQQ", handled, network, 3 if abi >= 6 else 0), _size(abi), 0)
    writing = handled & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEVICE)
    for paths, rights in ((read, READ), (write, writing), (box["devices"], READ | WRITE_FILE | TRUNCATE | IOCTL_DEVICE)):
        for path in paths:
            _permit(rules, path, rights & handled)
    calls.system_call(calls.LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)


def _size(abi):
    return 8 if abi < 4 else 16 if abi < 6 else 24


def _permit(rules, path, rights):
    """What does not exist needs no right."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= ON_FILES
        calls.system_call(calls.LANDLOCK_ADD, rules, 1, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _seccomp(program, listen):
    """1 is SECCOMP_SET_MODE_FILTER, 8 SECCOMP_FILTER_FLAG_NEW_LISTENER."""
    held = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(held))
    descriptor = calls.system_call(calls.SECCOMP[calls.MACHINE], 1, 8 if listen else 0, described)
    return descriptor if listen else -1


def main(arguments):
    import json

    import supervise

    sys.exit(supervise.command(json.loads(arguments[0]), json.loads(arguments[1]), arguments[2:]))


if __name__ == "__main__":
    main(sys.argv[1:])
