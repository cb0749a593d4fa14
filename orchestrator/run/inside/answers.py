"""Answers to the calls that the filter puts to this process: it sees them whatever language made them, and nothing inside can hide one.

Most are only seen and then go on, since something else already refuses them. Where no namespace protects the rest of the disk, a change of
mode or time is made from here, on a file found without following any link, or refused.
"""

import errno
import fcntl
import os
import stat
import struct
import time

import calls
import filters
import processes

RECEIVE, SEND, STILL_VALID = 0xC0502100, 0xC0182101, 0x40082102
GO_ON = 1
FLAGS, RESTART = 8, 0x10000000
"""Where the kernel's `struct sigaction` has its flags, and SA_RESTART among them."""
HERE_AND_NOW = -100
"""AT_FDCWD."""
NAMES = {number: name for name, number in calls.NUMBERS.items()}

PLACES = {
    **dict.fromkeys(("open", "creat", "mkdir", "rmdir", "unlink", "mknod", "truncate", "chmod", "chown", "lchown", "utime", "utimes"), ((None, 0),)),
    **dict.fromkeys(("openat", "mkdirat", "unlinkat", "mknodat", "fchmodat", "fchmodat2", "fchownat", "utimensat", "futimesat"), ((0, 1),)),
    **dict.fromkeys(("fchmod", "fchown"), ((0, None),)),
    **dict.fromkeys(("renameat", "renameat2"), ((0, 1), (2, 3))),
    "rename": ((None, 0), (None, 1)),
    "link": ((None, 1),),
    "linkat": ((2, 3),),
    "symlink": ((None, 1),),
    "symlinkat": ((1, 2),),
}
"""Which arguments name what a call changes: (of a folder's descriptor, of a text)."""

