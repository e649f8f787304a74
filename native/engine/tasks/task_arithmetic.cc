// Generalised task arithmetic: base + lambda * combine(w_i * sparsify(x_i - base)). Covers
// task_arithmetic (Ilharco et al., arXiv 2212.04089), TIES (2306.01708), DARE (2311.03099), Model
// Breadcrumbs (2312.06795) and DELLA (2406.11617).
//
// Phases: two (float64: four) of radix histograms and one that counts ties, for the sparsifiers
// that select by magnitude; one of absolute sums, where kept values are rescaled to the L1 norm of
// the whole; one that writes.
#include <bit>
#include <cmath>
#include <optional>

#include "engine/band.h"
#include "engine/device_deltas.h"
#include "engine/rank_select.h"
#include "engine/row_masks.h"
#include "engine/task.h"
#include "engine/window_select.h"

namespace retemper {
namespace {

template <class T>
class TaskArithmetic final : public MethodTask<T> {
 public:
  using Key = typename KeyOf<T>::Type;

  TaskArithmetic(const TensorSpec& spec, const Environment& environment)
      : MethodTask<T>(spec, environment),
        models_(spec.sources.size() - 1),
        rows_(spec),
        select_(environment.workers) {
    const TaskArithmeticParams& shared = P(0);
    sparsifier_ = shared.sparsifier;
    slots_.resize(spec.variants.size() * models_);
    if (ByRow()) masks_.emplace(rows_.length, models_, slots_.size());
    bool active = false;
    for (size_t v = 0; v < spec.variants.size(); ++v) {
      for (size_t m = 0; m < models_; ++m) active |= SetUp(v, m);
    }
    if (!active) sparsifier_ = Sparsifier::kNone;
    const bool selects =
        sparsifier_ == Sparsifier::kMagnitude || sparsifier_ == Sparsifier::kOutliers;
    if (!ByRow()) this->AllowDevice();
    // A device keeps its histograms where the blocks are, and needs no sample.
    const bool samples = selects && !this->UsesDevice();
    windows_ = samples && this->elements >= WindowSelect<T>::kLeastElements ? 2 : 0;
    select_end_ = windows_ + (selects ? RankSelect<T>::kPasses : 0);
    ties_phase_ = selects ? select_end_ : -1;
    sums_ = sparsifier_ != Sparsifier::kNone && shared.rescale == Rescale::kL1;
    kept_ = std::vector<std::atomic<uint64_t>>(spec.variants.size());
  }

  Extent Written(size_t unit) const override {
    return ByRow() ? rows_.Elements(unit) : this->Block(unit);
  }
  uint64_t LargestWrite() const override {
    return ByRow() ? std::min(rows_.group, rows_.rows) * rows_.length
                   : MethodTask<T>::LargestWrite();
  }
  void Release() override {
    MethodTask<T>::Release();
    ties_ = {};
    partial_ = {};
    if (masks_) masks_->Release();
  }

  // Values that equal a threshold are counted from the start of a unit.
  bool TakesAnyExtent() const override { return !ByRow() && !ties_matter_; }
  void Make(Extent extent, Worker& worker) override {
    std::vector<BandCursor> cursors(slots_.size());
    std::vector<uint64_t> kept(this->spec.variants.size(), 0);
    T* tiles = TilesOf(worker);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadDeltas(first, n, tiles, true, worker);
      WriteTile(first, n, extent.first, tiles, kept, worker,
                [&](size_t s, const T* delta, T* sparse) {
                  std::copy_n(delta, n, sparse);
                  return Sparsify(slots_[s], first, n, sparse, cursors[s], tiles, worker);
                });
    });
  }
  std::optional<std::vector<double>> Factors(uint32_t v) const override {
    const TaskArithmeticParams& p = P(v);
    if (p.election) return std::nullopt;
    std::vector<double> factors(models_ + 1, 0.0);
    if (const int end = EndPoint(v); end >= 0) {
      factors[static_cast<size_t>(end)] = 1;
      return factors;
    }
    double divisor = 0, sum = 0;
    for (size_t m = 0; m < models_; ++m) divisor += p.weights[m];
    if (!p.normalize || std::fabs(divisor) < 1e-8) divisor = 1;
    for (size_t m = 0; m < models_; ++m) {
      const Slot& slot = slots_[v * models_ + m];
      if (slot.active) return std::nullopt;
      if (!slot.zero) factors[m + 1] = p.lambda * p.weights[m] / divisor;
      sum += factors[m + 1];
    }
    factors[0] = 1 - sum;
    return factors;
  }

