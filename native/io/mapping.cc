#include "io/mapping.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <utility>

#include "core/divide_up.h"
#include "core/status.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22  // Linux 5.14; older systems answer EINVAL
#endif

namespace retemper {
namespace {

uint64_t PageSize() {
  static const auto size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

std::optional<Mapping> Mapping::Map(const File& file, uint64_t size) {
  if (size == 0 || size > std::numeric_limits<size_t>::max()) return std::nullopt;
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (data == MAP_FAILED) return std::nullopt;
  SigbusGuard guard(data, size);
  if (!guard.active()) {
    ::munmap(data, size);
    return std::nullopt;
  }
  return Mapping(static_cast<const uint8_t*>(data), size, std::move(guard));
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      guard_(std::move(other.guard_)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(guard_, other.guard_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ == nullptr) return;
  guard_.Release();  // first: another mapping may get these addresses at once
  ::munmap(const_cast<uint8_t*>(data_), size_);
}

int Mapping::PopulateRange(uint64_t offset, uint64_t size) const {
#ifdef __linux__
  if (size == 0) return 0;
  const uint64_t begin = offset / PageSize() * PageSize();
  const uint64_t end = std::min(offset + size, size_);
  int result;
  do {
    result = ::madvise(const_cast<uint8_t*>(data_) + begin, end - begin, MADV_POPULATE_READ);
  } while (result != 0 && (errno == EINTR || errno == EAGAIN));
  if (result == 0) return 0;
  if (errno != EINVAL && errno != ENOMEM) return errno;
#endif
  Prefetch(offset, size);  // a system without it: faults will read the pages in
  return 0;
}

void Mapping::Advise(uint64_t offset, uint64_t size, int advice) const {
  if (offset >= size_) return;
  const uint64_t begin = offset / PageSize() * PageSize();
  const uint64_t end = offset + std::min(size, size_ - offset);
  if (begin < end) ::madvise(const_cast<uint8_t*>(data_) + begin, end - begin, advice);
}

void Mapping::Prefetch(uint64_t offset, uint64_t size) const {
  Advise(offset, size, MADV_WILLNEED);
}

void Mapping::Drop(uint64_t offset, uint64_t size) const {
  // After a fault the range may hold the guard's pages; dropping those would not bring data back.
  if (!faulted()) Advise(offset, size, MADV_DONTNEED);
}

// A direct descriptor is opened once; a way that turns out not to be possible is not tried again.
struct InputFile::Past {
  std::once_flag opened;
  std::optional<DirectFile> direct;
  std::atomic<bool> no_direct{false}, no_uncached{false};
};

InputFile::InputFile(File file, FileIdentity identity, std::optional<Mapping> mapping,
                     Reading reading)
    : file_(std::move(file)),
      identity_(identity),
      mapping_(std::move(mapping)),
      reading_(reading),
      past_(std::make_unique<Past>()) {}
InputFile::InputFile(InputFile&&) noexcept = default;
InputFile::~InputFile() = default;

InputFile InputFile::Open(const std::string& path, const std::optional<FileIdentity>& expected,
                          Reading reading) {
  File file = File::OpenForReading(path);
  const FileIdentity identity = file.Identity();
  if (reading == Reading::kAuto && IsRemote(file.descriptor())) reading = Reading::kPread;
  std::optional<Mapping> mapping;
  if (reading != Reading::kPread) mapping = Mapping::Map(file, identity.size);
  InputFile input(std::move(file), identity, std::move(mapping), reading);
  if (expected && *expected != identity) input.ThrowChanged();
  return input;
}

void InputFile::CheckRange(uint64_t offset, size_t size) const {
  if (offset > identity_.size || size > identity_.size - offset) {
    throw Fault(code::kBadInput,
                "has no bytes [" + std::to_string(offset) + ", +" + std::to_string(size) +
                    "): it has " + std::to_string(identity_.size),
                path());
  }
}

void InputFile::CopyToMemory(
    const std::function<void(size_t pieces, const std::function<void(size_t)>& read)>& run) {
  constexpr size_t kPiece = 4 * kLargePage;
  if (!mapping_) return;
  const size_t size = identity_.size;
  LargePages copy;
  try {
    copy = AllocateLargePages(size);
  } catch (const std::bad_alloc&) {
    return;
  }
  run(DivideUp(size, kPiece), [&](size_t piece) {
    const size_t begin = piece * kPiece;
    file_.ReadAt(begin, copy.get() + begin, std::min(kPiece, size - begin));
  });
  copy_ = std::move(copy);
}

const uint8_t* InputFile::Read(uint64_t offset, size_t size, void* scratch) const {
  CheckRange(offset, size);
  if (copy_) return copy_.get() + offset;
  if (!mapping_) {
    file_.ReadAt(offset, scratch, size);
    return static_cast<const uint8_t*>(scratch);
  }
  if (mapping_->faulted()) CheckUnchanged();  // the range may hold the guard's zeros
  if (const int error = mapping_->PopulateRange(offset, size); error != 0) {
    CheckUnchanged();
    ThrowSystemFault(error == EFAULT ? EIO : error,
                     "reading failed between byte " + std::to_string(offset) + " and byte " +
                         std::to_string(offset + size),
                     path());
  }
  return mapping_->data() + offset;
}

InputFile::Way InputFile::WayOf(uint64_t offset, size_t size, bool once) const {
  if (copy_) return Way::kMapped;
  if (!mapping_ || reading_ == Reading::kDirect || reading_ == Reading::kUncached) {
    return Way::kCopy;
  }
  if (reading_ == Reading::kMap) return Way::kPopulate;
  const std::optional<bool> cached = IsCached(file_.descriptor(), offset, size);
  if (!cached) return Way::kPopulate;
  if (*cached) return Way::kMapped;
  return once ? Way::kCopy : Way::kPopulate;
}

const uint8_t* InputFile::ReadInto(uint64_t offset, size_t size, uint8_t* room) const {
  CheckRange(offset, size);
  const uint64_t begin = offset / kDirectAlignment * kDirectAlignment;
  const size_t shift = offset - begin;
  const size_t whole = (shift + size + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment;
  const size_t needed = shift + size;
  size_t done = 0;  // of whole, from its front
  // What cannot be read in a special way, for whatever reason, is left to the ordinary one.
  const auto fill = [&](std::atomic<bool>& impossible, auto read) {
    while (done < needed && !impossible.load(std::memory_order_relaxed)) {
      const int64_t count = read(begin + done, room + done, whole - done);
      if (count < 0 && IsNotPossible(static_cast<int>(-count))) impossible = true;
      if (count <= 0) return;
      const size_t reached = done + static_cast<size_t>(count);
      const size_t next = reached >= needed ? reached : reached - reached % kDirectAlignment;
      if (next == done) return;
      done = next;
    }
  };
  const bool direct = reading_ == Reading::kAuto || reading_ == Reading::kDirect;
  if (direct && size > 0) {
    std::call_once(past_->opened, [this] {
      past_->direct = DirectFile::ForReading(file_.descriptor(), path());
      if (!past_->direct) past_->no_direct = true;
    });
    fill(past_->no_direct, [this](uint64_t at, uint8_t* to, size_t most) {
      return past_->direct->ReadAt(at, to, most);
    });
  }
  if ((direct || reading_ == Reading::kUncached) && size > 0) {
    fill(past_->no_uncached, [this](uint64_t at, uint8_t* to, size_t most) {
      return ReadUncached(file_.descriptor(), at, to, most);
    });
  }
  if (done < needed) {
    const size_t from = std::max(done, shift);
    file_.ReadAt(begin + from, room + from, needed - from);
  }
  return room + shift;
}

void InputFile::Drop(uint64_t offset, uint64_t size) const {
  if (mapping_) mapping_->Drop(offset, size);
}

void InputFile::CheckUnchanged() const {
  if (file_.Identity() != identity_) ThrowChanged();
  if (mapping_ && mapping_->faulted()) {  // the same file, so its storage failed
    throw Fault(code::kIo, "a part of it could not be read", path(), {},
                "the storage reported an error, or the file was changed meanwhile: check the disk");
  }
}

void InputFile::ThrowChanged() const {
  throw Fault(code::kBadInput, "changed while it was read", path(), {},
              "let no other program write the files of a running merge or an open model, and start "
              "again");
}

}  // namespace retemper
