// Runs a command and interferes with one of its system calls: kills it before the call, or lets the call fail.
//   interrupt FOLDER KINDS AT ACTION REPORT COMMAND [ARGUMENT...]
// Calls of the KINDS (a comma list, see `kTable`) on files under FOLDER are counted, over all threads and children of the
// command. Before the call with number AT (from 1; 0: never; "3+": from the third on) comes the ACTION: "kill" ends the
// whole process group with SIGKILL, "short" lets a read or write move half of its bytes, "sh:..." runs a shell's command before
// the call is made, a number is the errno with which the call fails without being made. REPORT gets a line "NUMBER KIND PATH"
// for each counted call, and "hit" after those that the action met. Ends with the command's status, 128 + signal where it died
// of one, 125 where this cannot work here.
//
// A seccomp filter stops the counted calls and hands them to this process (seccomp_unotify(2), Linux 5.5), so that none can be
// missed, whoever makes it: Node, the addon, or a library. io_uring, whose writes are no calls, is refused with ENOSYS.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

enum { CANNOT = 125, NO = -1 };

// A call, what it does, and the arguments that name its file: a descriptor, or a path (relative to a folder's descriptor, or
// to the working directory); `flags` is the argument that says whether an open writes.
static const struct Call {
  int number;
  const char* kind;
  int descriptor, directory, path, flags;
} kTable[] = {
    {SYS_openat, "open", NO, 0, 1, 2},
    {SYS_mkdirat, "make", NO, 0, 1, NO},
    {SYS_write, "write", 0, NO, NO, NO},
    {SYS_writev, "write", 0, NO, NO, NO},
    {SYS_pwrite64, "write", 0, NO, NO, NO},
    {SYS_pwritev, "write", 0, NO, NO, NO},
    {SYS_pwritev2, "write", 0, NO, NO, NO},
    {SYS_copy_file_range, "write", 2, NO, NO, NO},
    {SYS_sendfile, "write", 0, NO, NO, NO},
    {SYS_ftruncate, "size", 0, NO, NO, NO},
    {SYS_truncate, "size", NO, NO, 0, NO},
    {SYS_fallocate, "size", 0, NO, NO, NO},
    {SYS_fsync, "sync", 0, NO, NO, NO},
    {SYS_fdatasync, "sync", 0, NO, NO, NO},
    {SYS_sync_file_range, "sync", 0, NO, NO, NO},
    {SYS_renameat2, "rename", NO, 2, 3, NO},
    {SYS_unlinkat, "remove", NO, 0, 1, NO},
    {SYS_linkat, "link", NO, 2, 3, NO},
    {SYS_symlinkat, "link", NO, 1, 2, NO},
    {SYS_fchmod, "mode", 0, NO, NO, NO},
    {SYS_fchmodat, "mode", NO, 0, 1, NO},
    {SYS_utimensat, "mode", NO, 0, 1, NO},
    {SYS_flock, "lock", 0, NO, NO, NO},
    {SYS_read, "read", 0, NO, NO, NO},
    {SYS_pread64, "read", 0, NO, NO, NO},
    {SYS_readv, "read", 0, NO, NO, NO},
    {SYS_preadv, "read", 0, NO, NO, NO},
    {SYS_preadv2, "read", 0, NO, NO, NO},
#ifdef SYS_open
    {SYS_open, "open", NO, NO, 0, 1},
    {SYS_creat, "open", NO, NO, 0, NO},
    {SYS_mkdir, "make", NO, NO, 0, NO},
    {SYS_rename, "rename", NO, NO, 1, NO},
    {SYS_unlink, "remove", NO, NO, 0, NO},
    {SYS_rmdir, "remove", NO, NO, 0, NO},
    {SYS_link, "link", NO, NO, 1, NO},
    {SYS_symlink, "link", NO, NO, 1, NO},
    {SYS_chmod, "mode", NO, NO, 0, NO},
#endif
#ifdef SYS_renameat
    {SYS_renameat, "rename", NO, 2, 3, NO},
#endif
};
enum { CALLS = sizeof kTable / sizeof *kTable };

static const char* folder;
static const char* kinds;