 protected:
  int MethodPhases() const override {
    return select_end_ + (ties_phase_ >= 0 ? 1 : 0) + (sums_ ? 1 : 0) + 1;
  }
  size_t MethodUnits(int phase) const override {
    if (windows_ > 0 && phase == 0) return 1;
    return ByRow() ? rows_.Units() : this->Blocks();
  }
  Extent MethodReads(int phase, size_t unit) const override {
    const bool sample = windows_ > 0 && phase == 0;
    const bool idle = windowed_ && phase >= windows_ && phase <= ties_phase_;
    return sample || idle ? Extent{} : Written(unit);
  }
  void MethodBegin(int phase) override {
    if (phase == 0 && ByRow()) masks_->Begin(rows_.Units(), this->env_.kept);
    if (windows_ > 0 && phase == 1) window_.Begin(this->Blocks(), this->elements);
    if (IsRadix(phase)) {
      select_.Begin(phase - windows_);
      if (this->UsesDevice()) histograms_.Begin(*this->env_.device, select_);
    }
    if (phase == ties_phase_ && !windowed_) ties_.assign(this->Blocks() * slots_.size(), {});
    if (phase == SumsPhase()) partial_.assign(MethodUnits(phase) * slots_.size(), {});
  }
  void MethodRun(int phase, size_t unit, Worker& worker) override {
    if (windows_ > 0 && phase == 0) return Sample(worker);
    if (windows_ > 0 && phase == 1) return CountWindows(unit, worker);
    if (phase < select_end_ && windowed_) return;
    if (phase < select_end_) return Select(phase - windows_, unit, worker);
    if (phase == ties_phase_) return CountTies(unit, worker);
    if (ByRow()) return ProcessRows(phase == SumsPhase(), unit, worker);
    Process(phase == SumsPhase(), unit, worker);
  }
  void MethodEnd(int phase) override {
    if (windows_ > 0 && phase == 1) {
      TakeWindows();
    } else if (IsRadix(phase)) {
      if (this->UsesDevice()) histograms_.End(select_);
      select_.End(phase - windows_);
      if (phase + 1 == select_end_) MakeBands();
    } else if (phase == ties_phase_) {
      if (windowed_) return;
      for (size_t s = 0; s < slots_.size(); ++s) {
        BandCursor sum;
        for (size_t b = 0; b < this->Blocks(); ++b) {
          BandCursor& at = ties_[b * slots_.size() + s];
          const BandCursor here = at;
          at = sum;
          sum.low += here.low;
          sum.high += here.high;
        }
      }
    } else if (phase == SumsPhase()) {
      for (size_t s = 0; s < slots_.size(); ++s) {
        double all = 0, kept = 0;
        for (size_t u = 0; u < MethodUnits(phase); ++u) {
          all += partial_[u * slots_.size() + s].all;
          kept += partial_[u * slots_.size() + s].kept;
        }
        if (slots_[s].active && all >= 1e-7 && kept >= 1e-7)
          slots_[s].factor = static_cast<T>(all / kept);
      }
    }
  }
  void Describe(uint32_t v, Facts& fact) const override {
    if (P(v).sparsifier == Sparsifier::kNone || this->elements == 0) return;
    fact.kept = static_cast<double>(kept_[v].load(std::memory_order_relaxed)) /
                (static_cast<double>(this->elements) * static_cast<double>(models_));
  }

