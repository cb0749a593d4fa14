"""Numbers of system calls for the two machines the filter is written for, and the C library's way to make one."""

import ctypes
import os
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What the kernel calls each machine in a filter."""

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
LIBC.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)

_X86_64 = """
ptrace 101 process_vm_readv 310 process_vm_writev 311 mount 165 umount2 166 pivot_root 155 chroot 161 move_mount 429 open_tree 428 fsopen 430
fsconfig 431 fsmount 432 fspick 433 mount_setattr 442 unshare 272 setns 308 bpf 321 perf_event_open 298 keyctl 250 add_key 248 request_key 249
userfaultfd 323 open_by_handle_at 304 pidfd_getfd 438 kexec_load 246 kexec_file_load 320 init_module 175 finit_module 313 delete_module 176 reboot
169 swapon 167 swapoff 168 settimeofday 164 clock_settime 227 clock_adjtime 305 adjtimex 159 acct 163 quotactl 179 quotactl_fd 443 sethostname 170
setdomainname 171 iopl 172 ioperm 173 syslog 103 vhangup 153 fanotify_init 300 kcmp 312 process_madvise 440 process_mrelease 448 move_pages 279
migrate_pages 256 fork 57 vfork 58 clone3 435 memfd_create 319 memfd_secret 447 io_uring_setup 425 io_uring_enter 426 io_uring_register 427 shmget
29 msgget 68 semget 64 mq_open 240 openat2 437 clone 56 personality 135 ioctl 16 prlimit64 302 setpriority 141 sched_setaffinity 203
sched_setscheduler 144 sched_setparam 142 sched_setattr 314 ioprio_set 251 kill 62 tkill 200 tgkill 234 rt_sigqueueinfo 129 rt_tgsigqueueinfo 297
rt_sigaction 13
pidfd_send_signal 424 setsid 112 setpgid 109 socket 41 socketpair 53 connect 42 sendto 44 open 2 openat 257 creat 85 mkdir 83 mkdirat 258 rmdir 84
unlink 87 unlinkat 263 rename 82 renameat 264 renameat2 316 link 86 linkat 265 symlink 88 symlinkat 266 mknod 133 mknodat 259 truncate 76 chmod 90
fchmod 91 fchmodat 268 fchmodat2 452 chown 92 lchown 94 fchown 93 fchownat 260 utime 132 utimes 235 futimesat 261 utimensat 280 setxattr 188
lsetxattr 189 fsetxattr 190 removexattr 197 lremovexattr 198 fremovexattr 199
"""

_AARCH64 = """
ptrace 117 process_vm_readv 270 process_vm_writev 271 mount 40 umount2 39 pivot_root 41 chroot 51 move_mount 429 open_tree 428 fsopen 430
fsconfig 431 fsmount 432 fspick 433 mount_setattr 442 unshare 97 setns 268 bpf 280 perf_event_open 241 keyctl 219 add_key 217
request_key 218 userfaultfd 282 open_by_handle_at 265 pidfd_getfd 438 kexec_load 104 kexec_file_load 294 init_module 105 finit_module 273
delete_module 106 reboot 142 swapon 224 swapoff 225 settimeofday 170 clock_settime 112 clock_adjtime 266 adjtimex 171 acct 89 quotactl 60
quotactl_fd 443 sethostname 161 setdomainname 162 syslog 116 vhangup 58 fanotify_init 262 kcmp 272 process_madvise 440
process_mrelease 448 move_pages 239 migrate_pages 238 clone3 435 memfd_create 279 memfd_secret 447 io_uring_setup 425 io_uring_enter 426
io_uring_register 427 shmget 194 msgget 186 semget 190 mq_open 180 openat2 437 clone 220 personality 92 ioctl 29 prlimit64 261
setpriority 140 sched_setaffinity 122 sched_setscheduler 119 sched_setparam 118 sched_setattr 274 ioprio_set 30 kill 129 tkill 130
rt_sigaction 134
tgkill 131 rt_sigqueueinfo 138 rt_tgsigqueueinfo 240 pidfd_send_signal 424 setsid 157 setpgid 154 socket 198 socketpair 199 connect 203
sendto 206 openat 56 mkdirat 34 unlinkat 35 renameat 38 renameat2 276 linkat 37 symlinkat 36 mknodat 33 truncate 45 fchmod 52
fchmodat 53 fchmodat2 452 fchown 55 fchownat 54 utimensat 88 setxattr 5 lsetxattr 6 fsetxattr 7 removexattr 14 lremovexattr 15
fremovexattr 16
"""


def _table(text):
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


MACHINE = os.uname().machine
NUMBERS = _table({"x86_64": _X86_64, "aarch64": _AARCH64}.get(MACHINE, ""))
"""Name → number; empty on a machine the filter is not written for."""

SECCOMP = {"x86_64": 317, "aarch64": 277}
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT, OPENAT2 = 444, 445, 446, 437


def system_call(number, *arguments):
    """The answer of a system call. OSError when it failed."""
    converted = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return checked(LIBC.syscall(ctypes.c_long(number), *converted))


def prctl(option, *arguments):
    return checked(LIBC.prctl(option, *(*arguments, 0, 0, 0, 0)[:4]))


def write_memory(pid, address, data):
    """Into a process below this one, whose file `mem` Landlock lets nobody write to."""
    held = ctypes.create_string_buffer(data, len(data))
    here, there = (struct.pack("=QQ", start, len(data)) for start in (ctypes.addressof(held), address))
    system_call(NUMBERS["process_vm_writev"], pid, here, 1, there, 1, 0)


def checked(answer):
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
