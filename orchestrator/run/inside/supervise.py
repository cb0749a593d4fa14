"""One run of code that nobody trusts, in a fork that shuts itself in, watched from here until nothing of it is left.

    fork = supervise.Fork(box, limits, read=[root])
    if fork.pid == 0:
        …                       # shut in
        os._exit(0)
    ended = fork.wait(seconds)  # Ended(code, incidents)

Here arrive the calls that the filter puts to this process (answers.py) and what the hook in the fork noticed (hook.py); here processes, memory
and disk are counted; and here everything is ended that the fork leaves behind.
"""

import _socket
import collections
import gc
import json
import os
import select
import signal
import struct
import sys
import time

import answers
import calls
import confine
import filters
import hook
import limits as resource_limits
import processes

HERE = os.path.dirname(os.path.abspath(__file__))
TICK, SLOWEST = 0.02, 0.1
GRACE = 0.3
FOREVER = 1e9
"""Seconds: between two counts, at first and of what has run for long (a fiftieth of its time); what helpers of the standard library have to end by
themselves; a wait without a limit."""
HELPERS = ("from multiprocessing.resource_tracker import", "from multiprocessing.forkserver import")
MOST = 20
"""Incidents that are kept of those the kernel named, and of those the hook named."""

Ended = collections.namedtuple("Ended", "code incidents")
"""`code`: an exit code, negative a signal's number, None when it was killed at its time limit. `incidents`: [kind, detail, where]."""


def prepare(box):
    """Once, before the first fork: what is orphaned comes to this process, nobody reads its memory, and no fork's collector goes through what
    was there before it.

    A signal to everybody is only ever sent in a pid namespace that is not the orchestrator's.
    """
    if box["alone"] and os.readlink("/proc/self/ns/pid") == box["outside"]:
        sys.exit("the sandbox has no pid namespace of its own")
    calls.prctl(confine.CHILD_SUBREAPER, 1)
    calls.prctl(confine.DUMPABLE, 0)
    if box["seccomp"]:
        filters.program(box, box["listen"])  # every fork finds it made
    gc.freeze()
    gc.enable()


class Fork:
    """`read`, `write`: paths this run has besides the box's own. `root`: where the code under test lies; `hidden`: what it has no business with.

    `limits`: {"processes", "memory_mb", "file_mb", "disk_mb"}, or {} for none; `where` names the run in its incidents until the run names a test.
    """

    def __init__(self, box, limits, *, read=(), write=(), root="", hidden=(), where=""):
        self.box, self.limits, self.root, self.where = box, limits, root, where
        self.kernel, self.hook = [], []
        self.rest = b""
        self.grace = GRACE
        self.known = limits.get("processes", 0)
        self.bombed = False
        self.disk = [*box["disk"], *write]
        self.free = _free(self.disk)
        notes, notes_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        here, there = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self.pid = os.fork()
        if self.pid == 0:
            here.close()
            os.close(notes)
            self.notes = notes_out
            _enter(box, there, read, write)
            if root:
                hook.install(notes_out, root, hidden)
            return
        there.close()
        os.close(notes_out)
        self.notes = notes
        listener = _received(here)
        here.close()
        self.answers = None if listener is None else answers.Answers(box, listener, (*box["write"], *write), root, self._seen, self._may_start)

    def test(self, name):
        """In the fork: from here on, what happens belongs to this test."""
        hook.write(self.notes, {"test": name})

    def wait(self, seconds):
        """Until the fork ends or is ended; nothing of it is alive afterwards."""
        descriptor = os.pidfd_open(self.pid)
        try:
            how = self._follow(descriptor, time.monotonic() + seconds)
            if how == "late":
                self._seen("time", f"ended after {seconds:g} s")
            if how == "ended":
                self._leave_behind()
            processes.kill(self.pid, self.box["alone"])
            status = os.waitpid(self.pid, 0)[1]
            processes.end_all(self.box["alone"])
            self._read_notes()
        finally:
            os.close(descriptor)
            os.close(self.notes)
            if self.answers:
                os.close(self.answers.listener)
        code = os.waitstatus_to_exitcode(status)
        if how == "ended" and code < 0:
            self._seen("signal", f"died by {_signal_name(-code)}")
        if self.limits and self.limits["file_mb"] and (path := resource_limits.file_at_limit(self.box["private"], self.limits["file_mb"])):
            self._seen("file size", f"{path}: a file may have {self.limits['file_mb']} MB")
        return Ended(None if how == "late" else code, [*self.kernel, *self.hook])

    def _follow(self, descriptor, deadline):
        """`ended`: the process of the descriptor did, or, without one, all of them; `late`: the deadline passed; `stopped`: it took too much."""
        poll = select.poll()
        for source in (descriptor, self.notes, self.answers and self.answers.listener):
            if source is not None:
                poll.register(source, select.POLLIN)
        began = time.monotonic()
        tick = began + TICK
        while True:
            now = time.monotonic()
            if now >= tick:
                found, threads = processes.census(self.limits.get("processes", 10_000))
                if descriptor is None and not found:
                    return "ended"
                if self._too_much(found, threads):
                    return "stopped"
                tick = time.monotonic() + max(TICK, min(SLOWEST, (now - began) / 50), 4 * (time.monotonic() - now))
            if now >= deadline:
                return "late"
            ready = dict(poll.poll(max(0.0, min(deadline, tick) - now) * 1000))
            if self.notes in ready and not self._read_notes():
                poll.unregister(self.notes)
            if self.answers and ready.get(self.answers.listener, 0):
                if not self.answers.one():
                    poll.unregister(self.answers.listener)
                if self.bombed:
                    return "stopped"
            elif descriptor in ready:
                return "ended"

    def _may_start(self):
        """Whether one process more is within the limit. They are counted only when those allowed since the last count could be too many."""
        if not self.limits:
            return True
        self.known += 1
        if self.known > self.limits["processes"]:
            self.known = len(processes.descendants(self.limits["processes"])) + 1
        self.bombed = self.known > self.limits["processes"]
        if self.bombed:
            self._seen("processes", f"more than {self.limits['processes']} processes at once")
        return not self.bombed

    def _too_much(self, found, threads):
        limits = self.limits
        if not limits:
            return False
        if len(found) > limits["processes"]:
            self._seen("processes", f"more than {limits['processes']} processes at once")
            return True
        if threads > 16 * limits["processes"]:
            self._seen("processes", f"more than {16 * limits['processes']} threads at once")
            return True
        if processes.memory(found, limits["memory_mb"] << 20) > limits["memory_mb"] << 20:
            self._seen("memory", f"more than {limits['memory_mb']} MB in all its processes together")
            return True
        if self.box["alone"] and (folder := resource_limits.without_space(self.box["private"])):
            self._seen("file size", f"no space is left in {folder}")
        most = limits["disk_mb"] << 20
        if self.free - _free(self.disk) > most and processes.written(self.disk, found) > most:
            self._seen("file size", f"more than {limits['disk_mb']} MB in all its files together")
            return True
        return False

    def _leave_behind(self):
        """Helpers of the standard library end with the process they help: they are given a moment. What is alive then was left behind."""
        if processes.descendants() and self._follow(None, time.monotonic() + self.grace) == "late":
            for name in map(processes.name, processes.descendants()):
                if not any(helper in name for helper in HELPERS):
                    self._seen("left behind", name)

    def _seen(self, kind, detail):
        _keep(self.kernel, [kind, detail, self.where])

    def _read_notes(self):
        """False when nobody can write any more."""
        while True:
            try:
                piece = os.read(self.notes, 65536)
            except BlockingIOError:
                return True
            if not piece:
                return False
            *lines, self.rest = (self.rest + piece)[-1 << 20 :].split(b"\n")
            for line in lines:
                self._note(line)

    def _note(self, line):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict) and isinstance(found.get("test"), str):
            self.where = found["test"]
        elif isinstance(found, list) and len(found) == 2 and found[0] in ("inspection", "connection") and isinstance(found[1], str):
            _keep(self.hook, [found[0], found[1][:300], self.where])


