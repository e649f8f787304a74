#include "io/atomic_output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#ifdef __APPLE__
#include <sys/mount.h>
#include <sys/param.h>
#else
#include <sys/statvfs.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "io/file.h"

namespace retemper {
namespace {

// Growing a file beyond `ulimit -f` raises SIGXFSZ, which kills by default; while this exists the
// call just fails with EFBIG.
class FileSizeSignalBlock {
 public:
  FileSizeSignalBlock() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~FileSizeSignalBlock() {
    sigset_t pending;
    if (!sigismember(&before_, SIGXFSZ) && sigpending(&pending) == 0 &&
        sigismember(&pending, SIGXFSZ)) {
      int taken;
      sigwait(&signal_, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  FileSizeSignalBlock(const FileSizeSignalBlock&) = delete;
  FileSizeSignalBlock& operator=(const FileSizeSignalBlock&) = delete;

 private:
  sigset_t signal_;
  sigset_t before_;
};

uint64_t FreeBytes(int fd) {
#ifdef __APPLE__
  struct statfs status;  // statvfs counts blocks in 32 bits there
  if (::fstatfs(fd, &status) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(status.f_bavail) * status.f_bsize;
#else
  struct statvfs status;
  if (::fstatvfs(fd, &status) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
#endif
}

[[noreturn]] void ThrowNoSpace(int error, int fd, uint64_t size, const std::string& path) {
  std::string message = "needs " + std::to_string(size) + " bytes";
  if (error == ENOSPC) message += ", " + std::to_string(FreeBytes(fd)) + " are free";
  ThrowSystemFault(error, message, path);
}

}  // namespace

OutputFile::OutputFile(const std::string& path, uint64_t size, std::span<const uint8_t> header,
                       Writing writing)
    : path_(path), size_(size) {
  if (header.size() > size)
    throw Fault(code::kInternal, "the header is larger than the file", path);
  if (path.find('\0') != std::string::npos) {
    throw Fault(code::kBadInput, "the path contains a NUL character");
  }
  do {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  } while (fd_ < 0 && errno == EINTR);
  if (fd_ < 0) {
    if (errno == EEXIST) throw Fault(code::kOutputExists, "exists already", path);
    if (errno == ENOENT || errno == ENOTDIR) {
      throw Fault(code::kIo, "could not be created: its folder is gone", path, {},
                  "keep the folder around the output while it is written");
    }
    ThrowSystemFault(errno, "could not be created", path);
  }
  try {
    Reserve();
    WriteCached(0, reinterpret_cast<const char*>(header.data()), header.size());
    if (writing == Writing::kDirect) {
      if (auto direct = DirectFile::ForWriting(fd_, path))
        direct_ = std::unique_ptr<Direct>(new Direct{std::move(*direct)});
    }
  } catch (...) {
    Remove();
    ::close(fd_);
    throw;
  }
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      direct_(std::move(other.direct_)),
      path_(std::move(other.path_)),
      size_(other.size_),
      sync_failed_(other.sync_failed_) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(direct_, other.direct_);
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  std::swap(sync_failed_, other.sync_failed_);
  return *this;
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
}

void OutputFile::Reserve() const {
  if (size_ == 0) return;
  if (size_ > static_cast<uint64_t>(INT64_MAX)) ThrowNoSpace(EFBIG, fd_, size_, path_);
  const FileSizeSignalBlock block;
  const auto size = static_cast<off_t>(size_);
#ifdef __linux__
  int result;
  do {
    result = ::fallocate(fd_, 0, 0, size);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return;
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) ThrowNoSpace(errno, fd_, size_, path_);
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
    ThrowSystemFault(errno, "no space could be reserved", path_);
  }
#elif defined(__APPLE__)
  fstore_t whole = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, size, 0};  // the size itself stays as it is
  const bool reserved = ::fcntl(fd_, F_PREALLOCATE, &whole) == 0;
  if (!reserved && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
    ThrowNoSpace(errno, fd_, size_, path_);
#endif
#ifndef __APPLE__
  constexpr bool reserved = false;
#endif
  // A file system that cannot reserve (posix_fallocate would write every block): look, then take
  // what comes.
  if (!reserved && FreeBytes(fd_) < size_) ThrowNoSpace(ENOSPC, fd_, size_, path_);
  if (::ftruncate(fd_, size) != 0) {
    if (errno == EFBIG) ThrowNoSpace(errno, fd_, size_, path_);
    ThrowSystemFault(errno, "could not be made " + std::to_string(size_) + " bytes long", path_);
  }
}

void OutputFile::WriteAt(uint64_t offset, const void* data, size_t size) const {
  if (offset > size_ || size > size_ - offset) {
    throw Fault(code::kInternal,
                "a write of " + std::to_string(size) + " bytes at " + std::to_string(offset) +
                    " lies outside of the file",
                path_);
  }
  const auto* bytes = static_cast<const char*>(data);
  // A page that this range shares with its neighbours goes through the page cache, from either
  // side; no page goes both ways.
  static const uint64_t page = std::max<uint64_t>(kDirectAlignment, ::sysconf(_SC_PAGESIZE));
  const uint64_t begin = (offset + page - 1) / page * page, end = (offset + size) / page * page;
  const bool aligned = (reinterpret_cast<uintptr_t>(bytes) - offset) % kDirectAlignment == 0;
  if (!direct() || begin >= end || !aligned) return WriteCached(offset, bytes, size);
  WriteCached(offset, bytes, begin - offset);
  const uint64_t written = begin + WriteDirect(begin, bytes + (begin - offset), end - begin);
  WriteCached(written, bytes + (written - offset), offset + size - written);
}

size_t OutputFile::WriteDirect(uint64_t offset, const char* data, size_t size) const {
  size_t done = 0;
  while (done < size) {
    const int64_t count = direct_->file.WriteAt(offset + done, data + done, size - done);
    if (count < 0) {
      const int error = static_cast<int>(-count);
      if (!IsNotPossible(error))
        ThrowSystemFault(error, "writing failed at byte " + std::to_string(offset + done), path_);
      direct_->impossible = true;
    }
    // What a short write leaves inside a page is written again with the rest.
    const size_t next = done + static_cast<size_t>(std::max<int64_t>(0, count));
    if (next / kDirectAlignment * kDirectAlignment == done) break;
    done = next / kDirectAlignment * kDirectAlignment;
  }
  return done;
}

void OutputFile::WriteCached(uint64_t offset, const char* data, size_t size) const {
  constexpr size_t kMaxWrite = size_t{1} << 30;  // some systems refuse more than INT_MAX at once
  const char* cursor = data;
  while (size > 0) {
    const ssize_t count =
        ::pwrite(fd_, cursor, std::min(size, kMaxWrite), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      ThrowSystemFault(errno, "writing failed at byte " + std::to_string(offset), path_);
    }
    if (count == 0)
      ThrowSystemFault(EIO, "writing stopped at byte " + std::to_string(offset), path_);
    cursor += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
}

void OutputFile::StartWriteback(uint64_t offset, uint64_t size) const {
#ifdef __linux__
  // A hint: where it fails, fsync does all the work.
  (void)::sync_file_range(fd_, static_cast<off_t>(offset), static_cast<off_t>(size),
                          SYNC_FILE_RANGE_WRITE);
#else
  (void)offset;
  (void)size;
#endif
}

void OutputFile::Sync() {
  if (sync_failed_) ThrowSystemFault(EIO, "an earlier flush to the disk failed", path_);
  int result;
  do {
#ifdef __APPLE__
    result = ::fcntl(fd_, F_FULLFSYNC);  // fsync stops at the drive's cache there
    if (result != 0 && errno == ENOTSUP) result = ::fsync(fd_);
#else
    result = ::fsync(fd_);
#endif
  } while (result != 0 && errno == EINTR);
  if (result == 0) return;
  sync_failed_ = true;
  ThrowSystemFault(errno, "could not be flushed to the disk", path_);
}

void OutputFile::Remove() noexcept { ::unlink(path_.c_str()); }

}  // namespace retemper
