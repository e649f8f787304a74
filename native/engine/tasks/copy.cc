// Byte copies: tensors that no method changes, of any dtype.
#include <cstring>

#include "engine/task.h"

namespace retemper {
namespace {

class RawCopy final : public Task {
 public:
  RawCopy(const TensorSpec& spec, const Environment& environment) : Task(spec), env_(environment) {}
  int Phases() const override { return 1; }
  size_t Units(int) const override { return (elements + kBlock - 1) / kBlock; }
  void Run(int, size_t unit, Worker& worker) override {
    const Extent extent = Written(unit);
    const ReadRange range = RangeOf(unit);
    const InputFile& file = (*env_.inputs)[range.input];
    const uint8_t* from = worker.Supplied(file, 0, range.offset, range.size);
    if (from == nullptr) from = file.Read(range.offset, range.size, worker.out[0]);
    if (from != worker.out[0]) std::memcpy(worker.out[0], from, range.size);
    // Within one block a 32-bit count is enough.
    non_finite_.fetch_add(
        env_.target->f32->count_non_finite(worker.out[0], extent.count, spec.out_dtype),
        std::memory_order_relaxed);
    for (size_t v = 1; v < spec.variants.size(); ++v) {
      std::memcpy(worker.out[v], worker.out[0], range.size);
    }
  }
  void AddReads(int, size_t unit, std::vector<ReadRange>& ranges) const override {
    ranges.push_back(RangeOf(unit));
  }
  bool TakesAnyExtent() const override { return true; }
  void Make(Extent extent, Worker& worker) override {
    const Range& range = spec.sources[0].parts[0].range;
    const size_t size = SizeOf(range.dtype);
    const InputFile& file = (*env_.inputs)[range.input];
    for (uint8_t* out : worker.out) {
      if (out == nullptr) continue;
      const uint8_t* from = file.Read(range.offset + extent.first * size, extent.count * size, out);
      if (from != out) std::memcpy(out, from, extent.count * size);
    }
  }
  std::optional<std::vector<double>> Factors(uint32_t) const override { return {{1.0}}; }
  Extent Written(size_t unit) const override {
    const uint64_t first = unit * kBlock;
    return {first, std::min(kBlock, elements - first)};
  }
  uint64_t LargestWrite() const override { return std::min(elements, kBlock); }
  void AddFacts(std::vector<Facts>& facts) const override {
    for (uint32_t v = 0; v < spec.variants.size(); ++v) {
      Facts fact;
      fact.name = spec.name;
      fact.variant = v;
      fact.non_finite = non_finite_.load(std::memory_order_relaxed);
      facts.push_back(std::move(fact));
    }
  }

 private:
  ReadRange RangeOf(size_t unit) const {
    const Extent extent = Written(unit);
    const Range& range = spec.sources[0].parts[0].range;
    const size_t size = SizeOf(range.dtype);
    return {0, range.input, range.offset + extent.first * size, extent.count * size};
  }

  const Environment& env_;
  std::atomic<uint64_t> non_finite_{0};
};

// A copy that changes the dtype, applies an adapter or gathers rows.
template <class T>
class ConvertingCopy final : public MethodTask<T> {
 public:
  using MethodTask<T>::MethodTask;

  bool TakesAnyExtent() const override { return true; }
  void Make(Extent extent, Worker& worker) override {
    T* tile = worker.template Tiles<T>(1);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, tile, worker);
      for (uint32_t v = 0; v < this->spec.variants.size(); ++v)
        this->Emit(v, tile, first - extent.first, n, worker);
    });
  }
  std::optional<std::vector<double>> Factors(uint32_t) const override { return {{1.0}}; }

 protected:
  int MethodPhases() const override { return 1; }
  void MethodRun(int, size_t unit, Worker& worker) override { Make(this->Block(unit), worker); }
};

}  // namespace

std::unique_ptr<Task> MakeCopy(const TensorSpec& spec, const Environment& environment) {
  const Source& source = spec.sources[0];
  const Part& part = source.parts[0];
  const bool as_it_is = !spec.form.Encodes() && !spec.form.Rearranges() && !source.gather &&
                        !part.low_rank && !part.add && !part.range.encoding &&
                        part.range.dtype == spec.out_dtype &&
                        (!part.cast_to || *part.cast_to == part.range.dtype);
  if (as_it_is) return std::make_unique<RawCopy>(spec, environment);
  return MakeFor<ConvertingCopy>(spec, environment);
}

}  // namespace retemper