static int die(const char* what) {
  fprintf(stderr, "interrupt: %s: %s\n", what, strerror(errno));
  exit(CANNOT);
}

static int wanted(const struct Call* call) {
  size_t length = strlen(call->kind);
  for (const char* at = kinds; (at = strstr(at, call->kind)) != NULL; at += length) {
    if ((at == kinds || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) return 1;
  }
  return 0;
}

// In the child: installs the filter; returns the descriptor on which the stopped calls arrive.
static int install(void) {
  struct sock_filter code[CALLS + 8];
  int n = 0;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  int total = 0;
  for (int i = 0; i < CALLS; i++) total += wanted(&kTable[i]);
  int left = total;
  for (int i = 0; i < CALLS; i++) {
    if (!wanted(&kTable[i])) continue;
    // Past the calls that are left and the instruction that allows, to the one that stops.
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kTable[i].number, left, 0);
    left--;
  }
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void send_descriptor(int socket, int descriptor) {
  char byte = 0;
  struct iovec data = {&byte, 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof control};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  if (sendmsg(socket, &message, 0) < 0) _exit(CANNOT);
}

static int receive_descriptor(int socket) {
  char byte;
  struct iovec data = {&byte, 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof control};
  if (recvmsg(socket, &message, 0) <= 0) return -1;
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  int descriptor = -1;
  if (header != NULL) memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return descriptor;
}

static int link_of(char* path, const char* format, int pid, int number) {
  char name[64];
  snprintf(name, sizeof name, format, pid, number);
  ssize_t length = readlink(name, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return 1;
}

// The path that a stopped call names, absolute but not resolved; 0 where it cannot be told.
static int path_of(const struct Call* call, const struct seccomp_notif* stopped, char* path) {
  const int pid = (int)stopped->pid;
  const unsigned long long* arguments = (const unsigned long long*)stopped->data.args;
  if (call->descriptor != NO) return link_of(path, "/proc/%d/fd/%d", pid, (int)arguments[call->descriptor]);
  char name[PATH_MAX] = "";
  // Up to the end of its page at first: the next one need not be mapped.
  const unsigned long long from = arguments[call->path];
  const size_t page = 4096 - from % 4096;
  struct iovec to[1] = {{name, sizeof name - 1}};
  struct iovec remote[2] = {{(void*)from, page < sizeof name - 1 ? page : sizeof name - 1}, {NULL, 0}};
  if (remote[0].iov_len < sizeof name - 1) {
    remote[1] = (struct iovec){(void*)(from + page), sizeof name - 1 - page};
  }
  if (process_vm_readv(pid, to, 1, remote, remote[1].iov_len > 0 ? 2 : 1, 0) <= 0) return 0;
  if (name[0] == '/') {
    strcpy(path, name);
    return 1;
  }
  const int base = call->directory == NO ? AT_FDCWD : (int)arguments[call->directory];
  const int known = base == AT_FDCWD ? link_of(path, "/proc/%d/cwd", pid, 0) : link_of(path, "/proc/%d/fd/%d", pid, base);
  if (!known || strlen(path) + strlen(name) + 2 > PATH_MAX) return 0;
  if (name[0] != '\0') strcat(strcat(path, "/"), name);
  return 1;
}

static int counts(const struct Call* call, const struct seccomp_notif* stopped, char* path) {
  if (call->flags != NO) {
    const int flags = (int)stopped->data.args[call->flags];
    if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))) return 0;
  }
  if (!path_of(call, stopped, path)) return 0;
  const size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int process_of(int thread) {
  char name[64], line[256];
  int process = thread;
  snprintf(name, sizeof name, "/proc/%d/status", thread);
  FILE* status = fopen(name, "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    if (sscanf(line, "Tgid: %d", &process) == 1) break;
  }
  if (status != NULL) fclose(status);
  return process;
}

