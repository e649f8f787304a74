// Input files behind one interface with two ways of reading: a read-only mapping of the whole file,
// or pread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "io/file.h"
#include "io/sigbus_guard.h"

namespace retemper {

// A read-only, shared mapping of a whole file. A page that cannot be read, because the file was cut
// off under the mapping or its storage fails, reads as zeros and sets faulted(): the process is not
// killed by SIGBUS. Movable; reading is thread-safe.
class Mapping {
 public:
  // Empty when the system cannot map this file (or the file is empty).
  static std::optional<Mapping> Map(const File& file, uint64_t size);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  bool faulted() const { return guard_.faulted(); }

  // Reads the pages of a range in and maps them, without a fault for each. Returns 0, or an errno:
  // EFAULT when the file no longer has them, EIO (or EHWPOISON) when the storage fails.
  int PopulateRange(uint64_t offset, uint64_t size) const;
  // Starts reading a range in, without waiting.
  void Prefetch(uint64_t offset, uint64_t size) const;
  // Gives the pages of a range back to the system's cache. Reading them again is correct, only
  // slower.
  void Drop(uint64_t offset, uint64_t size) const;

 private:
  Mapping(const uint8_t* data, uint64_t size, SigbusGuard guard)
      : data_(data), size_(size), guard_(std::move(guard)) {}
  void Advise(uint64_t offset, uint64_t size, int advice) const;

  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
  SigbusGuard guard_;
};

enum class Reading {
  kAuto,   // map files of local file systems, pread those of network and user-space ones
  kMap,    // map where the system can
  kPread,  // never map: for storage that others may cut off or rewrite
};

// An input of a job: opened once, checked against what it was when its header was read. Reading is
// thread-safe.
class InputFile {
 public:
  // Throws BAD_INPUT when `expected` is given and the file is another one or was changed.
  static InputFile Open(const std::string& path, const std::optional<FileIdentity>& expected,
                        Reading reading = Reading::kAuto);

  // The bytes [offset, offset + size): a pointer into the mapping, or `scratch` (of at least `size`
  // bytes) filled by pread. After the bytes were used, and before results count, call
  // CheckUnchanged.
  const uint8_t* Read(uint64_t offset, size_t size, void* scratch) const;
  // Hints; they do nothing for files that are not mapped.
  void Prefetch(uint64_t offset, uint64_t size) const;
  void Drop(uint64_t offset, uint64_t size) const;
  // Throws BAD_INPUT when the file was changed, cut off or replaced in place since it was opened.
  void CheckUnchanged() const;

  bool mapped() const { return mapping_.has_value(); }
  // A page of the mapping could not be read: CheckUnchanged says why.
  bool faulted() const { return mapping_ && mapping_->faulted(); }
  uint64_t size() const { return identity_.size; }
  const std::string& path() const { return file_.path(); }

 private:
  InputFile(File file, FileIdentity identity, std::optional<Mapping> mapping)
      : file_(std::move(file)), identity_(identity), mapping_(std::move(mapping)) {}
  [[noreturn]] void ThrowChanged() const;

  File file_;
  FileIdentity identity_;
  std::optional<Mapping> mapping_;
};

}  // namespace retemper
