"""Resource limits, waiting with a deadline, and ending whatever a fork left behind."""

import os
import resource
import select
import signal
import time


def apply(limits):
    """`limits`: {"memory_mb", "file_mb", "processes", "seconds"}."""
    _set(resource.RLIMIT_AS, limits["memory_mb"] << 20)
    _set(resource.RLIMIT_FSIZE, limits["file_mb"] << 20)
    _set(resource.RLIMIT_NPROC, limits["processes"])
    _set(resource.RLIMIT_CPU, int(limits["seconds"]) + 5)
    _set(resource.RLIMIT_CORE, 0)


def _set(what, value):
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def wait(pid, seconds):
    """The fork's wait status, or None when it had to be killed at its deadline. Everything it started is gone afterwards."""
    descriptor = os.pidfd_open(pid)
    try:
        ready = select.select([descriptor], [], [], seconds)[0]
    finally:
        os.close(descriptor)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    sweep()
    return status if ready else None


def sweep():
    """Kill every process of this pid namespace but pid 1 and this one: a daemon must not survive into the next run."""
    own = {1, os.getpid(), os.getppid()}
    for _ in range(50):
        others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in own and _alive(name)]
        if not others:
            return
        for pid in others:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.01)


def _alive(name):
    try:
        with open(f"/proc/{name}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def tail(path, size=65536):
    """First and last part of a text file, at most `size` bytes of each."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(size)
            stream.seek(0, 2)
            total = stream.tell()
            if total > 2 * size:
                stream.seek(total - size)
                return head.decode("utf-8", "replace") + f"\n… {total - 2 * size} bytes left out …\n" + stream.read().decode("utf-8", "replace")
            stream.seek(len(head))
            return (head + stream.read()).decode("utf-8", "replace")
    except OSError:
        return ""
