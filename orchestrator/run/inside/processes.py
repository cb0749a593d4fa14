"""Processes that this one started, and theirs: who they are, what they take, and ending all of them."""

import os
import signal
import time

import limits


def census(most):
    """(pids of the living processes below this one, their threads in all). Counting ends with more than `most` of the one, or 16 times that of
    the other. Orphans are among them where this process is a subreaper."""
    found, threads, todo = [], 0, [os.getpid()]
    while todo and len(found) <= most and threads <= 16 * most:
        pid = todo.pop()
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        threads += len(tasks)
        for task in tasks:
            for child in map(int, _read(f"/proc/{pid}/task/{task}/children").split()):
                todo.append(child)
                if alive(child):
                    found.append(child)
    return found, threads


def descendants(most=10_000):
    return census(most)[0]


def alive(pid):
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return bool(fields) and fields[0] not in "ZX"


def parent(pid):
    """0 when there is no such process."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def is_below(pid):
    """Whether a process was started by this one, or by what it started."""
    own = os.getpid()
    while pid > 1:
        pid = parent(pid)
        if pid == own:
            return True
    return False


def name(pid):
    """Its command line, without the folder of its program; or the name it goes by, when there is none."""
    words = _read(f"/proc/{pid}/cmdline").strip("\0").split("\0")
    words[0] = os.path.basename(words[0])
    return " ".join(words).strip()[:200] or _read(f"/proc/{pid}/comm").strip()


def memory(pids, limit):
    """Bytes that belong to these processes alone. Pages they share are divided among them only when the sum is over `limit`."""
    sizes = {pid: _anonymous(pid) for pid in pids}
    if sum(sizes.values()) > limit:
        sizes = {pid: _proportional(pid, size) for pid, size in sizes.items()}
    return sum(sizes.values())


def _anonymous(pid):
    fields = _read(f"/proc/{pid}/statm").split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 2 else 0


def _proportional(pid, otherwise):
    """`otherwise` when the process hides what it shares."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) << 10
    return otherwise


def written(folders, pids):
    """Bytes on disk below folders, and in files that these processes hold open although they have no name any more."""
    sizes = {(found.st_dev, found.st_ino): found.st_blocks * 512 for _, found in limits.files(folders)}
    for pid in pids:
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                found = os.stat(f"/proc/{pid}/fd/{descriptor}")
            except OSError:
                continue
            sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())


def kill(leader, alone):
    """One signal to everything that a fork started: nothing can fork faster than that. `alone`: this process lives in a pid namespace of its own,
    and it goes to everybody there; elsewhere to the process group that the fork leads, which what runs inside cannot leave."""
    if alone:
        _kill(os.kill, -1)
    else:
        _kill(os.killpg, leader)


def end_all(alone):
    """Kill whatever is below this process until nothing is, and collect it."""
    for _ in range(1000):
        found = descendants(most=100)
        if found and alone:
            _kill(os.kill, -1)
        for each in {*map(group, found)} - {os.getpgrp(), 0}:
            _kill(os.killpg, each)
        _reap()
        if not found:
            return
        time.sleep(0.005)


def group(pid):
    """Its process group; 0 when it has just ended."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _kill(function, target):
    try:
        function(target, signal.SIGKILL)
    except OSError:
        pass


def _reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _read(path):
    """The text of a small file of the kernel; '' when it cannot be read. It is read after every run: `open` would take three times as long."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        pieces = [os.read(descriptor, 8192)]
        while pieces[-1]:
            pieces.append(os.read(descriptor, 8192))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return b"".join(pieces).decode("utf-8", "replace")
