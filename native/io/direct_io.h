// Reading and writing past the page cache: what is used once need not push out what others use, and
// no pages have to be found for it. Every function says when it cannot, and the caller then goes
// the ordinary way: the bytes are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "io/file.h"

namespace retemper {

// Offsets, sizes and addresses of direct transfers are multiples of this.
inline constexpr size_t kDirectAlignment = 4096;

// A descriptor of its own for direct transfers. Movable; thread-safe.
class DirectFile {
 public:
  // Empty where the system, the file system or the file does not allow it, and for network file
  // systems, whose servers would be asked for each block by itself. `fd` is open on the same file.
  static std::optional<DirectFile> ForReading(int fd, const std::string& path);
  static std::optional<DirectFile> ForWriting(int fd, const std::string& path);
  DirectFile(DirectFile&& other) noexcept;
  DirectFile& operator=(DirectFile&& other) noexcept;
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;
  ~DirectFile();

  // As pread and pwrite, for aligned ranges: how many bytes, or a negative errno. Interrupted calls
  // are repeated.
  int64_t ReadAt(uint64_t offset, void* to, size_t size) const;
  int64_t WriteAt(uint64_t offset, const void* from, size_t size) const;

 private:
  explicit DirectFile(int fd) : fd_(fd) {}
  static std::optional<DirectFile> Open(int fd, const std::string& path, int flags);
  int fd_ = -1;
};

// Whether an errno of a direct transfer means that it is not possible here, not that it failed.
bool IsNotPossible(int error);

// As pread, dropping the pages that it brought in (RWF_DONTCACHE, Linux 6.14): how many bytes, or a
// negative errno; IsNotPossible where the system or the file system does not know it.
int64_t ReadUncached(int fd, uint64_t offset, void* to, size_t size);

// Whether nearly all of a range lies in the page cache (cachestat, Linux 6.5); empty where the
// system does not say.
std::optional<bool> IsCached(int fd, uint64_t offset, uint64_t size);

// Network and user-space file systems, where others may change files meanwhile and a page fault may
// take seconds or fail.
bool IsRemote(int fd);

}  // namespace retemper