// Makes the first half of a read or write in the place of the caller; 0 where the call cannot be halved.
static int halve(const struct seccomp_notif* stopped, struct seccomp_notif_resp* answer) {
  const int number = stopped->data.nr;
  const int writes = number == SYS_write || number == SYS_pwrite64;
  const int at = number == SYS_pwrite64 || number == SYS_pread64;
  if (!writes && number != SYS_read && number != SYS_pread64) return 0;
  const size_t size = stopped->data.args[2] / 2;
  if (size == 0) return 0;
  const int holder = (int)syscall(SYS_pidfd_open, process_of((int)stopped->pid), 0);
  const int file = (int)syscall(SYS_pidfd_getfd, holder, (int)stopped->data.args[0], 0);
  close(holder);
  char* bytes = malloc(size);
  struct iovec here = {bytes, size}, there = {(void*)stopped->data.args[1], size};
  ssize_t moved = -1;
  const off_t offset = (off_t)stopped->data.args[3];
  if (file >= 0 && writes && process_vm_readv((int)stopped->pid, &here, 1, &there, 1, 0) == (ssize_t)size) {
    moved = at ? pwrite(file, bytes, size, offset) : write(file, bytes, size);
  } else if (file >= 0 && !writes) {
    moved = at ? pread(file, bytes, size, offset) : read(file, bytes, size);
    here.iov_len = there.iov_len = moved > 0 ? (size_t)moved : 0;
    if (moved > 0) process_vm_writev((int)stopped->pid, &here, 1, &there, 1, 0);
  }
  close(file);
  free(bytes);
  if (moved < 0) return 0;
  answer->flags = 0;
  answer->val = moved;
  return 1;
}

int main(int count, char** arguments) {
  if (count < 7) return die("usage: interrupt FOLDER KINDS AT ACTION REPORT COMMAND [ARGUMENT...]");
  folder = arguments[1];
  kinds = arguments[2];
  const long first = strtol(arguments[3], NULL, 10);
  const int on = strchr(arguments[3], '+') != NULL;
  const char* action = arguments[4];
  FILE* report = fopen(arguments[5], "we");
  if (report == NULL) return die(arguments[5]);

  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return die("socketpair");
  const pid_t child = fork();
  if (child < 0) return die("fork");
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that is given up leaves nothing behind
    const int listener = install();
    if (listener < 0) _exit(CANNOT);
    send_descriptor(sockets[1], listener);
    close(listener);
    execvp(arguments[6], arguments + 6);
    _exit(CANNOT);
  }
  setpgid(child, child);
  close(sockets[1]);
  const int listener = receive_descriptor(sockets[0]);
  if (listener < 0) {
    waitpid(child, NULL, 0);
    errno = ENOSYS;
    return die("seccomp_unotify");
  }

  union {
    struct seccomp_notif call;
    char space[512];
  } stopped;
  union {
    struct seccomp_notif_resp answer;
    char space[512];
  } reply;
  long number = 0;
  for (;;) {
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    if (poll(&waiting, 1, -1) < 0 && errno != EINTR) break;
    if (!(waiting.revents & POLLIN)) {
      if (waiting.revents != 0) break; // nobody is left who could be stopped
      continue;
    }
    memset(&stopped, 0, sizeof stopped);
    memset(&reply, 0, sizeof reply);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &stopped) != 0) continue;
    reply.answer.id = stopped.call.id;
    reply.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    const struct Call* call = kTable;
    while (call < kTable + CALLS - 1 && call->number != stopped.call.data.nr) call++;
    char path[PATH_MAX];
    if (counts(call, &stopped.call, path)) {
      number++;
      // A disk that stays full lets files be read and removed.
      const int spared = on && atoi(action) == ENOSPC && strstr("read remove mode lock", call->kind) != NULL;
      const int met = first > 0 && (number == first || (on && number > first && !spared));
      fprintf(report, "%ld %s %s\n", number, call->kind, path);
      if (met && strcmp(action, "kill") == 0) {
        fprintf(report, "hit\n");
        kill(-child, SIGKILL);
        break;
      }
      if (met && strncmp(action, "sh:", 3) == 0) {
        if (system(action + 3) == 0) fprintf(report, "hit\n");
      } else if (met && strcmp(action, "short") == 0) {
        if (halve(&stopped.call, &reply.answer)) fprintf(report, "hit\n");
      } else if (met) {
        fprintf(report, "hit\n");
        reply.answer.flags = 0;
        reply.answer.error = -atoi(action);
      }
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply); // fails where the caller has died in between
  }
  fclose(report);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