 private:
  // One model in one variant.
  struct Slot {
    bool active = false;  // some elements are dropped
    bool zero = false;    // all are
    T factor = 1;         // of the kept elements
    uint64_t count = 0, bottom = 0;
    size_t first = 0, last = 0;  // targets of select_
    Band<T> band;
    uint64_t threshold = 0;
    RngKey key;
  };
  struct Sums {
    double all = 0, kept = 0;
  };

  const TaskArithmeticParams& P(size_t v) const {
    return std::get<TaskArithmeticParams>(this->spec.variants[v].params);
  }
  bool ByRow() const { return sparsifier_ == Sparsifier::kRanked; }
  bool IsRadix(int phase) const { return !windowed_ && phase >= windows_ && phase < select_end_; }
  int SumsPhase() const { return sums_ ? MethodPhases() - 2 : -1; }

  bool SetUp(size_t v, size_t m) {
    const TaskArithmeticParams& p = P(v);
    Slot& slot = slots_[v * models_ + m];
    if (p.sparsifier == Sparsifier::kNone) return false;
    const double density = p.densities[m];
    if (density >= 1) return false;
    if (!(density > 0)) {
      slot.zero = true;
      return false;
    }
    const uint64_t n = this->elements;
    slot.active = true;
    slot.key = MakeRngKey(this->env_.seed, this->spec.name, this->spec.model_keys[m + 1]);
    switch (p.sparsifier) {
      case Sparsifier::kMagnitude:
        slot.count = std::max<uint64_t>(1, static_cast<uint64_t>(density * static_cast<double>(n)));
        slot.first = AddTarget(m, n - slot.count);
        break;
      case Sparsifier::kOutliers: {
        slot.count = static_cast<uint64_t>(density * static_cast<double>(n));
        const uint64_t top =
            static_cast<uint64_t>(std::max(0.0, p.gammas[m]) * static_cast<double>(n));
        slot.bottom = n > slot.count + top ? n - slot.count - top : 0;
        if (slot.count == 0) {
          slot.active = false;
          slot.zero = true;
          return false;
        }
        slot.first = AddTarget(m, slot.bottom);
        slot.last = AddTarget(m, slot.bottom + slot.count - 1);
        break;
      }
      case Sparsifier::kRandom:
        slot.threshold = KeepThreshold(density);
        if (p.rescale == Rescale::kInverseDensity) slot.factor = static_cast<T>(1.0 / density);
        break;
      default:
        masks_->SetSlot(v * models_ + m, slot.key, density, p.epsilons[m]);
        if (p.rescale == Rescale::kInverseDensity) slot.factor = static_cast<T>(1.0 / density);
    }
    return true;
  }
  size_t AddTarget(size_t m, uint64_t rank) {
    window_.AddTarget(m, rank);
    return select_.AddTarget(m, rank);
  }
  bool Active(size_t m) const {
    for (size_t s = m; s < slots_.size(); s += models_) {
      if (slots_[s].active) return true;
    }
    return false;
  }

  // With one model and nothing dropped, a weight of exactly 0 gives the base and of exactly 1 the
  // model itself, byte for byte, as the ends of a straight line. Which source that is, or -1.
  int EndPoint(size_t v) const {
    const TaskArithmeticParams& p = P(v);
    if (models_ != 1 || slots_[v].active || slots_[v].zero) return -1;
    const double factor = (p.normalize && p.weights[0] != 0 ? 1.0 : p.weights[0]) * p.lambda;
    return factor == 0 ? 0 : factor == 1 ? 1 : -1;
  }

  // Tiles: base, then deltas. Loads only what the phase needs.
  void LoadDeltas(uint64_t first, size_t n, T* tiles, bool all, Worker& worker) const {
    this->readers_[0].Load(first, n, tiles, worker);
    for (size_t m = 0; m < models_; ++m) {
      if (!all && !Active(m)) continue;
      T* delta = tiles + (m + 1) * kTile;
      this->readers_[m + 1].Load(first, n, delta, worker);
      this->k_.subtract(delta, tiles, delta, n);
    }
  }

