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
  return FetchBy(windows_[slot], file, offset, size, end);
}

const uint8_t* Worker::FetchBeside(const InputFile& file, size_t slot, size_t channel,
                                   uint64_t offset, size_t size, uint64_t end) {
  if (slot >= beside_.size()) beside_.resize(slot + 1);
  std::vector<Window>& windows = beside_[slot];
  if (channel >= windows.size()) windows.resize(channel + 1);
  return FetchBy(windows[channel], file, offset, size, end);
}

const uint8_t* Worker::FetchBy(Window& window, const InputFile& file, uint64_t offset, size_t size,
                               uint64_t end) {
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
