#include "io/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <utility>

#include "core/status.h"
#include "io/file.h"

namespace retemper {
namespace {

// False when the path was removed, or stands for another file, since it was opened.
bool StillThere(int fd, const std::string& path) {
  struct stat opened, named;
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

void RefuseNul(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    throw Fault(code::kBadInput, "the path contains a NUL character");
  }
}

}  // namespace

std::optional<FileLock> FileLock::TryLock(const std::string& path) {
  RefuseNul(path);
  for (;;) {
    FileLock lock(-1, path);  // closes on every way out
    const int fd = lock.fd_ =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd < 0) {
      if (errno == EINTR) continue;
      ThrowSystemFault(errno, "the lock file could not be opened", path);
    }
    int result;
    do {
      result = ::flock(fd, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      if (errno == EWOULDBLOCK) return std::nullopt;
      if (errno == ENOSYS || errno == ENOTSUP || errno == EOPNOTSUPP || errno == ENOLCK) {
        throw LocksNotOffered(code::kIo, "the file system offers no locks", path);
      }
      ThrowSystemFault(errno, "could not be locked", path);
    }
    // The last holder may have removed the file between our open and our lock: then this lock is
    // worth nothing.
    if (StillThere(fd, path)) return lock;
  }
}

FileLock::FileLock(FileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

void FileLock::Release() {
  if (fd_ < 0) return;
  if (StillThere(fd_, path_)) ::unlink(path_.c_str());  // never somebody else's file
  ::close(std::exchange(fd_, -1));
}

void FileLock::ReleaseAndKeep() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void ExchangePaths(const std::string& a, const std::string& b) {
  RefuseNul(a);
  RefuseNul(b);
#if defined(__linux__)
  constexpr unsigned kRenameExchange = 2;  // <linux/fs.h>
  const long result =
      ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), kRenameExchange);
#elif defined(__APPLE__)
  const int result = ::renamex_np(a.c_str(), b.c_str(), RENAME_SWAP);
#else
  const int result = -1;
  errno = ENOSYS;
#endif
  if (result == 0) return;
  const int error = errno;
  try {
    ThrowSystemFault(error, "could not be swapped with " + b, a);
  } catch (Fault& fault) {
    fault.code = code::kIo;
    throw;
  }
}

}  // namespace retemper
