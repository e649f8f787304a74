// Input files behind one interface: a read-only mapping of the whole file, pread, and reading past
// the page cache.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/large_pages.h"
#include "io/direct_io.h"
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
  // Of local file systems, map what the page cache has and read the rest past it; pread files of
  // network and user-space file systems.
  kAuto,
  kMap,       // map where the system can
  kPread,     // never map: for storage that others may cut off or rewrite
  kDirect,    // past the page cache where the system can
  kUncached,  // through the page cache, leaving nothing there, where the system can
};

// An input of a job: opened once, checked against what it was when its header was read. Reading is
// thread-safe.
class InputFile {
 public:
  // Throws BAD_INPUT when `expected` is given and the file is another one or was changed.
  static InputFile Open(const std::string& path, const std::optional<FileIdentity>& expected,
                        Reading reading = Reading::kAuto);

  // Reads the whole file into memory of large pages, from which Read and Mapped give its bytes
  // then: what is gone through again and again is read faster there than in the small pages of a
  // file. `run(pieces, read)` calls read(piece) for every piece, on any threads. A file that is not
  // mapped stays as it is, and so does one for which there is no memory. Before anybody reads.
  // Throws IO.
  void CopyToMemory(
      const std::function<void(size_t pieces, const std::function<void(size_t)>& read)>& run);
  // The bytes [offset, offset + size): a pointer into the mapping or the copy, or `scratch` (of at
  // least `size` bytes) filled by pread. After the bytes were used, and before results count, call
  // CheckUnchanged.
  const uint8_t* Read(uint64_t offset, size_t size, void* scratch) const;
  // How a range that is read from front to back is best read now. `once`: nobody reads it again.
  enum class Way {
    kMapped,    // it is in memory: by Mapped
    kPopulate,  // by Read, which waits for the pages
    kCopy,      // by ReadInto
  };
  Way WayOf(uint64_t offset, size_t size, bool once) const;
  // The bytes in the mapping, whose pages are read in when they are touched, or in the copy. Of
  // a file that is mapped.
  const uint8_t* Mapped(uint64_t offset) const {
    return (copy_ ? copy_.get() : mapping_->data()) + offset;
  }
  // Reads a range into `room`, which is aligned to kDirectAlignment and 2 kDirectAlignment larger;
  // returns where in it the range starts.
  const uint8_t* ReadInto(uint64_t offset, size_t size, uint8_t* room) const;
  // A hint; it does nothing for a file that is not mapped.
  void Drop(uint64_t offset, uint64_t size) const;
  // Throws BAD_INPUT when the file was changed, cut off or replaced in place since it was opened.
  void CheckUnchanged() const;

  InputFile(InputFile&&) noexcept;
  ~InputFile();

  bool mapped() const { return mapping_.has_value(); }
  // A page of the mapping could not be read: CheckUnchanged says why.
  bool faulted() const { return mapping_ && mapping_->faulted(); }
  uint64_t size() const { return identity_.size; }
  const FileIdentity& identity() const { return identity_; }
  int descriptor() const { return file_.descriptor(); }
  const std::string& path() const { return file_.path(); }

 private:
  // How ReadInto reads; made when it is first used.
  struct Past;

  InputFile(File file, FileIdentity identity, std::optional<Mapping> mapping, Reading reading);
  [[noreturn]] void ThrowChanged() const;
  void CheckRange(uint64_t offset, size_t size) const;

  File file_;
  FileIdentity identity_;
  std::optional<Mapping> mapping_;
  LargePages copy_;
  Reading reading_;
  std::unique_ptr<Past> past_;
};

}  // namespace retemper
