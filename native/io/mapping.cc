#include "io/mapping.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include <algorithm>
#include <limits>
#include <utility>

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

// Network and user-space file systems, where others may change files under a mapping and a page
// fault may take seconds or fail. The numbers are those of the kernel's magic.h and of the file
// systems' own headers.
bool IsRemote(int fd) {
#ifdef __linux__
  struct statfs status;
  if (::fstatfs(fd, &status) != 0) return true;
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
#else
  (void)fd;
  return false;
#endif
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

InputFile InputFile::Open(const std::string& path, const std::optional<FileIdentity>& expected,
                          Reading reading) {
  File file = File::OpenForReading(path);
  const FileIdentity identity = file.Identity();
  const bool map =
      reading == Reading::kMap || (reading == Reading::kAuto && !IsRemote(file.descriptor()));
  std::optional<Mapping> mapping;
  if (map) mapping = Mapping::Map(file, identity.size);
  InputFile input(std::move(file), identity, std::move(mapping));
  if (expected && *expected != identity) input.ThrowChanged();
  return input;
}

const uint8_t* InputFile::Read(uint64_t offset, size_t size, void* scratch) const {
  if (offset > identity_.size || size > identity_.size - offset) {
    throw Fault(code::kBadInput,
                "has no bytes [" + std::to_string(offset) + ", +" + std::to_string(size) +
                    "): it has " + std::to_string(identity_.size),
                path());
  }
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

void InputFile::Prefetch(uint64_t offset, uint64_t size) const {
  if (mapping_) mapping_->Prefetch(offset, size);
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
