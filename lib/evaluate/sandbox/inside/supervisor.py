# The first process of a sandbox: it starts the program (and the checker of its tests), watches them, and reports. When it
# ends, for whatever reason, the kernel kills everything else in its pid namespace. Foreign code never runs in it; nobody
# inside can stop it, trace it or reach its descriptors: standard input from the caller, the channel to the caller (3).

import ctypes
import os
import select
import signal
import time

CHANNEL = 3
INODE_BYTES = 2048  # kernel memory of one file in /tmp, its name included
# Kernel memory that a thread can hold in its descriptors: a pipe has 64 KiB. Sockets are counted one by one.
THREAD_BYTES = DESCRIPTORS * 65536


class Settings:
    """The first piece that the caller sends: numbers in this order."""

    def __init__(self, text):
        seconds, memory, processes, file, uid, checked = text.split()
        self.seconds = float(seconds)
        self.memory, self.processes, self.file, self.uid = int(memory), int(processes), int(file), int(uid)
        self.checked = checked == "1"


def piece():
    """The next piece that the caller sends: eight digits of length, then as many bytes."""
    try:
        return exactly(0, int(exactly(0, 8))).decode("utf-8", "surrogatepass")
    except EOFError:
        os._exit(2)


def report(passed, reason):
    os.write(CHANNEL, (("passed " if passed else "failed ") + reason).encode("utf-8", "replace"))
    os._exit(0)


def protect():
    """Nothing of the caller's but its two pipes; dies with the process that started it; cannot be interrupted or traced."""
    close_all_but({0, 1, 2, CHANNEL})
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    become(0)
    prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(run):
    pid = os.fork()
    if pid == 0:
        try:
            run()
        except BaseException:
            pass  # its caller is gone
        os._exit(1)
    return pid


def supervise():
    protect()
    rules = compiled_rules()
    settings = Settings(piece())
    source = piece()
    users = [settings.uid + at if settings.uid else 0 for at in range(3)]  # of the program, its checker, and us
    ours = 0 if settings.uid else 2 if settings.checked else 1  # processes of the program's user that are not its own
    reading, writing = os.pipe()
    os.write(CHANNEL, b"ready\n")
    deadline = time.monotonic() + settings.seconds

    def foreign(kept, uid):
        try:
            confine(kept, uid, settings.processes + ours, settings, rules)
        except OSError as error:
            os.write(writing, ("not contained: " + str(error)).encode())
            os._exit(1)

    if settings.checked:
        asked, ask = os.pipe()
        answers, answer = os.pipe()

        def candidate():
            foreign({asked, answer}, users[0])
            run_candidate(source, asked, answer)

        program = start(candidate)  # before the tests and the proof are read: they were never in its memory
        os.close(asked)
        os.close(answer)
        proof, setup, tests, entry_point = (piece() for _ in range(4))

        def checker():
            foreign({ask, answers, writing}, users[1])
            run_checker(setup, tests, entry_point, proof.encode(), ask, answers, writing)

        teller = start(checker)
        os.close(ask)
        os.close(answers)
    else:
        proof = piece()

        def alone():
            foreign({writing}, users[0])
            run_alone(source, proof.encode(), writing)

        program = teller = start(alone)
    os.close(writing)
    become(users[2])
    prctl(1, signal.SIGKILL)
    watch(settings, program, teller, reading, proof.encode(), deadline)


def watch(settings, program, teller, reading, proof, deadline):
    """Reports when the teller has spoken and ended, the program has ended before it, or a limit is passed."""
    said, open_pipe, ended, processes = b"", True, {}, 1
    poll = select.poll()
    poll.register(0, select.POLLHUP | select.POLLERR)
    poll.register(reading, select.POLLIN)
    while teller not in ended:
        left = deadline - time.monotonic()
        if left <= 0:
            report(False, "timed out")
        wait = 1 if said or not open_pipe else 10 if processes <= 1 else 2
        for fd, _ in poll.poll(min(wait, left * 1000 + 1)):
            if fd == 0:
                os._exit(2)  # the caller is gone
            part = os.read(reading, 4096)
            said = (said + part)[:4096]
            if not part:
                open_pipe = False
                poll.unregister(reading)
        reap(ended)
        if teller not in ended:
            if program in ended and not said:  # its checker may have spoken just before
                said = drain(reading)
                if not said:
                    break
            processes = check_usage(settings, teller if settings.checked else 0)
    if open_pipe:
        said = (said + drain(reading))[:4096]
    if program not in ended and said != proof:  # what its checker saw as its end may not be told yet
        time.sleep(0.002)
        reap(ended)
    status = ended.get(program, 0)
    if os.WIFSIGNALED(status) and said != proof:
        report(False, "killed by signal " + str(os.WTERMSIG(status)))
    if said == proof and ended.get(teller) == 0:
        report(True, "passed")
    report(False, said.decode("utf-8", "replace") if said and not said.startswith(proof) else "ended before its last line")


def drain(pipe):
    os.set_blocking(pipe, False)
    try:
        return os.read(pipe, 4096)
    except BlockingIOError:
        return b""
    finally:
        os.set_blocking(pipe, True)


def reap(ended):
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            ended[pid] = status
    except ChildProcessError:
        pass


def check_usage(settings, checker):
    """Reports when all together have more than they may. @returns the program's processes"""
    memory, processes = 0, 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            size, threads = usage("/proc/" + name)
            memory += size + threads * THREAD_BYTES
            processes += int(name) != checker
    files = os.statvfs("/tmp")
    memory += (files.f_blocks - files.f_bfree) * files.f_frsize + (files.f_files - files.f_ffree) * INODE_BYTES
    with open("/proc/net/protocols") as lines:
        for line in lines:
            if line.startswith("UNIX"):
                memory += int(line.split()[2]) * socket_bytes()
    if memory > settings.memory:
        report(False, "used more memory than it may: " + str(settings.memory) + " bytes")
    if processes > settings.processes:
        report(False, "started more processes than it may: " + str(settings.processes))
    return processes


def socket_bytes():
    """What one socket can hold, twice: standard input is one, with the machine's usual size."""
    size, length = ctypes.c_int(212992), ctypes.c_uint(4)
    LIBC.getsockopt(0, SOL_SOCKET, BUFFER_SIZES[0], ctypes.byref(size), ctypes.byref(length))
    return 2 * size.value


def usage(folder):
    """Bytes of a process, in memory or swapped out, with its page tables; and its threads."""
    size, threads = 0, 0
    try:
        lines = status_of(folder)
        threads = int(lines.get("Threads", "1"))
        if "VmRSS" not in lines and threads > 1:  # its first thread has ended: another one tells
            for thread in os.listdir(folder + "/task"):
                lines = status_of(folder + "/task/" + thread)
                if "VmRSS" in lines:
                    break
        for name in ("VmRSS", "VmSwap", "VmPTE"):
            size += int(lines.get(name, "0 kB").split()[0]) * 1024
    except (OSError, ValueError):
        pass  # it has just ended
    return size, threads


def status_of(folder):
    with open(folder + "/status", encoding="utf-8", errors="replace") as lines:
        return dict(line.split(":", 1) for line in lines if ":" in line)
