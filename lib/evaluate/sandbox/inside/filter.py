# What a program may ask of the kernel: a seccomp filter that allows what is listed here. Whatever else there is, or will
# be, does not exist for the program (ENOSYS): tracing, other namespaces, mounts, keys, io_uring, bpf, modules, memory that
# no process maps (memfd, System V), clone3 (the C library then takes clone). Needs Python alone; x86-64 and aarch64.

import ctypes
import errno
import os
import platform

# Name, number on x86-64, number on aarch64: of the kernel's tables, which never change.
CALLS = """
read 0 63; write 1 64; readv 19 65; writev 20 66; pread64 17 67; pwrite64 18 68; preadv 295 69; pwritev 296 70
open 2 -; creat 85 -; openat 257 56; openat2 437 437; close 3 57; close_range 436 436; dup 32 23; dup2 33 -
dup3 292 24; lseek 8 62; stat 4 -; fstat 5 80; lstat 6 -; newfstatat 262 79; statx 332 291; access 21 -
faccessat 269 48; faccessat2 439 439; statfs 137 43; fstatfs 138 44; getdents 78 -; getdents64 217 61; getcwd 79 17
chdir 80 49; fchdir 81 50; readlink 89 -; readlinkat 267 78; truncate 76 45; ftruncate 77 46; fallocate 285 47
fsync 74 82; fdatasync 75 83; flock 73 32; umask 95 166; rename 82 -; renameat 264 38; renameat2 316 276; mkdir 83 -
mkdirat 258 34; rmdir 84 -; link 86 -; linkat 265 37; unlink 87 -; unlinkat 263 35; symlink 88 -; symlinkat 266 36
mknod 133 -; mknodat 259 33; chmod 90 -; fchmod 91 52; fchmodat 268 53; fchmodat2 452 452; chown 92 -; fchown 93 55
lchown 94 -; fchownat 260 54; utime 132 -; utimes 235 -; futimesat 261 -; utimensat 280 88; getxattr 191 8
lgetxattr 192 9; fgetxattr 193 10; listxattr 194 11; llistxattr 195 12; flistxattr 196 13; ioctl 16 29; pipe 22 -
pipe2 293 59; poll 7 -; ppoll 271 73; select 23 -; pselect6 270 72; epoll_create 213 -; epoll_create1 291 20
epoll_ctl 233 21; epoll_wait 232 -; epoll_pwait 281 22; epoll_pwait2 441 441; eventfd 284 -; eventfd2 290 19
signalfd 282 -; signalfd4 289 74; timerfd_create 283 85; timerfd_settime 286 86; timerfd_gettime 287 87
munmap 11 215; mprotect 10 226; mremap 25 216; msync 26 227; mincore 27 232; madvise 28 233; brk 12 214; fork 57 -
vfork 58 -; execve 59 221; exit 60 93; exit_group 231 94; wait4 61 260; waitid 247 95; kill 62 129; tkill 200 130
tgkill 234 131; pause 34 -; rt_sigaction 13 134; rt_sigprocmask 14 135; rt_sigreturn 15 139; rt_sigpending 127 136
rt_sigsuspend 130 133; rt_sigtimedwait 128 137; sigaltstack 131 132; restart_syscall 219 128; nanosleep 35 101
clock_nanosleep 230 115; clock_gettime 228 113; clock_getres 229 114; gettimeofday 96 169; time 201 -; times 100 153
alarm 37 -; getitimer 36 102; setitimer 38 103; timer_create 222 107; timer_settime 223 110; timer_gettime 224 108
timer_getoverrun 225 109; timer_delete 226 111; getpid 39 172; getppid 110 173; gettid 186 178; getpgrp 111 -
getpgid 121 155; setpgid 109 154; getsid 124 156; setsid 112 157; getuid 102 174; geteuid 107 175; getgid 104 176
getegid 108 177; getresuid 118 148; getresgid 120 150; getgroups 115 158; capget 125 90; getrlimit 97 163
setrlimit 160 164; getrusage 98 165; sysinfo 99 179; uname 63 160; getpriority 140 141; getcpu 309 168
sched_yield 24 124; sched_getaffinity 204 123; sched_getparam 143 121; sched_getscheduler 145 120
sched_get_priority_max 146 125; sched_get_priority_min 147 126; sched_rr_get_interval 148 127; futex 202 98
futex_waitv 449 449; set_robust_list 273 99; get_robust_list 274 100; set_tid_address 218 96; rseq 334 293
membarrier 324 283; arch_prctl 158 -; getrandom 318 278; bind 49 200; connect 42 203; listen 50 201; accept 43 202
accept4 288 242; getsockname 51 204; getpeername 52 205; sendto 44 206; recvfrom 45 207; sendmsg 46 211
recvmsg 47 212; shutdown 48 210; getsockopt 55 209
"""

