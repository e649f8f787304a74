// SCE (Wan et al., FuseChat, arXiv 2408.07990): select the positions whose deltas vary most across
// models, calculate a weight for each model from what is left of its delta, erase what disagrees
// with the majority's sign.
//
// Phases: two (float64: four) of radix histograms over the variance; one that counts ties; one of
// squared sums for the weights; one that writes.
#include <cmath>

#include "engine/band.h"
#include "engine/rank_select.h"
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
        select_(environment.workers) {
    slots_.resize(spec.variants.size());
    for (size_t v = 0; v < slots_.size(); ++v) {
      const double topk = std::get<SceParams>(spec.variants[v].params).select_topk;
      slots_[v].selects = topk > 0 && topk < 1;
      slots_[v].zero = !(topk > 0);
      if (slots_[v].selects) slots_[v].target = select_.AddTarget(0, 0);
    }
    passes_ = select_.empty() ? 0 : RankSelect<T>::kPasses;
  }
  void Release() override {
    MethodTask<T>::Release();
    ties_ = {};
    squares_ = {};
    varying_ = {};
  }

 protected:
  int MethodPhases() const override { return passes_ + (passes_ > 0 ? 1 : 0) + 2; }
  void MethodBegin(int phase) override {
    if (phase == 0) varying_.assign(this->Blocks(), 0);
    if (phase < passes_) select_.Begin(phase);
    if (phase == TiesPhase()) ties_.assign(this->Blocks() * slots_.size(), {});
    if (phase == SumsPhase()) squares_.assign(this->Blocks() * slots_.size() * models_, 0.0);
  }
  void MethodRun(int phase, size_t unit, Worker& worker) override {
    const Extent extent = this->Block(unit);
    // Tiles: base, deltas, masked deltas, mean, variance, keys, kept sum, weights.
    T* tiles = worker.template Tiles<T>(2 * models_ + 6);
    T* variance = tiles + (2 * models_ + 2) * kTile;
    Key* keys = reinterpret_cast<Key*>(variance + kTile);
    std::vector<BandCursor> cursors(slots_.size());
    if (phase > TiesPhase() && passes_ > 0) {
      for (size_t v = 0; v < slots_.size(); ++v) cursors[v] = ties_[unit * slots_.size() + v];
    }
    std::vector<double> lanes(slots_.size() * models_ * kLanes, 0.0);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadDeltas(first, n, tiles, worker);
      if (passes_ > 0) Variance(n, tiles, variance);
      if (phase < passes_) {
        this->k_.magnitude_keys(variance, n, keys);
        if (phase == 0) varying_[unit] += n - this->k_.count_equal(keys, n, 0);
        select_.Add(phase, worker.index, 0, keys, n, this->k_);
        return;
      }
      if (phase == TiesPhase()) {
        this->k_.magnitude_keys(variance, n, keys);
        for (size_t v = 0; v < slots_.size(); ++v) {
          if (!slots_[v].selects) continue;
          BandCursor& at = ties_[unit * slots_.size() + v];
          at.low += this->k_.count_equal(keys, n, slots_[v].band.low);
          at.high += this->k_.count_equal(keys, n, slots_[v].band.high);
        }
        return;
      }
      for (uint32_t v = 0; v < slots_.size(); ++v) {
        Mask(v, n, tiles, variance, keys, cursors[v]);
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
    if (phase == 0 && passes_ > 0) {
      uint64_t varying = 0;
      for (const uint64_t count : varying_) varying += count;
      for (size_t v = 0; v < slots_.size(); ++v) {
        Slot& slot = slots_[v];
        if (!slot.selects) continue;
        const double topk = std::get<SceParams>(this->spec.variants[v].params).select_topk;
        slot.count = static_cast<uint64_t>(static_cast<double>(varying) * topk);
        slot.zero = slot.count == 0;
        select_.SetRank(slot.target, slot.zero ? 0 : this->elements - slot.count);
      }
    }
    if (phase < passes_) select_.End(phase);
    if (phase + 1 == passes_) {
      for (Slot& slot : slots_) {
        if (slot.selects && !slot.zero) {
          slot.band = Band<T>::Largest(select_.target(slot.target), this->elements, slot.count);
        }
      }
    }
    if (phase == TiesPhase()) {
      for (size_t v = 0; v < slots_.size(); ++v) {
        BandCursor sum;
        for (size_t b = 0; b < this->Blocks(); ++b) {
          BandCursor& at = ties_[b * slots_.size() + v];
          const BandCursor here = at;
          at = sum;
          sum.low += here.low;
          sum.high += here.high;
        }
      }
    }
    if (phase == SumsPhase()) Weigh();
  }
  void Describe(uint32_t v, Facts& fact) const override {
    if (slots_[v].selects && this->elements > 0) {
      fact.kept = static_cast<double>(slots_[v].count) / static_cast<double>(this->elements);
    }
  }

 private:
  struct Slot {
    bool selects = false, zero = false;
    size_t target = 0;
    uint64_t count = 0;
    Band<T> band;
    std::vector<T> weights;
  };

  int TiesPhase() const { return passes_ > 0 ? passes_ : -1; }
  int SumsPhase() const { return MethodPhases() - 2; }
  T* Delta(T* tiles, size_t m) const { return tiles + (1 + m) * kTile; }
  T* Masked(T* tiles, size_t m) const { return tiles + (1 + models_ + m) * kTile; }

  void LoadDeltas(uint64_t first, size_t n, T* tiles, Worker& worker) const {
    this->readers_[0].Load(first, n, tiles, worker);
    for (size_t m = 0; m < models_; ++m) {
      this->readers_[m + 1].Load(first, n, Delta(tiles, m), worker);
      this->k_.subtract(Delta(tiles, m), tiles, Delta(tiles, m), n);
    }
  }
  void Variance(size_t n, T* tiles, T* variance) const {
    T* mean = tiles + (2 * models_ + 1) * kTile;
    std::fill_n(mean, n, T(0));
    std::fill_n(variance, n, T(0));
    for (size_t m = 0; m < models_; ++m) this->k_.add(Delta(tiles, m), mean, n);
    this->k_.divide(static_cast<T>(models_), mean, n);
    for (size_t m = 0; m < models_; ++m) this->k_.squared_from(Delta(tiles, m), mean, variance, n);
    this->k_.divide(static_cast<T>(models_), variance, n);
  }
  // Copies the deltas, with zeros where the variance is not among the selected.
  void Mask(size_t v, size_t n, T* tiles, const T* variance, Key* keys, BandCursor& cursor) const {
    const Slot& slot = slots_[v];
    for (size_t m = 0; m < models_; ++m) std::copy_n(Delta(tiles, m), n, Masked(tiles, m));
    if (slot.zero) {
      for (size_t m = 0; m < models_; ++m) std::fill_n(Masked(tiles, m), n, T(0));
      return;
    }
    if (!slot.selects) return;
    this->k_.magnitude_keys(variance, n, keys);
    const uint64_t equal = this->k_.count_equal(keys, n, slot.band.low);
    const uint64_t before = cursor.low;
    cursor.low += equal;
    if (cursor.low <= slot.band.low_to ||
        before >= slot.band.low_to) {  // all or none of the equal ones
      const Key low = cursor.low <= slot.band.low_to ? slot.band.low : slot.band.low + 1;
      for (size_t m = 0; m < models_; ++m) this->k_.keep_from(Masked(tiles, m), keys, n, low);
      return;
    }
    uint64_t at = before;
    for (size_t i = 0; i < n; ++i) {
      bool keep = keys[i] > slot.band.low;
      if (keys[i] == slot.band.low) keep = at++ < slot.band.low_to;
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
    T* sum = tiles + (2 * models_ + 1) * kTile;  // the mean is no longer needed
    T* kept = tiles + (2 * models_ + 4) * kTile;
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
  RankSelect<T> select_;
  std::vector<Slot> slots_;  // a variant
  int passes_ = 0;
  std::vector<uint64_t> varying_;  // a block
  std::vector<BandCursor> ties_;   // [block, variant]
  std::vector<double> squares_;    // [block, variant, model]
};

}  // namespace

std::unique_ptr<Task> MakeSce(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<Sce>(spec, environment);
}

}  // namespace retemper
