"""Resource limits, waiting with a deadline, and ending whatever a fork left behind."""

import os
import resource
import select
import shutil
import signal
import stat
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


def wait(pid, seconds, processes):
    """The fork's wait status, or None when it had to be killed at its deadline. Everything it started is gone afterwards.

    More than `processes` alive at once is killed too, with the status of a SIGKILL: for root the kernel's own limit does not count.
    """
    deadline = time.monotonic() + seconds
    descriptor = os.pidfd_open(pid)
    try:
        while True:
            left = deadline - time.monotonic()
            ready = select.select([descriptor], [], [], max(0.0, min(left, 0.05)))[0]
            if ready or left <= 0 or len(_others()) > processes:
                break
    finally:
        os.close(descriptor)
    late = not ready and left <= 0
    if not ready:
        os.kill(-1, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    sweep()
    return None if late else status


def sweep():
    """Kill every process of this pid namespace but pid 1 and this one: a daemon must not survive into the next run.

    One signal to all of them at once, since they may fork faster than they can be listed.
    """
    for _ in range(100):
        if _others():
            try:
                os.kill(-1, signal.SIGKILL)
            except OSError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if not _others():
            return
        time.sleep(0.01)


def _others():
    own = {1, os.getpid(), os.getppid()}
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in own and _alive(name)]


def clear():
    """Empty what a run could write to, so that it leaves nothing to the next one."""
    for folder in ("/tmp", "/dev/shm"):
        for name in os.listdir(folder):
            path = folder + "/" + name
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, onerror=_open_up)
            else:
                os.unlink(path)
    os.mkdir("/tmp/home")


def _open_up(remove, path, _):
    """A folder without permissions is given some, and tried again."""
    try:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    except OSError:
        pass


def _alive(name):
    try:
        with open(f"/proc/{name}/stat") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def tail(path, size=65536):
    """First and last part of a text file, at most `size` bytes of each; '' for anything that is not a plain file."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return ""
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
