#include "engine/worker.h"

#include <algorithm>

namespace retemper {

namespace {
constexpr uint64_t kWindow = 256 << 10;
}

const uint8_t* Worker::Fetch(const InputFile& file, size_t slot, uint64_t offset, size_t size,
                             uint64_t end) {
  if (const uint8_t* supplied = Supplied(file, slot, offset, size)) return supplied;
  if (slot >= windows_.size()) windows_.resize(slot + 1);
  Window& window = windows_[slot];
  if (window.file != &file || offset < window.begin || offset + size > window.end) {
    const uint64_t reach = only_asked_ ? 0 : std::min(kWindow, end - offset);
    const uint64_t length = std::max<uint64_t>(size, reach);
    window.file = nullptr;
    window.data =
        file.Read(offset, length, file.mapped() ? nullptr : window.memory.Reserve(length));
    window.file = &file;
    window.begin = offset;
    window.end = offset + length;
  }
  return window.data + (offset - window.begin);
}

}  // namespace retemper
