// nearswap: elementwise, one pass (ops/elementwise.h).
#include "engine/task.h"

namespace retemper {
namespace {

template <class T>
class NearswapTask final : public MethodTask<T> {
 public:
  using MethodTask<T>::MethodTask;

 protected:
  int MethodPhases() const override { return 1; }
  void MethodRun(int, size_t unit, Worker& worker) override {
    const Extent extent = this->Block(unit);
    this->Prefetch(extent);
    T* a = worker.template Tiles<T>(3);
    T* b = a + kTile;
    T* out = b + kTile;
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, a, worker);
      this->readers_[1].Load(first, n, b, worker);
      for (uint32_t v = 0; v < this->spec.variants.size(); ++v) {
        const double t = std::get<NearswapParams>(this->spec.variants[v].params).t;
        this->k_.nearswap(static_cast<T>(t), a, b, out, n);
        this->Emit(v, out, first - extent.first, n, worker);
      }
    });
  }
};

}  // namespace

std::unique_ptr<Task> MakeNearswap(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<NearswapTask>(spec, environment);
}

}  // namespace retemper
