#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/status.h"
#include "io/file.h"

namespace retemper {
namespace {

const char* CodeOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return code::kNoSpace;
    case ENOMEM:
      return code::kOutOfMemory;
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return code::kBadInput;
    default:
      return code::kIo;
  }
}

const char* HintOf(int error) {
  switch (error) {
    case ENOSPC:
      return "free space on this file system or write to another one";
    case EDQUOT:
      return "your disk quota is used up: free space or ask for more";
    case EFBIG:
      return "the file system or a limit (ulimit -f) does not allow files this large: use smaller "
             "shards";
    case EACCES:
    case EPERM:
      return "check the permissions of the file and of its folder";
    case EROFS:
      return "the file system is read-only: write to another folder";
    case EMFILE:
    case ENFILE:
      return "too many open files: raise the limit with ulimit -n";
    case ENOENT:
      return "check the path";
    case ENAMETOOLONG:
      return "use a shorter path";
    case EIO:
      return "the storage reported an error: check the disk";
    default:
      return "";
  }
}

const char* KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "is a folder, not a file";
  if (S_ISFIFO(mode)) return "is a FIFO, not a regular file";
  if (S_ISSOCK(mode)) return "is a socket, not a regular file";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "is a device, not a regular file";
  return "is not a regular file";
}

struct stat Stat(int fd, const std::string& path) {
  struct stat status;
  if (::fstat(fd, &status) != 0) ThrowSystemFault(errno, "could not be examined", path);
  return status;
}

}  // namespace

void ThrowSystemFault(int error, const std::string& what, const std::string& path) {
  throw Fault(CodeOf(error), what + ": " + std::generic_category().message(error), path, {},
              HintOf(error));
}

File File::OpenForReading(const std::string& path) {
  File file(-1, path);  // first: should there be no memory for the path, nothing is open
  if (path.find('\0') != std::string::npos) {
    throw Fault(code::kBadInput, "the path contains a NUL character");
  }
  int& fd = file.fd_;
  do {  // O_NONBLOCK: opening a FIFO or a device returns at once
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    if (errno == ENXIO || errno == ENODEV) {  // a socket, or a device without a driver
      throw Fault(code::kBadInput, "is not a regular file", path);
    }
    ThrowSystemFault(errno, "could not be opened", path);
  }
  const struct stat status = Stat(fd, path);
  if (!S_ISREG(status.st_mode)) throw Fault(code::kBadInput, KindOf(status.st_mode), path);
  return file;
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

FileIdentity File::Identity() const {
  const struct stat status = Stat(fd_, path_);
#ifdef __APPLE__
  const struct timespec& mtime = status.st_mtimespec;
#else
  const struct timespec& mtime = status.st_mtim;
#endif
  return {static_cast<uint64_t>(status.st_size), static_cast<uint64_t>(status.st_ino),
          static_cast<int64_t>(mtime.tv_sec) * 1'000'000'000 + mtime.tv_nsec};
}

void File::ReadAt(uint64_t offset, void* to, size_t size) const {
  constexpr size_t kMaxRead = size_t{1} << 30;  // some systems refuse more than INT_MAX at once
  auto* cursor = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t count =
        ::pread(fd_, cursor, std::min(size, kMaxRead), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      ThrowSystemFault(errno, "reading failed at byte " + std::to_string(offset), path_);
    }
    if (count == 0) {
      throw Fault(
          code::kBadInput,
          "ends at byte " + std::to_string(offset) + ", " + std::to_string(size) + " bytes early",
          path_, {}, "the file is cut off or was changed: get it again");
    }
    cursor += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
}

}  // namespace retemper
