// What the operations of one open model share: threads, precision, scratch memory, the rows of the
// step in work, tables of rotary positions, and the files that hold the weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/divide_up.h"
#include "io/mapping.h"
#include "nn/matmul.h"
#include "nn/paged_cache.h"
#include "nn/pool.h"
#include "nn/rope_table.h"
#include "nn/training_kernels.h"
#include "nn/vector_kernels.h"

namespace retemper::nn {

class WeightMaker;

// The tokens of one step. Rows of one slot lie side by side, positions ascending by 1.
struct Step {
  std::vector<int32_t> ids;
  std::vector<int32_t> positions;
  std::vector<uint32_t> variants;
  // Tokens that each row's sequence will have in all; decides which rotary frequencies it takes.
  std::vector<int32_t> contexts;
  std::vector<CacheRun> runs;
  std::vector<uint32_t> run_of;  // of each row

  size_t rows() const { return ids.size(); }
};

// Memory that grows to what was asked for and stays: steps after the first few allocate nothing.
class Scratch {
 public:
  // At least `count` floats at 64 bytes alignment, whose contents are lost. Throws std::bad_alloc.
  float* Floats(size_t count) {
    if (count > size_) {
      const size_t bytes = RoundUp(count * sizeof(float), 64);
      memory_.reset();
      size_ = 0;
      memory_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
      if (memory_ == nullptr) throw std::bad_alloc();
      size_ = count;
    }
    return memory_.get();
  }
  size_t bytes() const { return size_ * sizeof(float); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> memory_;
  size_t size_ = 0;
};

class Context {
 public:
  Context(unsigned threads, Precision precision,
          const VectorKernels& vector_kernels = ChooseVectorKernels())
      : pool(threads),
        precision(precision),
        kernels(vector_kernels),
        training(TrainingKernelsOf(vector_kernels)) {}

  Pool pool;
  const Precision precision;
  const VectorKernels& kernels;
  const TrainingKernels& training;

  Step step;
  // Takes the rows of the next step. Throws USAGE for lengths that differ, negative numbers, a
  // variant that there is not, and rows of a slot that are apart or out of order. `contexts` may be
  // null: each sequence ends with its last row here.
  void SetStep(const int32_t* ids, const int32_t* positions, const int32_t* slots,
               const int32_t* variants, const int32_t* contexts, size_t rows);
  // How many variants of the weights there are.
  uint32_t variants = 1;

  // Free for one operation at a time, or one decoder, which names its uses itself.
  enum : size_t {
    kNormal,
    kGate,
    kUp,
    kQuery,
    kThreads,
    kStates,
    // of a decoder
    kLayer,
    kBetween,
    kProjected,
    kAttended,
    // of training
    kNormalBack,
    kProduct,
    kProductBack,
    kPost,
    kPostBack,
    kOwn,
    kTurnedB,
    kLow,
    kLowBack,
    kDropped,
    kDirected,
    kDirectedBack,
    kScratches
  };
  Scratch scratch[kScratches];

  // The table of these frequencies, shared by all layers that have them.
  RopeTable& RopeOf(const std::vector<float>& inverse_frequencies, float magnitude);

  // Whether files of weights are copied into memory when they are opened.
  bool copies_files = false;
  std::vector<std::shared_ptr<const InputFile>> files;
  std::shared_ptr<const WeightMaker> maker;  // of weights that lie in no file; or null
  // Throws BAD_INPUT or IO when a page of a file could not be read; what was computed is void.
  void CheckFaults() const;
  // Also throws BAD_INPUT when a file was changed since it was opened.
  void CheckUnchanged() const;

  // Calls body(begin, end) for parts of [0, rows), on all threads where there is enough to do;
  // `cost` counts elements of a row. A part's size does not depend on the threads.
  template <class Body>
  void ForRows(size_t rows, size_t cost, Body body) {
    constexpr size_t kAlone = size_t{1} << 15, kPart = size_t{1} << 13;
    if (rows * cost <= kAlone) {
      if (rows > 0) body(size_t{0}, rows);
      return;
    }
    const size_t part = std::max<size_t>(1, kPart / std::max<size_t>(cost, 1));
    pool.Run(DivideUp(rows, part), [&](size_t index, unsigned) {
      body(index * part, std::min(rows, (index + 1) * part));
    });
  }

 private:
  std::vector<std::unique_ptr<RopeTable>> ropes_;
};

}  // namespace retemper::nn
