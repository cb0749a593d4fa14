"""Resource limits, reading what a fork wrote, and clearing away what it left on disk."""

import os
import resource
import shutil
import stat
import subprocess

OTHERS = 2000
"""Processes that others on the machine may start meanwhile, where the kernel counts them too."""


def apply(limits, alone):
    """`limits`: any of {"memory_mb", "file_mb", "open_files", "processes", "seconds"}. `alone`: the kernel counts no other processes of the user.

    The number of processes is counted in supervise.py too: for root the kernel does not count them.
    """
    if "memory_mb" in limits:
        _set(resource.RLIMIT_AS, limits["memory_mb"] << 20)
    if "file_mb" in limits:
        _set(resource.RLIMIT_FSIZE, limits["file_mb"] << 20)
    if "open_files" in limits:
        _set(resource.RLIMIT_NOFILE, limits["open_files"])
    if "processes" in limits:
        _set(resource.RLIMIT_NPROC, 4 * limits["processes"] + (0 if alone else _tasks() + OTHERS))
    if "seconds" in limits:
        _set(resource.RLIMIT_CPU, int(limits["seconds"]) + 5)
    _set(resource.RLIMIT_CORE, 0)


def _set(what, value):
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def _tasks():
    """Processes and threads of the whole machine: those of the user are not more."""
    with open("/proc/loadavg") as stream:
        return int(stream.read().split()[3].split("/")[1])


def without_space(places):
    """A folder on whose disk less than a hundredth is free; '' when there is none."""
    for folder in places:
        space = os.statvfs(folder)
        if space.f_bavail < space.f_blocks // 100:
            return folder
    return ""


def file_at_limit(places, file_mb):
    """A file that is as large as a file may be; '' when there is none."""
    for path, found in files(places):
        if found.st_size >= file_mb << 20:
            return path
    return ""


def files(places):
    """(path, status) of everything below folders that is no folder, however deep; what cannot be reached is left out."""
    todo = list(places)
    while todo:
        try:
            entries = list(os.scandir(todo.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                else:
                    yield entry.path, entry.stat(follow_symlinks=False)
            except OSError:
                continue


def clear(places, home):
    """Empty what a run could write to, so that it leaves nothing to the next one, and make its home anew."""
    for folder in places:
        os.chmod(folder, 0o700)
        for name in os.listdir(folder):
            path = folder + "/" + name
            try:
                os.unlink(path) if os.path.islink(path) or not os.path.isdir(path) else shutil.rmtree(path)
            except (OSError, RecursionError):  # without permissions, or too deep for one who goes down by names
                subprocess.run(["chmod", "-R", "u+rwX", path], stderr=subprocess.DEVNULL, check=False)
                subprocess.run(["rm", "-rf", path], stderr=subprocess.DEVNULL, check=False)
    os.mkdir(home)


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
