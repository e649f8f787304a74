# A program that tries to get out of its sandbox, by every way that can be tried in a moment, and gives what worked. FACTS
# comes before it. It runs beside a checker, as what a model wrote does, and tries to reach that as well.

import ctypes
import errno
import os
import platform
import resource
import socket

# Numbers on x86-64 and on aarch64 of calls that must not be there. With arguments that do nothing.
ABSENT = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kcmp": (312, 272), "process_madvise": (440, 440),
    "unshare": (272, 97), "setns": (308, 268), "clone3": (435, 435), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "kexec_load": (246, 104), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "vmsplice": (278, 75),
    "splice": (275, 76), "tee": (276, 77), "open_by_handle_at": (304, 265), "setresuid": (117, 147),
    "setpriority": (141, 140), "sched_setaffinity": (203, 122), "personality": (135, 92),
}  # fmt: skip
COLUMN = 0 if platform.machine() == "x86_64" else 1
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE = (56, 220)
MMAP = (9, 222)
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000


def call(number, *arguments):
    """The error's number of a system call, 0 where it works."""
    ctypes.set_errno(0)
    LIBC.syscall.restype = ctypes.c_long
    result = LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(one) for one in arguments))
    return ctypes.get_errno() if result == -1 else 0


def open_doors():
    doors = []

    def closed(what, attempt):
        try:
            attempt()
        except OSError:
            return
        doors.append(what)

    look_at_kernel(doors)
    look_at_processes(doors, closed)
    look_at_files(doors, closed)
    closed("the network can be reached", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    closed("the host's sockets can be reached", lambda: socket.socket(getattr(socket, "AF_VSOCK", 40)))
    closed("the kernel's sockets can be reached", lambda: socket.socket(getattr(socket, "AF_NETLINK", 16), socket.SOCK_RAW))
    return doors


def look_at_kernel(doors):
    for name, numbers in ABSENT.items():
        if call(numbers[COLUMN], -1, 0, 0, 0, 0, 0) != errno.ENOSYS:
            doors.append("it may call " + name)
    for flags in (NEW_USER, NEW_NETWORK):
        if call(CLONE[COLUMN], flags, 0, 0, 0, 0) != errno.EPERM:
            doors.append("it can make namespaces")
    # 16 pages to read and write: shared and anonymous, then of the huge ones
    for flags in (0x21, 0x40022):
        if call(MMAP[COLUMN], 0, 65536, 3, flags, -1, 0) != errno.EPERM:
            doors.append("it has memory that nobody counts")
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        if int(status[name], 16) != 0:
            doors.append("it has privileges (" + name + ")")
    if status["NoNewPrivs"] != "1" or status["Seccomp"] != "2":
        doors.append("it can gain privileges")


def look_at_processes(doors, closed):
    itself = str(os.getpid())
    others = [name for name in os.listdir("/proc") if name.isdigit() and name != itself]
    if len(others) != 2 or "1" not in others:  # the supervisor and the checker
        doors.append("other processes can be seen")
    for other in others:
        who = "its supervisor" if other == "1" else "its checker"
        for name in ("mem", "environ", "maps", "exe", "root", "cwd", "fd/0", "fd/3", "fd/4", "fd/5"):
            closed(who + " can be read (" + name + ")", lambda: os.stat("/proc/" + other + "/" + name) and
                   open("/proc/" + other + "/" + name, "rb").read(1))
        closed(who + " can be limited", lambda: resource.prlimit(int(other), resource.RLIMIT_CPU, (1, 1)))
        with open("/proc/" + other + "/status") as file:
            users = next(line for line in file if line.startswith("Uid:")).split()[1:]
        if FACTS["ownUsers"] and str(os.getuid()) in users:
            doors.append(who + " is the same user")
    for fd in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue  # the one that listed them
        if target != "/dev/null" and not target.startswith("pipe:") and target != "/proc/" + itself + "/fd":
            doors.append("its caller's files can be reached (descriptor " + fd + ")")


def look_at_files(doors, closed):
    for name, theirs in FACTS["namespaces"].items():
        if os.readlink("/proc/self/ns/" + name) == theirs:
            doors.append("it shares the namespace " + name)
    for folder in ("/", "/usr", "/usr/bin", "/dev", "/dev/shm", "/proc/sys/kernel", "/etc"):
        closed(folder + " can be written to", lambda: open(folder + "/retemper-self-test", "w"))
    closed("the kernel's settings can be changed", lambda: open("/proc/sys/kernel/hostname", "w").write("x"))
    home = FACTS["home"]
    if home.strip("/") and os.path.isdir(home) and home != "/tmp":
        if any(os.path.isfile(os.path.join(home, name)) for name in os.listdir(home)):
            doors.append("the home folder can be read")
    with open("/proc/self/mountinfo") as mounts:
        for _, _, _, _, place, options, *_ in (line.split() for line in mounts):
            if "rw" in options.split(",") and place not in ("/tmp", "/proc") and not place.startswith("/dev/"):
                doors.append(place + " is mounted to be written to")
    files = os.statvfs("/tmp")
    if files.f_blocks * files.f_frsize > FACTS["tmpBytes"]:
        doors.append("/tmp is larger than it may be")
    with open("/tmp/retemper-self-test", "w") as file:
        file.write("x")
