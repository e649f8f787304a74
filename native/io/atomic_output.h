// Output files in a staging folder: made new, given all their space before the first byte, flushed
// at the end. The rename that makes them final is up to the caller, who knows the whole folder.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "io/direct_io.h"

namespace retemper {

enum class Writing {
  kCached,  // through the page cache
  kDirect,  // past it where the system can
};

// Movable. WriteAt and StartWriteback may be called from several threads at once, for ranges that
// do not overlap.
class OutputFile {
 public:
  // Creates `path`, which must not exist, with `size` bytes reserved and `header` at offset 0.
  // Throws NO_SPACE, with what is needed and what is free, before anything is written; on any
  // failure the file is removed again.
  OutputFile(const std::string& path, uint64_t size, std::span<const uint8_t> header,
             Writing writing = Writing::kCached);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();  // closes; the file stays

  // Writes all of it or throws, naming the offset. Whole pages go directly to the disk if the file
  // was opened so and `data` has the same remainder by kDirectAlignment as the offset.
  void WriteAt(uint64_t offset, const void* data, size_t size) const;
  // Whether whole pages go past the page cache, so that writing waits for the disk.
  bool direct() const { return direct_ != nullptr && !direct_->impossible; }
  // Asks the system to begin writing a range to the disk, without waiting: fsync then has less to
  // do.
  void StartWriteback(uint64_t offset, uint64_t size) const;
  // Returns when the disk has the file. A failure is final: the kernel may have dropped the data,
  // so no later call can succeed.
  void Sync();
  // Removes the file, if it is still there.
  void Remove() noexcept;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

 private:
  struct Direct {
    DirectFile file;
    std::atomic<bool> impossible{false};
  };
  void Reserve() const;
  // Returns how many bytes it wrote; the others, if any, go the ordinary way.
  size_t WriteDirect(uint64_t offset, const char* data, size_t size) const;
  void WriteCached(uint64_t offset, const char* data, size_t size) const;

  int fd_ = -1;
  std::unique_ptr<Direct> direct_;
  std::string path_;
  uint64_t size_ = 0;
  bool sync_failed_ = false;
};

}  // namespace retemper
