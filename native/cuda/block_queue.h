// A place where blocks are computed, in order: one stream of a GPU with its pinned staging memory
// and device memory. Several queues run at the same time, so uploads, kernels and downloads of
// different blocks overlap. The engine knows only this interface; tests put the host in its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cuda/bodies.h"
#include "cuda/delta_bodies.h"

namespace retemper {

// Everything that a launch can run.
using BlockBody =
    std::variant<block::Combine<float>, block::Combine<double>, block::GramLane<float>,
                 block::GramLane<double>, block::Swap<float>, block::Swap<double>,
                 block::RamCount<float>, block::RamCount<double>, block::RamMerge<float>,
                 block::RamMerge<double>, block::NanCount<float>, block::NanCount<double>,
                 block::Histogram<float>, block::Histogram<double>, block::EqualCount<float>,
                 block::EqualCount<double>, block::ChunkCount<float>, block::ChunkCount<double>,
                 block::ChunkScan, block::SumLane<float>, block::SumLane<double>,
                 block::KeptCount<float>, block::KeptCount<double>, block::DeltaMerge<float>,
                 block::DeltaMerge<double>>;

// Where a body wants its counts added up; nullptr for bodies without.
template <class Body>
RETEMPER_HD uint64_t* CountsOf(const Body& body) {
  if constexpr (requires { body.out; }) {
    return body.out.counts;
  } else {
    return nullptr;
  }
}

class BlockQueue {
 public:
  struct Buffer {
    uint8_t* host = nullptr;    // pinned
    uint8_t* device = nullptr;  // of the same size
  };

  virtual ~BlockQueue() = default;

  // Buffer `index`, of at least `bytes`. It moves when it grows; its contents are then lost.
  virtual Buffer Reserve(size_t index, size_t bytes) = 0;

  // Enqueued; each throws Fault DEVICE for what has failed so far.
  virtual void Upload(size_t index, size_t bytes) = 0;
  virtual void Download(size_t index, size_t bytes) = 0;
  virtual void Zero(size_t index, size_t bytes) = 0;
  // Calls body(0 ... threads - 1), in any order, and adds the sum of the answers to its counts.
  virtual void Launch(const BlockBody& body, uint64_t threads) = 0;
  // Until everything enqueued is done.
  virtual void Wait() = 0;
  // The same without a fault: before memory that is in use goes away.
  virtual void Drain() noexcept = 0;

  // The number of its device among those of the merge.
  virtual int device() const = 0;
  // Words of the device's memory that every queue of the device may use. Zero at first.
  virtual uint64_t* NewWords(size_t count) = 0;
  virtual void ReadWords(const uint64_t* words, size_t count, uint64_t* to) = 0;
  virtual void FreeWords(uint64_t* words) noexcept = 0;
};

struct BlockQueues {
  std::vector<std::unique_ptr<BlockQueue>> queues;
  std::vector<std::string> devices;  // names, for the report
  // Tensors below this size are not worth the way to the device and back.
  uint64_t least_elements = 128 << 10;
};

}  // namespace retemper
