// The scales of rows of codes: written after the codes, of which they are a by-product.
#include <cstring>

#include "engine/task.h"

namespace retemper {
namespace {

class Scales final : public Task {
 public:
  Scales(const TensorSpec& spec, Task& rows) : Task(spec), rows_(rows) {}
  int Phases() const override { return 1; }
  size_t Units(int) const override { return (elements + kBlock - 1) / kBlock; }
  void Run(int, size_t unit, Worker& worker) override {
    const Extent extent = Written(unit);
    const size_t size = SizeOf(spec.out_dtype);
    for (uint32_t v = 0; v < spec.variants.size(); ++v) {
      std::memcpy(worker.out[v], rows_.Scales(v).data() + extent.first * size, extent.count * size);
    }
  }
  Extent Written(size_t unit) const override {
    const uint64_t first = unit * kBlock;
    return {first, std::min(kBlock, elements - first)};
  }
  uint64_t LargestWrite() const override { return std::min(elements, kBlock); }
  void Release() override { rows_.ReleaseScales(); }
  void AddFacts(std::vector<Facts>& facts) const override {
    for (uint32_t v = 0; v < spec.variants.size(); ++v) {
      Facts fact;  // what is not finite is counted where the codes are
      fact.name = spec.name;
      fact.variant = v;
      facts.push_back(std::move(fact));
    }
  }
  const char* OnCpuBecause() const override { return "scales of another tensor"; }

 private:
  Task& rows_;
};

}  // namespace

std::unique_ptr<Task> MakeScales(const TensorSpec& spec, Task& rows) {
  return std::make_unique<Scales>(spec, rows);
}

}  // namespace retemper
