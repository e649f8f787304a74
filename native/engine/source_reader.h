// One operand of a method, tile by tile, as the values that the method sees: stored elements,
// rounded if the recipe casts, plus what an adapter does to them, rows gathered if the vocabulary
// changed. Never a whole tensor.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/plan.h"
#include "cpu/kernels.h"
#include "engine/read_ahead.h"
#include "engine/shared_factors.h"
#include "engine/worker.h"
#include "io/mapping.h"

namespace retemper {

template <class T>
class SourceReader {
 public:
  // `slot` is the read window of this operand in every worker. `shared`: other readers' factors of
  // the same products; or null.
  SourceReader(const Source& source, uint64_t cols, const std::vector<InputFile>& inputs,
               const Kernels<T>& kernels, size_t slot, SharedFactors* shared = nullptr);
  ~SourceReader();
  SourceReader(SourceReader&&) noexcept;

  // Reads the adapter's matrices (a few MB). Once, before the first ComputeNorms, ComputeMeans or
  // Load.
  void Prepare();
  // DoRA needs the norm of every row or column of the adapted matrix first: units of work, in any
  // order and from any thread. None for other sources.
  size_t NormUnits() const;
  void ComputeNorms(size_t unit, Worker& worker);
  // A padded vocabulary needs the mean of its rows. A phase after the norms, for rows may be
  // adapted.
  size_t MeanUnits() const;
  void ComputeMeans(size_t unit, Worker& worker);
  // Frees what Prepare and ComputeNorms made.
  void Release();

  // From here on Load gives the operand's elements in the order in which `form` has them; the
  // result has `rows` rows. `second_slot` is another read window, for what is not read from front
  // to back.
  void Rearrange(const OutputForm& form, uint64_t rows, size_t second_slot);

  // Elements [first, first + n) of the operand, flat in row-major order; n <= kTile.
  void Load(uint64_t first, size_t n, T* out, Worker& worker) const;
  // Adds what Load reads for elements [first, first + n), where that is one range.
  void AddReads(uint64_t first, uint64_t n, std::vector<ReadRange>& ranges) const;

 private:
  struct PartState;
  void LoadPart(const PartState& part, uint64_t first, size_t n, T* out, Worker& worker,
                bool scaled, size_t slot) const;
  const T* ProductRow(const PartState& part, uint64_t row, uint64_t cell, Worker& worker,
                      size_t slot) const;
  void AddLowRank(const PartState& part, uint64_t first, size_t n, T* out, Worker& worker,
                  size_t slot) const;
  // As Load, of the order in which the operand is.
  void LoadInOrder(uint64_t first, size_t n, T* out, Worker& worker, size_t slot) const;
  void LoadTransposed(uint64_t first, size_t n, T* out, Worker& worker) const;

  const Source* source_;
  uint64_t cols_;
  const std::vector<InputFile>* inputs_;
  const Kernels<T>* kernels_;
  size_t slot_, second_slot_ = 0;
  SharedFactors* shared_;
  OutputForm form_;
  uint64_t rows_ = 0;  // of a result that is rearranged
  std::vector<PartState> parts_;
  std::vector<T> mean_;  // of all listed rows of the gather
};

extern template class SourceReader<float>;
extern template class SourceReader<double>;

}  // namespace retemper
