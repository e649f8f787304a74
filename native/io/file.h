// Files as bytes: an owned descriptor, positioned reads, and the identity of a file. The only users
// of the operating system's file calls are the .cc files of this folder.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace retemper {

// What tells a file from another one, and from itself after a change.
struct FileIdentity {
  uint64_t size = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;  // nanoseconds since 1970
  bool operator==(const FileIdentity&) const = default;
};

// Owns a file descriptor. Movable, thread-compatible; ReadAt may be called from several threads at
// once.
class File {
 public:
  File() = default;
  // Opens a regular file for reading. Symbolic links are followed (hub caches are made of them); a
  // folder, FIFO, socket or device is refused (BAD_INPUT) without ever waiting for it. IO faults
  // name the file.
  static File OpenForReading(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  // From the descriptor, not from the path.
  FileIdentity Identity() const;
  // Fills `to` with the bytes [offset, offset + size). Retries interrupted and short reads; a file
  // that ends before is BAD_INPUT ("ends at byte N"), any other failure IO; both name the offset.
  void ReadAt(uint64_t offset, void* to, size_t size) const;

  int descriptor() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_ = -1;
  std::string path_;
};

// A fault for a failed system call: NO_SPACE for ENOSPC, EDQUOT and EFBIG, OUT_OF_MEMORY for
// ENOMEM, BAD_INPUT for a path that does not exist or is too long, else IO; with a hint where there
// is one to give.
[[noreturn]] void ThrowSystemFault(int error, const std::string& what, const std::string& path);

}  // namespace retemper
