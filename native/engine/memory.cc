#include "engine/memory.h"

#include <algorithm>
#include <string>

#include "core/status.h"
#include "cpu/kernels.h"
#include "engine/decode_range.h"
#include "engine/row_masks.h"
#include "engine/task.h"
#include "io/direct_io.h"

namespace retemper {
namespace {

// Where there is no limit, whatever the model's size.
constexpr uint64_t kInWriting = 12, kAheadBytes = 32 << 20, kKeptBytes = 64 << 20;

// Bytes of anonymous memory a worker and its share of the buffers take, at most.
uint64_t WorkerBytes(const Plan& plan, size_t buffers, uint64_t buffer_bytes) {
  size_t sources = 1;
  uint64_t row = 0;    // bytes that a row as a whole takes
  uint64_t bands = 0;  // those of the sources that are stored transposed
  for (const TensorSpec& tensor : plan.tensors) {
    sources = std::max(sources, tensor.sources.size());
    uint64_t own = 0;
    for (const Source& source : tensor.sources) {
      uint64_t band = 0;
      for (const Part& part : source.parts) band = std::max(band, BandBytes(part.range));
      own += band;
    }
    bands = std::max(bands, own);
    const auto* params = std::get_if<TaskArithmeticParams>(&tensor.variants[0].params);
    if (params == nullptr || tensor.scales_of || params->sparsifier != Sparsifier::kRanked)
      continue;
    const uint64_t length = tensor.LastDim();
    const uint64_t scratch =
        tensor.f64 ? RowMasks<double>::ScratchBytes(length) : RowMasks<float>::ScratchBytes(length);
    row = std::max(row, scratch + length * tensor.sources.size() * (tensor.f64 ? 8 : 4));
  }
  const uint64_t tiles = (2 * sources + 8) * kTile * sizeof(double);
  const uint64_t windows = plan.reading == ReadingChoice::kPread ? sources * (256 << 10) : 0;
  const uint64_t histograms = sources * (uint64_t{1} << 16) * sizeof(uint32_t) * 2;
  return tiles + windows + histograms + row + bands + 2 * buffers * buffer_bytes + (1 << 20);
}

}  // namespace

uint64_t AheadBuffer(const Plan& plan) {
  uint64_t element = 1;
  for (const TensorSpec& tensor : plan.tensors) {
    for (const Source& source : tensor.sources) {
      for (const Part& part : source.parts)
        element = std::max<uint64_t>(element, SizeOf(part.range.dtype));
    }
  }
  return kBlock * element + 2 * kDirectAlignment;
}

Memory ShareMemory(const Plan& plan, unsigned workers, size_t variants, uint64_t largest,
                   uint64_t pinned) {
  Memory memory = {workers, kInWriting, kAheadBytes, kKeptBytes};
  if (plan.max_memory == 0) return memory;
  const uint64_t each = WorkerBytes(plan, variants, largest);
  const uint64_t fixed = 4 * variants * largest + pinned;
  while (memory.workers > 1 && fixed + memory.workers * each > plan.max_memory) --memory.workers;
  if (fixed + each > plan.max_memory) {
    throw Fault(code::kOutOfMemory,
                "the merge needs at least " + std::to_string((fixed + each + (1 << 20) - 1) >> 20) +
                    " MB of memory, and " +
                    std::to_string((plan.max_memory + (1 << 20) - 1) >> 20) + " MB are allowed",
                {}, {}, "raise --max-memory");
  }
  uint64_t left = plan.max_memory - fixed - memory.workers * each;
  const auto take = [&left](uint64_t wanted) {
    const uint64_t taken = std::min(wanted, left);
    left -= taken;
    return taken;
  };
  memory.in_writing = take(memory.in_writing * largest) / largest;
  memory.ahead_bytes = take(memory.ahead_bytes);
  memory.kept_bytes = take(memory.kept_bytes);
  return memory;
}

}  // namespace retemper