# Those that are allowed for some arguments only.
MMAP = (9, 222)
CLONE = (56, 220)
SOCKET = (41, 198)
SOCKETPAIR = (53, 199)
SETSOCKOPT = (54, 208)
FCNTL = (72, 25)
PRCTL = (157, 167)
PRLIMIT = (302, 261)

# AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7), "arm64": (1, 0xC00000B7)}

NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
HUGE_PAGES = 0x40000  # MAP_HUGETLB: counted nowhere
SHARED_ANONYMOUS = 0x21  # MAP_SHARED | MAP_ANONYMOUS: memory that stays where no page table shows it any more
UNIX = 1  # AF_UNIX
SOL_SOCKET = 1
BUFFER_SIZES = (7, 32)  # SO_SNDBUF, SO_SNDBUFFORCE
SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ
# PR_SET/GET_PDEATHSIG, GET/SET_DUMPABLE, SET/GET_NAME, CAPBSET_READ, SET/GET_NO_NEW_PRIVS
OF_ITSELF = (1, 2, 3, 4, 15, 16, 23, 38, 39)

# linux/filter.h and linux/seccomp.h
LOAD, AND, EQUAL, AT_LEAST, ABOVE, ANY_OF, RETURN = 0x20, 0x54, 0x15, 0x35, 0x25, 0x45, 0x06
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000


def argument(at):
    """Loads the lower half of an argument; both machines are little-endian, and the kernel reads no more of these."""
    return (LOAD, 0, 0, ARGUMENTS + 8 * at)


def only(values, refusal):
    """Allows the loaded value if it is one of these."""
    return [step for value in values for step in ((EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW))] + [
        (RETURN, 0, 0, FAIL | refusal)
    ]


def never(values, refusal):
    """Allows the loaded value unless it is one of these."""
    return [step for value in values for step in ((EQUAL, 0, 1, value), (RETURN, 0, 0, FAIL | refusal))] + [
        (RETURN, 0, 0, ALLOW)
    ]


def filter_program(machine):
    """The filter's instructions (code, jump if true, jump if false, operand); OSError for a machine without a table."""
    if machine not in MACHINES:
        raise OSError("programs are contained on x86-64 and aarch64 only, this is " + machine)
    column, audit = MACHINES[machine]
    rules = [
        (CLONE, [argument(0), (ANY_OF, 0, 1, NAMESPACES), (RETURN, 0, 0, FAIL | errno.EPERM), (RETURN, 0, 0, ALLOW)]),
        (SOCKET, [argument(0)] + only([UNIX], errno.EAFNOSUPPORT)),
        (SOCKETPAIR, [argument(0)] + only([UNIX], errno.EAFNOSUPPORT)),
        (PRLIMIT, [argument(0)] + only([0], errno.EPERM)),
        (PRCTL, [argument(0)] + only(OF_ITSELF, errno.EINVAL)),
        (FCNTL, [argument(1)] + never([SET_PIPE_SIZE], errno.EPERM)),
        (
            SETSOCKOPT,
            [argument(1), (EQUAL, 1, 0, SOL_SOCKET), (RETURN, 0, 0, ALLOW), argument(2)]
            + never(BUFFER_SIZES, errno.EPERM),
        ),
        (
            MMAP,
            [argument(3), (ANY_OF, 0, 1, HUGE_PAGES), (RETURN, 0, 0, FAIL | errno.EPERM), (AND, 0, 0, SHARED_ANONYMOUS)]
            + never([SHARED_ANONYMOUS], errno.EPERM),
        ),
    ]
    steps = [(LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    for numbers, rule in rules:
        steps += [(EQUAL, 0, len(rule), numbers[column])] + rule
    entries = (entry.split() for entry in CALLS.replace("\n", ";").split(";") if entry.strip())
    for first, last in ranges(sorted(int(entry[1 + column]) for entry in entries if entry[1 + column] != "-")):
        steps += [(AT_LEAST, 0, 2, first), (ABOVE, 1, 0, last), (RETURN, 0, 0, ALLOW)]
    return steps + [(RETURN, 0, 0, FAIL | errno.ENOSYS)]


def ranges(numbers):
    """Consecutive numbers as (first, last)."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("steps", ctypes.POINTER(Instruction))]


LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option, value, pointer=0):
    """OSError where the kernel refuses."""
    more = [ctypes.c_ulong(value), ctypes.c_void_p(pointer), ctypes.c_ulong(0), ctypes.c_ulong(0)]
    if LIBC.prctl(ctypes.c_int(option), *more) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "prctl(" + str(option) + "): " + os.strerror(number))


def drop_capabilities():
    """Also the inheritable ones, which a change of users leaves."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if LIBC.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def compiled_rules():
    """The filter as the kernel takes it, made once for all processes."""
    steps = filter_program(platform.machine())
    return FilterProgram(len(steps), (Instruction * len(steps))(*steps))


def install(rules):
    """From now on, for this process and what it starts, for good."""
    prctl(38, 1)  # PR_SET_NO_NEW_PRIVS
    prctl(22, 2, ctypes.addressof(rules))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
