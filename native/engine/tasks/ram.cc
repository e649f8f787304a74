// RAM and RAM+ ("ram", "ramplus_tl"): where the deltas of several models are active their mean is
// taken, where one is, that one, times a factor for RAM+; where none is, the base.
//
// RAM is one pass. RAM+ first counts, for each model, the positions that it alone changes (unique)
// and those that it shares with others; the unique part is then multiplied by 1 + r clamp(shared /
// max(unique, epsilon), 0, alpha).
#include <array>

#include "core/let_go.h"
#include "engine/task.h"

namespace retemper {
namespace {

template <class T>
class Ram final : public MethodTask<T> {
 public:
  Ram(const TensorSpec& spec, const Environment& environment)
      : MethodTask<T>(spec, environment), models_(spec.sources.size() - 1) {
    for (const Variant& variant : spec.variants)
      counts_ |= std::get<RamParams>(variant.params).r != 0;
    this->AllowDevice();
  }
  void Release() override {
    MethodTask<T>::Release();
    LetGo(partial_);
  }

 protected:
  using Count = std::array<uint64_t, 2>;  // positions it changes alone, and with others
  int MethodPhases() const override { return counts_ ? 2 : 1; }
  void MethodBegin(int phase) override {
    const size_t variants = this->spec.variants.size();
    if (phase != 0) return;
    factors_.assign(variants * models_, T(1));
    if (counts_) partial_.assign(this->Blocks() * variants * models_, {});
  }
  void MethodRun(int phase, size_t unit, Worker& worker) override {
    const bool writes = phase + 1 == MethodPhases();
    const Extent extent = this->Block(unit);
    if (const auto block = this->OnDevice(extent, worker)) return RunOn(*block, unit, writes);
    // Tiles: base, deltas, how many models are active, their sum or the result.
    T* base = worker.template Tiles<T>(models_ + 3);
    T* count = base + (models_ + 1) * kTile;
    T* sum = count + kTile;
    const size_t variants = this->spec.variants.size();
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, base, worker);
      for (size_t m = 0; m < models_; ++m) {
        T* delta = base + (m + 1) * kTile;
        this->readers_[m + 1].Load(first, n, delta, worker);
        this->k_.subtract(delta, base, delta, n);
      }
      for (uint32_t v = 0; v < variants; ++v) {
        const RamParams& params = std::get<RamParams>(this->spec.variants[v].params);
        const T epsilon = static_cast<T>(params.epsilon);
        std::fill_n(count, n, T(0));
        std::fill_n(sum, n, T(0));
        for (size_t m = 0; m < models_; ++m)
          this->k_.activity(epsilon, base + (m + 1) * kTile, count, sum, n);
        if (!writes) {
          for (size_t m = 0; m < models_; ++m) {
            uint64_t* sums = partial_[(unit * variants + v) * models_ + m].data();
            this->k_.count_unique(epsilon, base + (m + 1) * kTile, count, n, sums);
          }
          continue;
        }
        if (counts_) {
          for (size_t m = 0; m < models_; ++m)
            this->k_.scale_unique(epsilon, factors_[v * models_ + m], base + (m + 1) * kTile, count,
                                  sum, n);
        }
        this->k_.divide_by(count, sum, n);
        this->k_.add(base, sum, n);
        this->Emit(v, sum, first - extent.first, n, worker);
      }
    });
  }
  void MethodEnd(int phase) override {
    if (phase != 0 || !counts_) return;
    const size_t variants = this->spec.variants.size();
    for (size_t v = 0; v < variants; ++v) {
      const RamParams& params = std::get<RamParams>(this->spec.variants[v].params);
      for (size_t m = 0; m < models_; ++m) {
        Count total = {};
        for (size_t b = 0; b < this->Blocks(); ++b) {
          total[0] += partial_[(b * variants + v) * models_ + m][0];
          total[1] += partial_[(b * variants + v) * models_ + m][1];
        }
        const double ratio =
            static_cast<double>(total[1]) / std::max(static_cast<double>(total[0]), params.epsilon);
        factors_[v * models_ + m] =
            static_cast<T>(1.0 + params.r * std::clamp(ratio, 0.0, params.alpha));
      }
    }
  }

 private:
  void RunOn(DeviceBlock<T>& block, size_t unit, bool writes) {
    const size_t variants = this->spec.variants.size();
    block::RamMerge<T> body;
    body.models.vectors = block.All(true);
    body.scales = counts_;
    for (uint32_t v = 0; v < variants; ++v) {
      body.models.epsilon =
          static_cast<T>(std::get<RamParams>(this->spec.variants[v].params).epsilon);
      std::copy_n(factors_.data() + v * models_, models_, body.factors);
      if (writes) {
        block.Write(v, body);
        continue;
      }
      block::RamCount<T> count{body.models, 0, {}};
      for (size_t m = 0; m < models_; ++m) {
        count.model = static_cast<int>(m);
        block.Count(block.NewCount(), count);
      }
    }
    if (writes) return this->Collect(block);
    block.Finish();
    for (size_t i = 0; i < variants * models_; ++i)
      partial_[unit * variants * models_ + i] = {block.Low(i), block.High(i)};
  }
  size_t models_;
  bool counts_ = false;
  std::vector<Count> partial_;  // [block, variant, model]
  std::vector<T> factors_;      // [variant, model]
};

}  // namespace

std::unique_ptr<Task> MakeRam(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<Ram>(spec, environment);
}

}  // namespace retemper