MAKES = {"mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "link", "linkat"}
"""These fail on what exists, and change nothing then."""
HARMLESS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/fd")
LOOKUPS = ("/var/run/nscd/", "/run/nscd/", "/run/systemd/")
"""Sockets that the C library tries by itself."""


class Answers:
    """`own`: the folder of the code under test; `seen(kind, detail)` is told what is worth an incident; `may_start()` is asked whether there may
    be one process more."""

    def __init__(self, box, listener, writable, own, seen, may_start):
        self.box, self.listener, self.seen, self.may_start = box, listener, seen, may_start
        self.writable = [os.path.realpath(path) for path in writable]
        self.own = own and os.path.realpath(own)

    def one(self):
        """Answer one call. False when nobody is left who could make one."""
        asked = bytearray(80)
        try:
            fcntl.ioctl(self.listener, RECEIVE, asked, True)
        except OSError as error:
            return error.errno != errno.ENOENT or bool(processes.descendants())
        number, pid, _, call, _, _, *arguments = struct.unpack("=QIIiIQ6Q", asked)
        failed = self._answer(NAMES.get(call, ""), pid, arguments, number)
        reply = struct.pack("=QqiI", number, 0, -(failed or 0), GO_ON if failed is None else 0)
        try:
            fcntl.ioctl(self.listener, SEND, reply)
        except OSError:
            pass
        return True

    def _answer(self, name, pid, arguments, number):
        """None: the call goes on; 0: it was done here; else the number of the error it fails with."""
        try:
            if name in ("fork", "vfork") or (name == "clone" and not arguments[0] & filters.NAMESPACES):
                return None if self.may_start() else errno.EAGAIN
            if name == "rt_sigaction":
                self._restarting(pid, arguments[1], number)
                return None
            if name in filters.SIGNALS:
                return self._signal(name, pid, arguments)
            if name in ("socket", "socketpair"):
                return self._socket(arguments)
            if name in ("connect", "sendto"):
                return self._connect(name, pid, arguments)
            if name in PLACES:
                return self._write(name, pid, arguments, number)
        except OSError as error:
            return None if self.box["alone"] else error.errno
        except Exception:  # whatever the arguments were made to be, the watching goes on
            return None if self.box["alone"] else errno.EPERM
        self.seen("inspection", f"called {name}")
        return errno.EPERM

    # --- signals

    def _restarting(self, pid, place, number):
        """A handler of SIGCHLD gets SA_RESTART. A fork waits here for its answer, and a child that ends meanwhile would make it fail with EINTR:
        dash, whose handler has no such flag, says "Cannot fork" then, in a pipe as honest as `echo 1 | cat`."""
        try:
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                fcntl.ioctl(self.listener, STILL_VALID, struct.pack("=Q", number))
                (flags,) = struct.unpack("=Q", os.pread(memory.fileno(), 8, place + FLAGS))
            calls.write_memory(pid, place + FLAGS, struct.pack("=Q", flags | RESTART))
        except (OSError, struct.error):
            pass

    def _signal(self, name, pid, arguments):
        target = _signed(arguments[0])
        if name == "pidfd_send_signal":
            target = _of_descriptor(pid, target)
        if target == 0 or (target < -1 and self._is_group_inside(-target)) or (target > 0 and processes.is_below(_process(target))):
            return None
        if target > 0 and not os.path.exists(f"/proc/{target}"):
            return errno.ESRCH
        whom = "every process" if target == -1 else f"process {abs(target)}, which is outside"
        self.seen("signal", f"a signal to {whom}")
        return errno.EPERM

    def _is_group_inside(self, group):
        return any(processes.group(pid) == group for pid in processes.descendants())

    # --- sockets

    def _socket(self, arguments):
        family = arguments[0] & 0xFFFFFFFF
        name = {filters.INET: "an internet socket", filters.INET6: "an internet socket", filters.UNIX: "a socket of this machine"}.get(family)
        if family != filters.NETLINK:
            self.seen("connection", name or f"a socket of family {family}")
        return errno.EPERM

    def _connect(self, name, pid, arguments):
        place, size = (arguments[1], arguments[2]) if name == "connect" else (arguments[4], arguments[5])
        address = _memory(pid, place, min(size, 128))
        family = struct.unpack("=H", address[:2])[0] if len(address) > 1 else 0
        if family == filters.UNIX:
            return self._connect_here(address[2:])
        if family in (filters.INET, filters.INET6):
            self._report(family, address)
        return None

    def _connect_here(self, address):
        path = os.fsdecode(address.split(b"\0")[0])
        if path and not path.startswith(LOOKUPS) and not self._is_writable(os.path.realpath(path)):
            self.seen("connection", f"connect to {path}")
        elif not path and not self.box["alone"]:
            self.seen("connection", f"connect to the abstract socket {os.fsdecode(address[1:]).rstrip(chr(0))}")
        return None if self.box["alone"] else errno.EPERM

    def _report(self, family, address):
        port = struct.unpack(">H", address[2:4])[0]
        if family == filters.INET:
            host = ".".join(map(str, address[4:8]))
            near = address[4:5] == b"\x7f" or address[4:8] == bytes(4)
        else:
            host = ":".join(f"{part:x}" for part in struct.unpack(">8H", address[8:24]))
            near = address[8:24] in (bytes(16), bytes(15) + b"\1")
        if near and port == 53:
            self.seen("connection", "looked up a name")
        elif not near:
            self.seen("connection", f"connect to ({host!r}, {port})")

    # --- files

    def _write(self, name, pid, arguments, number):
        changing = name in filters.MODES
        paths = list(self._paths(name, pid, arguments))
        outside = [path for path in paths if not self._is_writable(path)]
        for path in outside:
            if self._matters(name, path, arguments):
                self.seen("write outside", path)
        if self.box["alone"] or name in ("open", "openat", "creat"):
            return None
        if name in filters.OWNERS or (outside and changing):
            return errno.EPERM
        if changing:
            return self._change(name, pid, arguments, number, paths[0])
        return errno.EACCES if name == "truncate" and outside and self.box["abi"] < 3 else None

    def _paths(self, name, pid, arguments):
        for folder, text in PLACES[name]:
            base = HERE_AND_NOW if folder is None else _signed(arguments[folder])
            given = "" if text is None or not arguments[text] else _text(pid, arguments[text])
            whole = os.path.join(_place(pid, base), given).replace("/proc/self/", f"/proc/{pid}/")
            head, last = os.path.split(whole.rstrip("/") if given else whole)
            follows = name in ("open", "openat", "creat", "truncate") or (name in filters.MODES and not self._keeps_links(name, arguments))
            yield os.path.realpath(whole) if follows or not given else os.path.join(os.path.realpath(head), last)

    def _keeps_links(self, name, arguments):
        return name in ("fchmodat2", "utimensat") and bool(arguments[3] & 0x100)

    def _is_writable(self, path):
        return any(path == folder or path.startswith(folder + "/") for folder in self.writable)

    def _matters(self, name, path, arguments):
        """Not below the code itself, which is only not written; nor when the call would change nothing: what is to be made is there, what is
        to be changed is not, or the folder is missing."""
        own = self.own and (path == self.own or path.startswith(self.own + "/"))
        if own or path.startswith(HARMLESS) or not os.path.isdir(os.path.dirname(path)):
            return False
        if name in ("open", "openat"):
            return os.path.lexists(path) or bool(arguments[1 if name == "open" else 2] & os.O_CREAT)
        return name == "creat" or os.path.lexists(path) != (name in MAKES)

    def _change(self, name, pid, arguments, number, path):
        """Made on the very file that was found to be inside, whatever has taken its place since."""
        times = mode = None
        if name in TIMES:
            where, scale = TIMES[name]
            times = _times(pid, arguments[where], scale)
        else:
            mode = arguments[2 if name.startswith("fchmodat") else 1] & 0o7777
        (folder, text) = PLACES[name][0]
        by_descriptor = text is None or not arguments[text]
        place = _held(f"/proc/{pid}/fd/{_signed(arguments[folder])}") if by_descriptor else _held_without_links(path)
        try:
            fcntl.ioctl(self.listener, STILL_VALID, struct.pack("=Q", number))
            own = f"/proc/self/fd/{place}"
            if not self._is_writable(os.readlink(own)):
                return errno.EPERM
            if stat.S_ISLNK(os.fstat(place).st_mode):
                return 0
            if mode is None:
                os.utime(own, ns=_settled(times, os.stat(own)))
            else:
                os.chmod(own, mode)
        finally:
            os.close(place)
        return 0


TIMES = {"utimensat": (2, 1), "utimes": (1, 1000), "futimesat": (2, 1000), "utime": (1, 0)}
"""Which argument has the times, and how many nanoseconds its small part counts; 0: there is none."""
NOW, AS_IT_IS = (1 << 30) - 1, (1 << 30) - 2


def _times(pid, place, scale):
    """(access, change) in nanoseconds, or the marks NOW and AS_IT_IS."""
    if not place:
        return NOW, NOW
    if not scale:
        return tuple(second * 10**9 for second in struct.unpack("=qq", _memory(pid, place, 16)))
    parts = struct.unpack("=qqqq", _memory(pid, place, 32))
    return tuple(mark if scale == 1 and mark in (NOW, AS_IT_IS) else whole * 10**9 + mark * scale for whole, mark in (parts[:2], parts[2:]))


def _settled(times, found):
    before = (found.st_atime_ns, found.st_mtime_ns)
    return tuple(time.time_ns() if mark == NOW else old if mark == AS_IT_IS else mark for mark, old in zip(times, before, strict=True))


def _held(path):
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _held_without_links(path):
    """Opened only when no link is on the way; 4 is RESOLVE_NO_SYMLINKS."""
    how = struct.pack("=QQQ", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, 0, 4)
    return calls.system_call(calls.OPENAT2, HERE_AND_NOW, os.fsencode(path), how, len(how))


def _signed(value):
    return struct.unpack("=i", struct.pack("=I", value & 0xFFFFFFFF))[0]


def _place(pid, descriptor):
    """The path of a descriptor of another process, or of its working folder."""
    return os.readlink(f"/proc/{pid}/cwd" if descriptor == HERE_AND_NOW else f"/proc/{pid}/fd/{descriptor}")


def _process(task):
    """The process that a thread belongs to."""
    try:
        with open(f"/proc/{task}/status") as stream:
            return next((int(line.split()[1]) for line in stream if line.startswith("Tgid:")), task)
    except OSError:
        return task


def _of_descriptor(pid, descriptor):
    with open(f"/proc/{pid}/fdinfo/{descriptor}") as stream:
        return next((int(line.split()[1]) for line in stream if line.startswith("Pid:")), 0)


def _memory(pid, place, size):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as stream:
        return os.pread(stream.fileno(), size, place)


def _text(pid, place):
    found = b""
    while b"\0" not in found and len(found) < 4096:
        found += _memory(pid, place + len(found), 256 - (place + len(found)) % 256)
    return os.fsdecode(found.split(b"\0")[0])
