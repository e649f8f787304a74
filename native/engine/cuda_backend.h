// One block of a tensor on a device: its operands go up when a body first names them, bodies run,
// the results come back. The tasks decide what runs; this knows where everything lies.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan.h"
#include "engine/device_pool.h"
#include "engine/source_reader.h"
#include "engine/worker.h"

namespace retemper {

// What each buffer of a queue will have to hold for the tensors of a plan, so that memory is taken
// before the merge starts.
std::vector<size_t> DeviceBufferBytes(const Plan& plan, uint64_t block_elements);

// And how much of a device's memory the histograms of the tensors under way may take.
size_t DeviceWordBytes(const Plan& plan);

template <class T>
class DeviceBlock {
 public:
  // Elements [first, first + count) of the tensor.
  DeviceBlock(DevicePool& pool, const TensorSpec& spec, const std::vector<SourceReader<T>>& readers,
              const std::vector<InputFile>& inputs, uint64_t first, uint64_t count, Worker& worker);

  // A source's elements on the device.
  block::Operand Source(size_t index);
  // All sources, or all others as differences from the first.
  block::Vectors<T> All(bool from_base);
  // The base and one model only; the others stay empty.
  void AddModel(block::Vectors<T>& vectors, size_t model);

  // A word that counts (block::Counts), zero now, and where a body finds it.
  size_t NewCount();
  block::Output Counting(size_t word) const;
  // Room for sums of block::kSumLanes lanes each; how many there can be is in cuda_backend.cc.
  size_t NewLanes(size_t sums);
  double* Lanes(size_t at) const { return Results<double>().device + at; }
  // For a model's ordinals of equal elements, two kinds of `chunks`.
  uint32_t* Ordinals(size_t model) const;
  uint64_t chunks() const { return (count_ + block::kChunk - 1) / block::kChunk; }

  void Launch(const BlockBody& body, uint64_t threads) { queue_->Launch(body, threads); }
  // Runs a body on every element and counts in `word`.
  template <class Body>
  void Count(size_t word, Body body) {
    body.out = Counting(word);
    queue_->Launch(body, count_);
  }
  // Runs a body on every element; its result is the block of `variant`.
  template <class Body>
  void Write(uint32_t variant, Body body) {
    written_.push_back({variant, NewCount()});
    body.out = Counting(written_.back().word);
    body.out.bytes = Output(variant);
    body.out.dtype = spec_.out_dtype;
    queue_->Launch(body, count_);
    DownloadOutput(variant);
  }

  // Waits; the outputs are in the worker's buffers and the counts can be read.
  void Finish();
  // Calls each(variant, how many values of its block are NaN or infinite).
  template <class Each>
  void EachNonFinite(Each each) const {
    for (const Written& written : written_) each(written.variant, Low(written.word));
  }
  uint64_t Low(size_t word) const { return Results<uint64_t>().host[word] & 0xffffffffu; }
  uint64_t High(size_t word) const { return Results<uint64_t>().host[word] >> 32; }
  // The sum of the lanes of one sum, in lane order.
  double SumAt(size_t at) const;

  uint64_t first() const { return first_; }
  uint64_t count() const { return count_; }
  int device() const { return queue_->device(); }

 private:
  template <class Word>
  struct View {
    Word* host;
    Word* device;
  };
  template <class Word>
  View<Word> Results() const {
    return {reinterpret_cast<Word*>(results_.host), reinterpret_cast<Word*>(results_.device)};
  }
  size_t Place(size_t words);
  uint8_t* Output(uint32_t variant);
  void DownloadOutput(uint32_t variant);

  const TensorSpec& spec_;
  const std::vector<SourceReader<T>>& readers_;
  const std::vector<InputFile>& inputs_;
  const uint64_t first_, count_;
  Worker& worker_;
  const QueueLease queue_;
  BlockQueue::Buffer results_;
  size_t words_ = 0, used_ = 0;
  std::vector<block::Operand> sources_;  // empty until uploaded
  struct Written {
    uint32_t variant;
    size_t word;
  };
  std::vector<Written> written_;
};

extern template class DeviceBlock<float>;
extern template class DeviceBlock<double>;

}  // namespace retemper