def _enter(box, there, read, write):
    try:
        os.setsid()
        calls.prctl(confine.PDEATHSIG, signal.SIGKILL)
        calls.prctl(confine.DUMPABLE, 1)
        listener = confine.apply(box, read=read, write=write, listen=box["listen"])
        if listener >= 0:
            there.sendmsg([b"x"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", listener))])
            os.close(listener)
        there.close()
    except BaseException as error:
        os.write(2, f"the sandbox could not be closed: {error!r}\n".encode())
        os._exit(70)


def _received(here):
    """The descriptor that the fork sent, or None when it has no filter or ended before."""
    _, sent, _, _ = here.recvmsg(1, _socket.CMSG_SPACE(4))
    return struct.unpack("i", sent[0][2])[0] if sent else None


def _free(folders):
    """Bytes free where the run writes to a disk that it shares."""
    spaces = map(os.statvfs, folders)
    return min((space.f_bfree * space.f_frsize for space in spaces), default=0)


def _keep(incidents, incident):
    if incident not in incidents and len(incidents) < MOST:
        incidents.append(incident)


def _signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def command(box, limits, argv):
    """Run a command in the box with this process's standard streams, and end everything it started. What ended it is said on standard error.

    The exit code is the command's; 128 and a signal's number when it died of one. SIGTERM ends all of it.
    """
    prepare(box)
    resource_limits.apply({key: limits[key] for key in ("file_mb",) if key in limits}, box["alone"])
    signal.signal(signal.SIGTERM, _stop)
    calls.prctl(confine.PDEATHSIG, signal.SIGTERM)
    try:
        fork = Fork(box, limits)
        if fork.pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _become(argv)
        ended = fork.wait(FOREVER)
    finally:
        processes.end_all(box["alone"])
    for kind, detail, _ in ended.incidents:
        if kind in ("processes", "memory", "file size"):
            sys.stderr.write(f"ended by the sandbox: {detail}\n")
    return ended.code if ended.code >= 0 else 128 - ended.code


def _become(argv):
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _stop(*_):
    raise SystemExit(143)


def before_packages(sources):
    """The search path with the project's folders after the standard library and before what is installed."""
    first = next((number for number, path in enumerate(sys.path) if "site-packages" in path or "dist-packages" in path), len(sys.path))
    return [*sys.path[:first], *sources, *sys.path[first:]]


def set_up(fork, sources, folder, clock_shift):
    """In the fork: what Python programs take on that the code under test starts, and where their compiled files go."""
    sys.pycache_prefix = folder + "/pycache"
    os.environ |= {
        "PYTHONPATH": os.pathsep.join([HERE + "/children", *sources]),
        "PYTHONPYCACHEPREFIX": folder + "/pycache-children",
        "SANDBOX_NOTES": f"/proc/{os.getpid()}/fd/{fork.notes}",
        "SANDBOX_ROOT": fork.root,
        "SANDBOX_CLOCK_SHIFT": str(clock_shift),
    }


def leave_no_trace():
    """A project may have modules with the names of ours, so ours are not to be found under them."""
    sys.path.remove(HERE)
    for name, module in list(sys.modules.items()):
        if name != "__main__" and os.path.dirname(getattr(module, "__file__", None) or "") == HERE:
            del sys.modules[name]
