// Stored elements as numbers, whatever the encoding: the one way from a range's bytes to values.
// Plain ranges have a fast path of their own here and in SourceReader.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan.h"
#include "cpu/kernels.h"
#include "engine/worker.h"
#include "io/mapping.h"

namespace retemper {

// Bytes of the inputs for one decoding, and what it keeps for the next one.
class RangeBytes {
 public:
  virtual ~RangeBytes() = default;
  // [offset, offset + size) of an input, valid until the next call with the same `channel`: 0 for
  // the range itself, further ones for what belongs to it. `end` is how far reading ahead may go.
  virtual const uint8_t* Read(uint32_t input, uint64_t offset, size_t size, uint64_t end,
                              size_t channel) = 0;
  virtual Worker::Band& band() = 0;
};

// By a worker's read window of `slot`.
class WindowBytes final : public RangeBytes {
 public:
  WindowBytes(const std::vector<InputFile>& inputs, size_t slot, Worker& worker)
      : inputs_(inputs), slot_(slot), worker_(worker) {}
  const uint8_t* Read(uint32_t input, uint64_t offset, size_t size, uint64_t end,
                      size_t channel) override {
    if (channel == 0) return worker_.Fetch(inputs_[input], slot_, offset, size, end);
    return worker_.FetchBeside(inputs_[input], slot_, channel, offset, size, end);
  }
  Worker::Band& band() override { return worker_.BandOf(slot_); }

 private:
  const std::vector<InputFile>& inputs_;
  const size_t slot_;
  Worker& worker_;
};

// Without a worker, for what is read once.
class FileBytes final : public RangeBytes {
 public:
  explicit FileBytes(const std::vector<InputFile>& inputs) : inputs_(inputs) {}
  const uint8_t* Read(uint32_t input, uint64_t offset, size_t size, uint64_t end,
                      size_t channel) override;
  Worker::Band& band() override { return band_; }

 private:
  const std::vector<InputFile>& inputs_;
  std::vector<std::vector<uint8_t>> copies_;  // by channel
  Worker::Band band_;
};

// Bytes of the inputs that a range takes: those of its encoding, where it has one.
uint64_t StoredBytes(const Range& range);
// Bytes of memory that decoding a transposed range keeps, at most.
uint64_t BandBytes(const Range& range);
// Where elements [first, first + n) of a range lie, if that is one run of bytes that is read from
// front to back; else a size of 0.
struct StoredRun {
  uint64_t offset = 0, size = 0;
};
StoredRun RunOf(const Range& range, uint64_t first, uint64_t n);

// Whether a range takes stored elements by steps of its own.
bool IsView(const Range& range);
// Why a range's encoding cannot be what it says, for CheckPlan; nullptr: it can.
const char* EncodingFault(const Range& range);

// Elements [first, first + n) of a range as T.
template <class T>
void LoadRange(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
               RangeBytes& bytes);

extern template void LoadRange<float>(const Range&, uint64_t, size_t, float*, const Kernels<float>&,
                                      RangeBytes&);
extern template void LoadRange<double>(const Range&, uint64_t, size_t, double*,
                                       const Kernels<double>&, RangeBytes&);

}  // namespace retemper
