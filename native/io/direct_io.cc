#include "io/direct_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#elif defined(__APPLE__)
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include <cstring>
#include <utility>

namespace retemper {

bool IsRemote(int fd) {
#ifdef __linux__
  struct statfs status;
  if (::fstatfs(fd, &status) != 0) return true;
  // The numbers are those of the kernel's magic.h and of the file systems' own headers.
  switch (static_cast<uint32_t>(status.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x65735546:  // FUSE
    case 0x01021997:  // 9P
    case 0x00C36400:  // Ceph
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
    case 0x19830326:  // BeeGFS
    case 0x5346414F:  // AFS
      return true;
    default:
      return false;
  }
#elif defined(__APPLE__)
  struct statfs status;
  return ::fstatfs(fd, &status) != 0 || (status.f_flags & MNT_LOCAL) == 0;
#else
  (void)fd;
  return false;
#endif
}

bool IsNotPossible(int error) {
  return error == EINVAL || error == EOPNOTSUPP || error == ENOTSUP || error == ENOSYS ||
         error == EPERM;
}

namespace {

#ifdef __linux__
// What statx says of direct transfers (Linux 6.1): false where it rules them out at our alignment.
// Read by its place in the structure, for older headers do not name it.
bool AllowsDirect(int fd) {
  constexpr unsigned kDirectAlignmentAsked = 0x2000;  // STATX_DIOALIGN
  alignas(8) uint8_t answer[256] = {};
  if (::syscall(SYS_statx, fd, "", 0x1000 /* AT_EMPTY_PATH */, kDirectAlignmentAsked, answer) != 0)
    return true;
  uint32_t mask, memory, offset;
  std::memcpy(&mask, answer, 4);
  std::memcpy(&memory, answer + 0x98, 4);
  std::memcpy(&offset, answer + 0x9c, 4);
  if ((mask & kDirectAlignmentAsked) == 0) return true;  // it does not say: the first try will
  return memory > 0 && offset > 0 && memory <= kDirectAlignment && offset <= kDirectAlignment;
}
#endif

}  // namespace

std::optional<DirectFile> DirectFile::Open(int fd, const std::string& path, int flags) {
#if (defined(__linux__) && defined(O_DIRECT)) || defined(__APPLE__)
#ifdef __APPLE__
  if (IsRemote(fd)) return std::nullopt;
  const int direct = ::open(path.c_str(), flags | O_CLOEXEC);
#else
  if (IsRemote(fd) || !AllowsDirect(fd)) return std::nullopt;
  const int direct = ::open(path.c_str(), flags | O_DIRECT | O_CLOEXEC);
#endif
  if (direct < 0) return std::nullopt;
  DirectFile file(direct);
#ifdef __APPLE__
  if (::fcntl(direct, F_NOCACHE, 1) != 0) return std::nullopt;  // for this descriptor alone
#endif
  struct stat one, other;
  if (::fstat(fd, &one) != 0 || ::fstat(direct, &other) != 0 || one.st_ino != other.st_ino ||
      one.st_dev != other.st_dev) {
    return std::nullopt;  // the path leads elsewhere by now
  }
  return file;
#else
  (void)fd;
  (void)path;
  (void)flags;
  return std::nullopt;
#endif
}
std::optional<DirectFile> DirectFile::ForReading(int fd, const std::string& path) {
  return Open(fd, path, O_RDONLY);
}
std::optional<DirectFile> DirectFile::ForWriting(int fd, const std::string& path) {
  return Open(fd, path, O_WRONLY);
}

DirectFile::DirectFile(DirectFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
DirectFile& DirectFile::operator=(DirectFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
DirectFile::~DirectFile() {
  if (fd_ >= 0) ::close(fd_);
}

int64_t DirectFile::ReadAt(uint64_t offset, void* to, size_t size) const {
  ssize_t count;
  do {
    count = ::pread(fd_, to, size, static_cast<off_t>(offset));
  } while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}
int64_t DirectFile::WriteAt(uint64_t offset, const void* from, size_t size) const {
  ssize_t count;
  do {
    count = ::pwrite(fd_, from, size, static_cast<off_t>(offset));
  } while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

int64_t ReadUncached(int fd, uint64_t offset, void* to, size_t size) {
#ifdef __linux__
  constexpr int kDontCache = 0x80;  // RWF_DONTCACHE
  const struct iovec whole = {to, size};
  ssize_t count;
  do {
    count = ::preadv2(fd, &whole, 1, static_cast<off_t>(offset), kDontCache);
  } while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
#else
  (void)fd;
  (void)offset;
  (void)to;
  (void)size;
  return -ENOSYS;
#endif
}

std::optional<bool> IsCached(int fd, uint64_t offset, uint64_t size) {
#ifdef __linux__
  constexpr long kCachestat = 451;  // the same number on all 64-bit architectures
  const struct { uint64_t offset, size; } range = {offset, size};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } pages = {};
  if (::syscall(kCachestat, fd, &range, &pages, 0) != 0) return std::nullopt;
  static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return pages.cached * page >= size / 8 * 7;
#else
  (void)fd;
  (void)offset;
  (void)size;
  return std::nullopt;
#endif
}

}  // namespace retemper
