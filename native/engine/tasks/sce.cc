// SCE (Wan et al., FuseChat, arXiv 2408.07990): select the positions whose deltas vary most across
// models, calculate a weight for each model from what is left of its delta, erase what disagrees
// with the majority's sign.
//
// Phases: those that select a band of variances (engine/band_select.h); one of squared sums for the
// weights; one that writes.
#include <cmath>

#include "core/let_go.h"
#include "engine/band_select.h"
#include "engine/task.h"

namespace retemper {
namespace {

template <class T>
class Sce final : public MethodTask<T> {
 public:
  using Key = typename KeyOf<T>::Type;

  Sce(const TensorSpec& spec, const Environment& environment)
      : MethodTask<T>(spec, environment),
        models_(spec.sources.size() - 1),
        slots_(spec.variants.size()),
        bands_(this->elements, slots_.size()) {
    for (size_t v = 0; v < slots_.size(); ++v) {
      const double topk = std::get<SceParams>(spec.variants[v].params).select_topk;
      slots_[v].selects = topk > 0 && topk < 1;
      slots_[v].zero = !(topk > 0);
      if (slots_[v].selects) bands_.KeepLargestShare(v, 0, topk);
    }
    bands_.Fix(this->Blocks(), true);
  }
  void Release() override {
    MethodTask<T>::Release();
    bands_.Release();
    LetGo(squares_);
  }

 protected:
  int MethodPhases() const override { return bands_.Phases() + 2; }
  size_t MethodUnits(int phase) const override {
    return phase < bands_.Phases() ? bands_.Units(phase) : this->Blocks();
  }
  Extent MethodReads(int phase, size_t unit) const override {
    const bool selects = phase < bands_.Phases();
    if (selects && (bands_.IsSample(phase) || bands_.Idle(phase))) return {};
    return this->Block(unit);
  }
  void MethodBegin(int phase) override {
    if (phase < bands_.Phases()) bands_.Begin(phase, this->env_.workers);
    if (phase == SumsPhase()) squares_.assign(this->Blocks() * slots_.size() * models_, 0.0);
  }
  void MethodRun(int phase, size_t unit, Worker& worker) override {
    // Tiles: base, deltas, masked deltas, mean, variance, keys (two), kept sum, weights.
    T* tiles = worker.template Tiles<T>(2 * models_ + 7);
    if (phase < bands_.Phases()) return Select(phase, unit, tiles, worker);
    const Extent extent = this->Block(unit);
    std::vector<BandCursor> cursors(slots_.size());
    for (size_t v = 0; v < slots_.size() && bands_.selects(); ++v)
      cursors[v] = bands_.Before(unit, v);
    std::vector<double> lanes(slots_.size() * models_ * kLanes, 0.0);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadDeltas(first, n, tiles, worker);
      if (bands_.selects()) VarianceKeys(n, tiles);
      for (uint32_t v = 0; v < slots_.size(); ++v) {
        Mask(v, n, tiles, cursors[v]);
        if (phase == SumsPhase()) {
          for (size_t m = 0; m < models_; ++m) {
            const T* masked = Masked(tiles, m);
            this->k_.dot(masked, masked, n, lanes.data() + (v * models_ + m) * kLanes);
          }
        } else {
          this->Emit(v, CombineTile(v, n, tiles), first - extent.first, n, worker);
        }
      }
    });
    if (phase == SumsPhase()) {
      for (size_t i = 0; i < slots_.size() * models_; ++i) {
        squares_[unit * slots_.size() * models_ + i] = SumOf(lanes.data() + i * kLanes);
      }
    }
  }
  void MethodEnd(int phase) override {
    if (phase < bands_.Phases()) bands_.End(phase);
    if (phase + 1 == bands_.Phases()) {
      for (size_t v = 0; v < slots_.size(); ++v)
        slots_[v].zero |= slots_[v].selects && bands_.count(v) == 0;
    }
    if (phase == SumsPhase()) Weigh();
  }
  void Describe(uint32_t v, Facts& fact) const override {
    if (slots_[v].selects && this->elements > 0) {
      fact.kept = static_cast<double>(bands_.count(v)) / static_cast<double>(this->elements);
    }
  }

 private:
  struct Slot {
    bool selects = false, zero = false;
    std::vector<T> weights;
  };

  int SumsPhase() const { return MethodPhases() - 2; }
  T* Delta(T* tiles, size_t m) const { return tiles + (1 + m) * kTile; }
  T* Masked(T* tiles, size_t m) const { return tiles + (1 + models_ + m) * kTile; }
  T* Sum(T* tiles) const { return tiles + (2 * models_ + 1) * kTile; }
  Key* Keys(T* tiles) const { return reinterpret_cast<Key*>(tiles + (2 * models_ + 3) * kTile); }

