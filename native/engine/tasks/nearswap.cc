// nearswap: elementwise, one pass (ops/elementwise.h).
#include "engine/task.h"

namespace retemper {
namespace {

template <class T>
class NearswapTask final : public MethodTask<T> {
 public:
  NearswapTask(const TensorSpec& spec, const Environment& environment)
      : MethodTask<T>(spec, environment) {
    this->AllowDevice();
  }

 protected:
  int MethodPhases() const override { return 1; }
  void MethodRun(int, size_t unit, Worker& worker) override {
    const Extent extent = this->Block(unit);
    if (const auto block = this->OnDevice(extent, worker)) return RunOn(*block);
    T* a = worker.template Tiles<T>(3);
    T* b = a + kTile;
    T* out = b + kTile;
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, a, worker);
      this->readers_[1].Load(first, n, b, worker);
      for (uint32_t v = 0; v < this->spec.variants.size(); ++v) {
        this->k_.nearswap(Strength(v), a, b, out, n);
        this->Emit(v, out, first - extent.first, n, worker);
      }
    });
  }

 private:
  T Strength(uint32_t v) const {
    return static_cast<T>(std::get<NearswapParams>(this->spec.variants[v].params).t);
  }
  void RunOn(DeviceBlock<T>& block) {
    block::Swap<T> body;
    body.a = block.Source(0);
    body.b = block.Source(1);
    for (uint32_t v = 0; v < this->spec.variants.size(); ++v) {
      body.t = Strength(v);
      block.Write(v, body);
    }
    this->Collect(block);
  }
};

}  // namespace

std::unique_ptr<Task> MakeNearswap(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<NearswapTask>(spec, environment);
}

}  // namespace retemper
