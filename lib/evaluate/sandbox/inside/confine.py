# What every process that runs foreign code gets: no descriptors of others, limits, a user of its own where there is one
# to have, no core file, and the filter of system calls.

import os
import resource
import signal

DESCRIPTORS = 64


def close_all_but(kept):
    """Closes every descriptor of this process but these: also those that its caller did not know it had."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                pass  # the one that listed them


def become(uid):
    """Another user without any privilege, for good; 0: the same user. The kernel allows tracing again and forgets who dies
    with whom when users change."""
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        drop_capabilities()
    prctl(4, 0)  # PR_SET_DUMPABLE: nobody traces it, reads its memory or its descriptors, and no core is written


def limit(kind, value):
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def confine(kept, uid, processes, settings, rules):
    """@param kept descriptors that stay open; @param processes threads and processes of this user, itself included"""
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    close_all_but({0, 1, 2, *kept})
    limit(resource.RLIMIT_AS, settings.memory)
    limit(resource.RLIMIT_CORE, 1)  # not 0: a handler of cores (core_pattern with a pipe) is started for 0, and not for 1
    limit(resource.RLIMIT_CPU, int(settings.seconds) + 2)
    limit(resource.RLIMIT_FSIZE, settings.file)
    limit(resource.RLIMIT_MEMLOCK, 0)
    limit(resource.RLIMIT_MSGQUEUE, 0)
    limit(resource.RLIMIT_NOFILE, DESCRIPTORS)
    limit(resource.RLIMIT_NPROC, processes)
    limit(resource.RLIMIT_SIGPENDING, 256)
    become(uid)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    install(rules)