  void LoadDeltas(uint64_t first, size_t n, T* tiles, Worker& worker) const {
    this->readers_[0].Load(first, n, tiles, worker);
    for (size_t m = 0; m < models_; ++m) {
      this->readers_[m + 1].Load(first, n, Delta(tiles, m), worker);
      this->k_.subtract(Delta(tiles, m), tiles, Delta(tiles, m), n);
    }
  }
  void Select(int phase, size_t unit, T* tiles, Worker& worker) {
    if (bands_.Idle(phase)) return;
    const Extent extent = bands_.IsSample(phase) ? Extent{} : this->Block(unit);
    const Worker::Reach reach(worker, bands_.IsSample(phase));
    const auto visit = [&](uint64_t first, uint64_t count, auto each) {
      this->EachTile({first, count}, [&](uint64_t at, size_t n) {
        LoadDeltas(at, n, tiles, worker);
        VarianceKeys(n, tiles);
        each(0, Keys(tiles), n, Keys(tiles) + kTile);
      });
    };
    bands_.Run(phase, unit, extent.first, extent.count, worker.index, this->k_, visit);
  }
  // The biased variance across models, by position.
  void VarianceKeys(size_t n, T* tiles) const {
    T* mean = Sum(tiles);
    T* variance = mean + kTile;
    std::fill_n(mean, n, T(0));
    std::fill_n(variance, n, T(0));
    for (size_t m = 0; m < models_; ++m) this->k_.add(Delta(tiles, m), mean, n);
    this->k_.divide(static_cast<T>(models_), mean, n);
    for (size_t m = 0; m < models_; ++m) this->k_.squared_from(Delta(tiles, m), mean, variance, n);
    this->k_.divide(static_cast<T>(models_), variance, n);
    this->k_.magnitude_keys(variance, n, Keys(tiles));
  }
  // Copies the deltas, with zeros where the variance is not among the selected.
  void Mask(size_t v, size_t n, T* tiles, BandCursor& cursor) const {
    const Slot& slot = slots_[v];
    if (slot.zero) {
      for (size_t m = 0; m < models_; ++m) std::fill_n(Masked(tiles, m), n, T(0));
      return;
    }
    for (size_t m = 0; m < models_; ++m) std::copy_n(Delta(tiles, m), n, Masked(tiles, m));
    if (!slot.selects) return;
    const Key* keys = Keys(tiles);
    const Band<T>& band = bands_.band(v);
    const uint64_t before = cursor.low;
    cursor.low += this->k_.count_equal(keys, n, band.low);
    const bool all = cursor.low <= band.low_to;
    if (all || before >= band.low_to) {  // all or none of the equal ones
      const Key low = all ? band.low : band.low + 1;
      for (size_t m = 0; m < models_; ++m) this->k_.keep_from(Masked(tiles, m), keys, n, low);
      return;
    }
    uint64_t at = before;
    for (size_t i = 0; i < n; ++i) {
      bool keep = keys[i] > band.low;
      if (keys[i] == band.low) keep = at++ < band.low_to;
      if (keep) continue;
      for (size_t m = 0; m < models_; ++m) Masked(tiles, m)[i] = T(0);
    }
  }
  void Weigh() {
    for (size_t v = 0; v < slots_.size(); ++v) {
      std::vector<double> means(models_, 0.0);
      double sum = 0;
      for (size_t m = 0; m < models_; ++m) {
        for (size_t b = 0; b < this->Blocks(); ++b)
          means[m] += squares_[(b * slots_.size() + v) * models_ + m];
        means[m] /= static_cast<double>(this->elements);
        sum += means[m];
      }
      slots_[v].weights.clear();
      for (const double mean : means) {
        slots_[v].weights.push_back(
            static_cast<T>(sum < 1e-6 ? 1.0 / static_cast<double>(models_) : mean / sum));
      }
    }
  }
  T* CombineTile(size_t v, size_t n, T* tiles) const {
    T* sum = Sum(tiles);  // the mean is no longer needed
    T* kept = tiles + (2 * models_ + 5) * kTile;
    T* weight = kept + kTile;
    std::fill_n(sum, n, T(0));
    std::fill_n(kept, n, T(0));
    std::fill_n(weight, n, T(0));
    for (size_t m = 0; m < models_; ++m) this->k_.add(Masked(tiles, m), sum, n);
    for (size_t m = 0; m < models_; ++m) {
      this->k_.elect_scaled(slots_[v].weights[m], Masked(tiles, m), sum, kept, weight, n);
    }
    this->k_.divide_by_clamped(weight, T(1e-6), kept, n);
    this->k_.add(tiles, kept, n);
    return kept;
  }

  size_t models_;
  std::vector<Slot> slots_;  // a variant
  BandSelect<T> bands_;
  std::vector<double> squares_;  // [block, variant, model]
};

}  // namespace

std::unique_ptr<Task> MakeSce(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<Sce>(spec, environment);
}

}  // namespace retemper
