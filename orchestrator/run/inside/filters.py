"""The seccomp filter, as the bytes the kernel takes. Standard library only, no C library's help: the numbers are in calls.py.

Four answers to a call: it is allowed; it fails with an error; it is as if the kernel did not know it; or it is put to the process that
watches (`notify`), which sees it, and lets it go on, answers it itself or refuses it: supervise.py and answers.py.
"""

import errno
import struct

import calls

ALLOW = 0x7FFF0000
NOTIFY = 0x7FC00000
FAIL = 0x00050000
TRACE = 0x7FF00000
"""Without a tracer it fails as an unknown call. It gives way to `notify` of a filter that is put on later, which an error does not."""
KILL = 0x80000000

REFUSED = """
ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr
unshare setns bpf perf_event_open keyctl add_key request_key userfaultfd open_by_handle_at pidfd_getfd kexec_load kexec_file_load
init_module finit_module delete_module reboot swapon swapoff settimeofday clock_settime clock_adjtime adjtimex acct quotactl quotactl_fd
sethostname setdomainname iopl ioperm syslog vhangup fanotify_init kcmp process_madvise process_mrelease move_pages migrate_pages
""".split()
"""What no honest program under test calls; refused, and seen."""

ABSENT = """
clone3 io_uring_setup io_uring_enter io_uring_register
""".split()
"""Programs fall back to something else when the kernel does not know these."""

ABSENT_IN_CODE = "memfd_create memfd_secret shmget msgget semget mq_open".split()
"""Memory that no limit counts, or that stays when its process has ended."""

SIGNALS = "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal".split()
WRITES = """
creat mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mknod mknodat truncate
""".split()
MODES = "chmod fchmod fchmodat fchmodat2 utime utimes futimesat utimensat".split()
OWNERS = "chown lchown fchown fchownat".split()
ATTRIBUTES = "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr".split()

LAST_KNOWN = 462
"""Calls newer than this file are unknown to what runs inside; so is x86_64's second way to make every call."""

NAMESPACES = 0x7E020000
THREAD = 0x10000
"""CLONE_THREAD: not a process of its own."""
WRITING = 0o1103
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC."""
TERMINAL = (0x5412, 0x541C, 0x5423)
"""TIOCSTI, TIOCLINUX, TIOCSETD: typing into a terminal."""

CHILD_SIGNAL = 17
"""SIGCHLD. Who has a handler for it is told to go on with a call that it interrupted: answers.py says why."""

UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
STREAM, SEQPACKET = 1, 5


def when(argument, value, then, otherwise, mask=0xFFFFFFFF):
    return argument, mask, value, then, otherwise


def rules(box, listen):
    """Call → what is answered: an action, or a choice made by `when`."""
    code, alone = box["profile"] == "code", box["alone"]
    refuse = NOTIFY if listen else TRACE
    seen = NOTIFY if listen else ALLOW
    found = dict.fromkeys(REFUSED, refuse)
    found |= dict.fromkeys((*ABSENT, *(ABSENT_IN_CODE if code else ())), FAIL | errno.ENOSYS)
    starts = NOTIFY if listen else ALLOW
    found |= {"fork": starts, "vfork": starts, "clone": when(0, 0, when(0, 0, starts, ALLOW, THREAD), refuse, NAMESPACES)}
    if listen:
        found["rt_sigaction"] = when(0, CHILD_SIGNAL, when(1, 0, ALLOW, NOTIFY), ALLOW)
    else:
        found["process_vm_writev"] = ALLOW  # for the one who watches; what it shuts in has the filter above as well
    found["personality"] = when(0, 0xFFFFFFFF, ALLOW, FAIL | errno.EPERM)
    found["ioctl"] = _any(1, TERMINAL, FAIL | errno.EPERM, ALLOW)
    found |= _sockets(code, alone, refuse, seen)
    if code or box["abi"] < 6:
        found |= dict.fromkeys(SIGNALS, seen)
    if code and listen:
        found["openat2"] = FAIL | errno.ENOSYS
        found["open"] = when(1, 0, ALLOW, NOTIFY, WRITING)
        found["openat"] = when(2, 0, ALLOW, NOTIFY, WRITING)
        found |= dict.fromkeys((*WRITES, *MODES, *OWNERS), NOTIFY)
    if not alone:
        on_others = {"prlimit64": 0, "sched_setaffinity": 0, "sched_setscheduler": 0, "sched_setparam": 0, "sched_setattr": 0, "ioprio_set": 1}
        found |= {name: when(place, 0, ALLOW, FAIL | errno.EPERM) for name, place in on_others.items()}
        found["setpriority"] = when(0, 0, when(1, 0, ALLOW, FAIL | errno.EPERM), FAIL | errno.EPERM)
        if listen:
            found |= dict.fromkeys(("setsid", "setpgid"), FAIL)
            found |= dict.fromkeys((*MODES, *OWNERS), NOTIFY)
            found |= dict.fromkeys(ATTRIBUTES, FAIL | errno.ENOTSUP)
    return found


def _sockets(code, alone, refuse, seen):
    """With a network of its own, code may have sockets and its connections are seen. Without, it has what goes between its own processes.
    An agent has the network, and of the machine's own sockets none that it could reach by a name."""
    stream = when(1, STREAM, ALLOW, when(1, SEQPACKET, ALLOW, refuse, 0xF), 0xF)
    if code and not alone:
        return {"socket": when(0, UNIX, stream, refuse), "socketpair": stream, "connect": seen}
    families = (INET, INET6, NETLINK, UNIX) if alone else (INET, INET6, NETLINK)
    found = {"socket": _any(0, families, ALLOW, refuse), "socketpair": ALLOW if alone else stream}
    if code:
        found |= {"connect": seen, "sendto": when(4, 0, ALLOW, seen)}
    return found


def _any(argument, values, then, otherwise):
    for value in values:
        otherwise = when(argument, value, then, otherwise)
    return otherwise


def program(box, listen):
    """The filter as bytes, or b'' on a machine whose calls are not known here. It is made once for each way to be shut in."""
    key = (*map(box.get, ("profile", "alone", "abi")), listen)
    if key not in _made:
        _made[key] = _program(box, listen)
    return _made[key]


_made = {}


def _program(box, listen):
    if not calls.NUMBERS:
        return b""
    lines = [_load(4), _jump(0x15, calls.AUDIT_ARCH[calls.MACHINE], 1, 0), _answer(KILL), _load(0)]
    lines += [_jump(0x25, LAST_KNOWN, 0, 1), _answer(FAIL | errno.ENOSYS)]
    for name, choice in rules(box, listen).items():
        if name in calls.NUMBERS:
            body = _compiled(choice)
            lines += [_jump(0x15, calls.NUMBERS[name], 0, len(body)), *body]
    return b"".join([*lines, _answer(ALLOW)])


def _compiled(choice):
    if isinstance(choice, int):
        return [_answer(choice)]
    argument, mask, value, then, otherwise = choice
    first, second = _compiled(then), _compiled(otherwise)
    masked = [] if mask == 0xFFFFFFFF else [struct.pack("=HBBI", 0x54, 0, 0, mask)]
    return [_load(16 + 8 * argument), *masked, _jump(0x15, value, 0, len(first)), *first, *second]


def _load(offset):
    return struct.pack("=HBBI", 0x20, 0, 0, offset)


def _jump(code, value, yes, no):
    return struct.pack("=HBBI", code, yes, no, value)


def _answer(action):
    return struct.pack("=HBBI", 0x06, 0, 0, action)