  // Chunks at even distances: a share of every layer of rows.
  void Sample(Worker& worker) {
    constexpr size_t kChunk = WindowSelect<T>::kSampleChunk,
                     kChunks = WindowSelect<T>::kSampleChunks;
    T* tiles = worker.template Tiles<T>(models_ + 2);
    std::vector<std::vector<Key>> samples(models_);
    for (size_t c = 0; c < kChunks; ++c) {
      const uint64_t first = this->elements / kChunks * c;
      LoadDeltas(first, kChunk, tiles, false, worker);
      for (size_t m = 0; m < models_; ++m) {
        if (!Active(m)) continue;
        samples[m].resize((c + 1) * kChunk);
        this->k_.magnitude_keys(tiles + (m + 1) * kTile, kChunk, samples[m].data() + c * kChunk);
      }
    }
    for (size_t m = 0; m < models_; ++m) {
      if (Active(m)) window_.Place(m, samples[m], this->elements);
    }
  }
  void CountWindows(size_t unit, Worker& worker) {
    const Extent extent = this->Block(unit);
    T* tiles = worker.template Tiles<T>(models_ + 3);
    Key* keys = reinterpret_cast<Key*>(tiles + (models_ + 1) * kTile);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadDeltas(first, n, tiles, false, worker);
      for (size_t m = 0; m < models_; ++m) {
        if (!Active(m)) continue;
        this->k_.magnitude_keys(tiles + (m + 1) * kTile, n, keys);
        for (size_t t = 0; t < window_.targets(); ++t) {
          if (window_.StreamOf(t) == m) window_.Add(unit, t, keys, n, keys + kTile, this->k_);
        }
      }
    });
  }
  // Takes over what the windows found; the radix passes and the count of ties have then nothing to
  // do.
  void TakeWindows() {
    const auto found = window_.End();
    if (found.empty()) return;
    windowed_ = true;
    for (size_t t = 0; t < found.size(); ++t)
      select_.SetFound(t, found[t].key, found[t].below, found[t].equal);
    MakeBands();
    ties_.assign(ties_matter_ ? this->Blocks() * slots_.size() : 0, {});
    for (size_t s = 0; s < slots_.size() && ties_matter_; ++s) {
      const Slot& slot = slots_[s];
      if (!slot.active || slot.band.simple) continue;
      BandCursor sum;
      for (size_t b = 0; b < this->Blocks(); ++b) {
        ties_[b * slots_.size() + s] = sum;
        sum.low += found[slot.first].equal_in_unit[b];
        if (sparsifier_ == Sparsifier::kOutliers) sum.high += found[slot.last].equal_in_unit[b];
      }
    }
  }

  void Select(int pass, size_t unit, Worker& worker) {
    const Extent extent = this->Block(unit);
    if (const auto block = this->OnDevice(extent, worker);
        block && histograms_.Add(*block, pass, select_)) {
      return;
    }
    T* tiles = worker.template Tiles<T>(models_ + 2);
    Key* keys = reinterpret_cast<Key*>(tiles + (models_ + 1) * kTile);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadDeltas(first, n, tiles, false, worker);
      for (size_t m = 0; m < models_; ++m) {
        if (!Active(m)) continue;
        this->k_.magnitude_keys(tiles + (m + 1) * kTile, n, keys);
        select_.Add(pass, worker.index, m, keys, n, this->k_);
      }
    });
  }
  void MakeBands() {
    for (size_t s = 0; s < slots_.size(); ++s) {
      Slot& slot = slots_[s];
      if (!slot.active) continue;
      slot.band = sparsifier_ == Sparsifier::kMagnitude
                      ? Band<T>::Largest(select_.target(slot.first), this->elements, slot.count)
                      : Band<T>::Between(select_.target(slot.first), select_.target(slot.last));
      ties_matter_ |= !slot.band.simple;
    }
  }
  void CountTies(size_t unit, Worker& worker) {
    if (!ties_matter_ || windowed_) return;
    const Extent extent = this->Block(unit);
    if (const auto block = this->OnDevice(extent, worker); block && CountTiesOn(*block, unit))
      return;
    T* tiles = worker.template Tiles<T>(models_ + 2);
    Key* keys = reinterpret_cast<Key*>(tiles + (models_ + 1) * kTile);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadDeltas(first, n, tiles, false, worker);
      for (size_t m = 0; m < models_; ++m) {
        if (!Active(m)) continue;
        this->k_.magnitude_keys(tiles + (m + 1) * kTile, n, keys);
        for (size_t s = m; s < slots_.size(); s += models_) {
          if (!slots_[s].active || slots_[s].band.simple) continue;
          BandCursor& at = ties_[unit * slots_.size() + s];
          at.low += this->k_.count_equal(keys, n, slots_[s].band.low);
          at.high += this->k_.count_equal(keys, n, slots_[s].band.high);
        }
      }
    });
  }

  // The last two phases: sums of |d| before and after sparsifying, or the result.
  void Process(bool sums_only, size_t unit, Worker& worker) {
    const Extent extent = Written(unit);
    if (const auto block = this->OnDevice(extent, worker);
        block && ProcessOn(*block, sums_only, unit))
      return;
    std::vector<BandCursor> cursors(slots_.size());
    if (ties_matter_) {
      for (size_t s = 0; s < slots_.size(); ++s) cursors[s] = ties_[unit * slots_.size() + s];
    }
    std::vector<double> lanes(sums_only ? 2 * slots_.size() * kLanes : 0, 0.0);
    std::vector<uint64_t> kept(this->spec.variants.size(), 0);
    T* tiles = TilesOf(worker);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      const auto sparsify = [&](size_t s, const T* delta, T* sparse) {
        std::copy_n(delta, n, sparse);
        return Sparsify(slots_[s], first, n, sparse, cursors[s], tiles, worker);
      };
      LoadDeltas(first, n, tiles, true, worker);
      if (!sums_only) return WriteTile(first, n, extent.first, tiles, kept, worker, sparsify);
      for (size_t s = 0; s < slots_.size(); ++s) {
        if (!slots_[s].active) continue;
        const T* delta = tiles + (s % models_ + 1) * kTile;
        T* sparse = tiles + (models_ + 1 + s % models_) * kTile;
        sparsify(s, delta, sparse);
        this->k_.absolute_sum(delta, n, lanes.data() + (2 * s) * kLanes);
        this->k_.absolute_sum(sparse, n, lanes.data() + (2 * s + 1) * kLanes);
      }
    });
    Count(sums_only, unit, lanes, kept);
  }
  // The same where rows are sparsified each by itself.
  void ProcessRows(bool sums_only, size_t unit, Worker& worker) {
    const Extent extent = Written(unit);
    const size_t length = rows_.length, row_words = masks_->RowWords();
    const uint64_t* found = sums_only ? nullptr : masks_->Find(unit);
    uint64_t* reserved = sums_only ? masks_->Reserve(unit, rows_.Count(unit)) : nullptr;
    // Scratch of the masks, deltas of a row, masks of a row.
    const size_t scratch_bytes = (RowMasks<T>::ScratchBytes(length) + 63) / 64 * 64;
    const size_t delta_bytes = (models_ * length * sizeof(T) + 63) / 64 * 64;
    auto* scratch = static_cast<uint8_t*>(
        worker.Rows(scratch_bytes + delta_bytes + row_words * sizeof(uint64_t)));
    auto* deltas = reinterpret_cast<T*>(scratch + scratch_bytes);
    auto* own = reinterpret_cast<uint64_t*>(scratch + scratch_bytes + delta_bytes);
    std::vector<double> lanes(sums_only ? 2 * slots_.size() * kLanes : 0, 0.0);
    std::vector<uint64_t> kept(this->spec.variants.size(), 0);
    T* tiles = TilesOf(worker);
    for (uint64_t r = 0; r < rows_.Count(unit); ++r) {
      const Extent row = {(rows_.First(unit) + r) * length, length};
      const uint64_t* masks = found == nullptr ? nullptr : found + r * row_words;
      if (masks == nullptr) {
        uint64_t* to = reserved == nullptr ? own : reserved + r * row_words;
        LoadRow(row, tiles, deltas, worker);
        masks_->Make(rows_.First(unit) + r, deltas, to, scratch, *this->env_.target);
        masks = to;
      }
      if (sums_only) {
        for (size_t s = 0; s < slots_.size(); ++s) {
          if (!slots_[s].active) continue;
          double* all = lanes.data() + 2 * s * kLanes;
          this->k_.absolute_sums(deltas + s % models_ * length, masks + masks_->Place(s), length,
                                 all, all + kLanes);
        }
        continue;
      }
      this->EachTile(row, [&](uint64_t first, size_t n) {
        LoadDeltas(first, n, tiles, true, worker);
        WriteTile(first, n, extent.first, tiles, kept, worker,
                  [&](size_t s, const T* delta, T* sparse) -> uint64_t {
                    if (slots_[s].zero) std::fill_n(sparse, n, T(0));
                    if (slots_[s].zero) return 0;
                    if (!slots_[s].active) std::copy_n(delta, n, sparse);
                    if (!slots_[s].active) return n;
                    const uint64_t* mask = masks + masks_->Place(s) + (first - row.first) / 64;
                    this->k_.masked(delta, mask, n, sparse);
                    uint64_t count = 0;
                    for (size_t w = 0; w * 64 < n; ++w)
                      count += static_cast<uint64_t>(std::popcount(mask[w]));
                    return count;
                  });
      });
    }
    if (!sums_only) masks_->Drop(unit);
    Count(sums_only, unit, lanes, kept);
  }
  // Tiles: base, deltas, sparsified deltas, sum, kept sum, weights, keys.
  T* TilesOf(Worker& worker) const { return worker.template Tiles<T>(2 * models_ + 5); }
  void LoadRow(Extent row, T* tiles, T* deltas, Worker& worker) const {
    this->EachTile(row, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, tiles, worker);
      for (size_t m = 0; m < models_; ++m) {
        if (!Active(m)) continue;
        T* delta = deltas + m * row.count + (first - row.first);
        this->readers_[m + 1].Load(first, n, delta, worker);
        this->k_.subtract(delta, tiles, delta, n);
      }
    });
  }
  // Emits the results of a tile whose deltas are loaded. `sparsify(slot, delta, out)` returns how
  // many elements it keeps.
  template <class SparsifyTile>
  void WriteTile(uint64_t first, size_t n, uint64_t origin, T* tiles, std::vector<uint64_t>& kept,
                 Worker& worker, SparsifyTile sparsify) {
    for (uint32_t v = 0; v < this->spec.variants.size(); ++v) {
      if (!this->Wants(v, worker)) continue;
      for (size_t m = 0; m < models_; ++m) {
        kept[v] +=
            sparsify(v * models_ + m, tiles + (m + 1) * kTile, tiles + (models_ + 1 + m) * kTile);
      }
      T* result = tiles + (2 * models_ + 1) * kTile;
      if (const int end = EndPoint(v); end >= 0) {
        this->readers_[static_cast<size_t>(end)].Load(first, n, result, worker);
      } else {
        result = CombineTile(v, n, tiles);
      }
      this->Emit(v, result, first - origin, n, worker);
    }
  }
  // Takes over what a unit of the last two phases added up.
  void Count(bool sums_only, size_t unit, const std::vector<double>& lanes,
             const std::vector<uint64_t>& kept) {
    for (size_t s = 0; sums_only && s < slots_.size(); ++s) {
      partial_[unit * slots_.size() + s] = {SumOf(lanes.data() + (2 * s) * kLanes),
                                            SumOf(lanes.data() + (2 * s + 1) * kLanes)};
    }
    for (size_t v = 0; !sums_only && v < kept.size(); ++v)
      kept_[v].fetch_add(kept[v], std::memory_order_relaxed);
  }

  // The same on a device; false where the CPU must do it (engine/device_deltas.h).
  bool CountTiesOn(DeviceBlock<T>& block, size_t unit) {
    block::EqualCount<T> body;
    for (size_t m = 0; m < models_; ++m) {
      if (Active(m)) block.AddModel(body.deltas.vectors, m);
    }
    const size_t nans = CountNans(block, body.deltas.vectors);
    const size_t first = nans + 1;
    for (size_t s = 0; s < slots_.size(); ++s) {
      const size_t word = block.NewCount();
      if (!slots_[s].active || slots_[s].band.simple) continue;
      body.model = static_cast<int>(s % models_);
      body.deltas.sparse[s % models_] = SparseBand(slots_[s].band, {});
      block.Count(word, body);
    }
    block.Finish();
    if (block.High(nans) != 0) return false;
    for (size_t s = 0; s < slots_.size(); ++s)
      ties_[unit * slots_.size() + s] = {block.Low(first + s), block.High(first + s)};
    return true;
  }
  bool ProcessOn(DeviceBlock<T>& block, bool sums_only, size_t unit) {
    block::DeltaMerge<T> body;
    body.deltas.vectors = block.All(true);
    body.deltas.first = block.first();
    const size_t nans = select_.empty() ? block.NewCount() : CountNans(block, body.deltas.vectors);
    std::vector<size_t> counted(slots_.size()), lanes(this->spec.variants.size());
    for (uint32_t v = 0; v < this->spec.variants.size(); ++v) {
      for (size_t m = 0; m < models_; ++m) {
        const size_t s = v * models_ + m;
        body.deltas.sparse[m] = SparseOf(s, unit);
        PlaceOrdinals(block, body.deltas, m);
      }
      if (sums_only) {
        lanes[v] = block.NewLanes(2 * models_);
        block.Launch(block::SumLane<T>{body.deltas, block.count(), block.Lanes(lanes[v])},
                     2 * models_ * kLanes);
        continue;
      }
      for (size_t m = 0; m < models_; ++m) {
        counted[v * models_ + m] = block.NewCount();
        if (slots_[v * models_ + m].active) {
          block.Count(counted[v * models_ + m],
                      block::KeptCount<T>{body.deltas, static_cast<int>(m), {}});
        }
      }
      SetTerms(body, v);
      block.Write(v, body);
    }
    block.Finish();
    if (block.High(nans) != 0) return false;
    for (size_t s = 0; s < slots_.size(); ++s) {
      const size_t v = s / models_, m = s % models_;
      if (sums_only) {
        const size_t at = lanes[v] + 2 * m * kLanes;
        partial_[unit * slots_.size() + s] = {block.SumAt(at), block.SumAt(at + kLanes)};
      } else {
        const uint64_t kept = slots_[s].zero     ? 0
                              : slots_[s].active ? block.High(counted[s])
                                                 : block.count();
        kept_[v].fetch_add(kept, std::memory_order_relaxed);
      }
    }
    this->CountWritten(block);
    return true;
  }
  block::Sparse<T> SparseOf(size_t s, size_t unit) const {
    const Slot& slot = slots_[s];
    block::Sparse<T> sparse;
    if (slot.zero) {
      sparse.keep = block::Keep::kNone;
    } else if (slot.active && sparsifier_ != Sparsifier::kRandom) {
      sparse = SparseBand(slot.band, ties_matter_ ? ties_[unit * slots_.size() + s] : BandCursor{});
    } else if (slot.active && slot.threshold >> 32 == 0) {
      sparse.keep = block::Keep::kDrawn;
      sparse.key = slot.key;
      sparse.limit = static_cast<uint32_t>(slot.threshold);
    }
    sparse.factor = slot.factor;
    return sparse;
  }
  // The numbers that CombineTile uses.
  void SetTerms(block::DeltaMerge<T>& body, uint32_t v) const {
    const TaskArithmeticParams& p = P(v);
    double divisor = 0;
    for (size_t m = 0; m < models_; ++m) {
      body.weights[m] = static_cast<T>(p.weights[m]);
      divisor += p.weights[m];
    }
    body.election = p.election;
    body.normalizes = p.election && p.normalize;
    body.divides = !p.election && p.normalize && std::fabs(divisor) >= 1e-8;
    body.divisor = static_cast<T>(divisor);
    body.scales = p.lambda != 1;
    body.lambda = static_cast<T>(p.lambda);
    body.end = EndPoint(v);
  }

  uint64_t Sparsify(const Slot& slot, uint64_t first, size_t n, T* x, BandCursor& cursor, T* tiles,
                    Worker& worker) const {
    if (slot.zero) {
      std::fill_n(x, n, T(0));
      return 0;
    }
    if (!slot.active) return n;
    switch (sparsifier_) {
      case Sparsifier::kRandom: {
        uint32_t* draws = worker.Draws();
        this->env_.target->draw(slot.key, first, n, draws);
        return this->k_.keep_drawn(x, draws, n, slot.threshold);
      }
      default: {
        Key* keys = reinterpret_cast<Key*>(tiles + (2 * models_ + 4) * kTile);
        return KeepBand(slot.band, cursor, x, n, keys, this->k_);
      }
    }
  }

  T* CombineTile(uint32_t v, size_t n, T* tiles) const {
    const TaskArithmeticParams& p = P(v);
    const auto sparse = [&](size_t m) { return tiles + (models_ + 1 + m) * kTile; };
    T* sum = tiles + (2 * models_ + 1) * kTile;
    T* kept = sum + kTile;
    T* weight = kept + kTile;
    std::fill_n(sum, n, T(0));
    double divisor = 0;
    for (size_t m = 0; m < models_; ++m) {
      const Slot& slot = slots_[v * models_ + m];
      const T w = static_cast<T>(p.weights[m]);
      if (slot.factor != T(1)) this->k_.scale(slot.factor, sparse(m), n);
      if (p.election) {
        this->k_.scale(w, sparse(m), n);
        this->k_.add(sparse(m), sum, n);
      } else {
        this->k_.add_scaled(w, sparse(m), sum, n);
      }
      divisor += p.weights[m];
    }
    T* result = sum;
    if (p.election) {
      std::fill_n(kept, n, T(0));
      std::fill_n(weight, n, T(0));
      for (size_t m = 0; m < models_; ++m) {
        this->k_.elect(static_cast<T>(p.weights[m]), sparse(m), sum, kept, weight, n);
      }
      if (p.normalize) this->k_.divide_by(weight, kept, n);
      result = kept;
    } else if (p.normalize && std::fabs(divisor) >= 1e-8) {
      this->k_.divide(static_cast<T>(divisor), result, n);
    }
    if (p.lambda != 1) this->k_.scale(static_cast<T>(p.lambda), result, n);
    this->k_.add(tiles, result, n);
    return result;
  }

  size_t models_;
  RowGroups rows_;
  Sparsifier sparsifier_ = Sparsifier::kNone;
  RankSelect<T> select_;
  DeviceHistograms<T> histograms_;
  std::vector<Slot> slots_;  // [variant, model]
  std::optional<RowMasks<T>> masks_;
  WindowSelect<T> window_;
  int windows_ = 0, select_end_ = 0,
      ties_phase_ = -1;  // phases of the sample and the windows, of all selecting
  bool sums_ = false, ties_matter_ = false;
  std::atomic<bool> windowed_ = false;  // the windows found all: no more phases of selecting
  std::vector<BandCursor> ties_;        // [block, slot]: equal elements before the block
  std::vector<Sums> partial_;           // [unit, slot]
  std::vector<std::atomic<uint64_t>> kept_;
};

}  // namespace

std::unique_ptr<Task> MakeTaskArithmetic(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<TaskArithmetic>(spec, environment);
}

}  // namespace retemper
