// Generalised task arithmetic: base + lambda * combine(w_i * sparsify(x_i - base)). Covers
// task_arithmetic (Ilharco et al., arXiv 2212.04089), TIES (2306.01708), DARE (2311.03099), Model
// Breadcrumbs (2312.06795) and DELLA (2406.11617).
//
// Phases: those that select bands of magnitudes (engine/band_select.h), for the sparsifiers that
// do; one of absolute sums, where kept values are rescaled to the L1 norm of the whole; one that
// writes.
#include <optional>

#include "core/let_go.h"
#include "engine/band_select.h"
#include "engine/delta_slots.h"
#include "engine/device_deltas.h"
#include "engine/draw_for.h"
#include "engine/kept_masks.h"
#include "engine/row_masks.h"
#include "engine/task.h"

namespace retemper {
namespace {

template <class T>
class TaskArithmetic final : public MethodTask<T> {
 public:
  using Key = typename KeyOf<T>::Type;

  TaskArithmetic(const TensorSpec& spec, const Environment& environment)
      : MethodTask<T>(spec, environment),
        slots_(spec, environment.seed),
        models_(slots_.models()),
        rows_(spec),
        bands_(this->elements, slots_.size()) {
    const TaskArithmeticParams& shared = slots_.Params(0);
    if (slots_.active() > 0) sparsifier_ = shared.sparsifier;
    if (ByRow()) rows_of_.emplace(spec, rows_.length, models_, slots_.size());
    for (size_t s = 0; s < slots_.size(); ++s) {
      if (slots_[s].active) SetSparsifier(s);
    }
    if (!ByRow()) this->AllowDevice();
    // A device keeps its histograms where the blocks are, and needs no sample.
    bands_.Fix(this->Blocks(), !this->UsesDevice());
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
    bands_.Release();
    masks_.Release();
    LetGo(partial_);
    if (rows_of_) rows_of_->Release();
  }

  // Values that equal a threshold are counted from the start of a unit.
  bool TakesAnyExtent() const override { return !ByRow() && !bands_.HasTies(); }
  void Make(Extent extent, Worker& worker) override {
    std::vector<BandCursor> cursors(slots_.size());
    Totals totals(false, slots_.size(), this->spec.variants.size(), models_);
    T* tiles = TilesOf(worker);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      uint64_t mask[kTile / 64];
      LoadDeltas(first, n, tiles, true, worker);
      WriteTile(first, n, extent.first, tiles, totals, worker,
                [&](size_t s, const T* delta, T* out) {
                  if (sparsifier_ != Sparsifier::kRandom)
                    return KeepIn(bands_.band(s), cursors[s], delta, n, tiles, out);
                  DrawMask(slots_[s], first, n, mask, worker);
                  return Keep(mask, delta, n, out);
                });
    });
  }
  std::optional<std::vector<double>> Factors(uint32_t v) const override {
    return slots_.SourceFactors(v);
  }

 protected:
  int MethodPhases() const override { return bands_.Phases() + (sums_ ? 1 : 0) + 1; }
  size_t MethodUnits(int phase) const override {
    if (phase < bands_.Phases()) return bands_.Units(phase);
    return ByRow() ? rows_.Units() : this->Blocks();
  }
  Extent MethodReads(int phase, size_t unit) const override {
    const bool selects = phase < bands_.Phases();
    if (selects && (bands_.IsSample(phase) || bands_.Idle(phase))) return {};
    return Written(unit);
  }
  void MethodBegin(int phase) override {
    if (phase < bands_.Phases()) bands_.Begin(phase, this->env_.workers);
    if (bands_.RadixPass(phase) >= 0 && this->UsesDevice())
      histograms_.Begin(*this->env_.device, bands_.ranks());
    if (phase == 0 && ByRow()) rows_of_->Begin();
    if (phase != SumsPhase()) return;
    masks_.Begin(MethodUnits(phase), this->env_.kept);
    partial_.assign(MethodUnits(phase) * slots_.size(), {});
  }
  void MethodRun(int phase, size_t unit, Worker& worker) override {
    if (phase < bands_.Phases()) return Select(phase, unit, worker);
    if (ByRow()) return ProcessRows(phase == SumsPhase(), unit, worker);
    Process(phase == SumsPhase(), unit, worker);
  }
  void MethodEnd(int phase) override {
    if (bands_.RadixPass(phase) >= 0 && this->UsesDevice()) histograms_.End(bands_.ranks());
    if (phase < bands_.Phases()) return bands_.End(phase);
    if (phase != SumsPhase()) return;
    for (size_t s = 0; s < slots_.size(); ++s) {
      double all = 0, kept = 0;
      for (size_t u = 0; u < MethodUnits(phase); ++u) {
        all += partial_[u * slots_.size() + s].all;
        kept += partial_[u * slots_.size() + s].kept;
      }
      if (slots_[s].active && all >= 1e-7 && kept >= 1e-7)
        slots_.Factor(s) = static_cast<T>(all / kept);
    }
  }
  void Describe(uint32_t v, Facts& fact) const override {
    if (slots_.Params(v).sparsifier == Sparsifier::kNone || this->elements == 0) return;
    fact.kept = static_cast<double>(kept_[v].load(std::memory_order_relaxed)) /
                (static_cast<double>(this->elements) * static_cast<double>(models_));
  }

 private:
  struct Sums {
    double all = 0, kept = 0;
  };
  // What one unit of the last two phases adds up, and room for its tiles' terms.
  struct Totals {
    Totals(bool sums_only, size_t slots, size_t variants, size_t models)
        : lanes(sums_only ? 2 * slots * kLanes : 0, 0.0), kept(variants, 0), terms(models) {}
    double* All(size_t slot) { return lanes.data() + 2 * slot * kLanes; }
    double* Kept(size_t slot) { return All(slot) + kLanes; }
    std::vector<double> lanes;
    std::vector<uint64_t> kept;
    std::vector<const T*> terms;
  };

  bool ByRow() const { return sparsifier_ == Sparsifier::kRanked; }
  int SumsPhase() const { return sums_ ? MethodPhases() - 2 : -1; }

  void SetSparsifier(size_t s) {
    const size_t m = s % models_;
    const TaskArithmeticParams& p = slots_.Params(s / models_);
    const uint64_t n = this->elements, count = slots_[s].count;
    if (sparsifier_ == Sparsifier::kMagnitude) {
      bands_.KeepLargest(s, m, count);
    } else if (sparsifier_ == Sparsifier::kOutliers) {
      const auto top = static_cast<uint64_t>(std::max(0.0, p.gammas[m]) * static_cast<double>(n));
      bands_.KeepRanks(s, m, n > count + top ? n - count - top : 0, count);
    } else if (sparsifier_ == Sparsifier::kRanked) {
      rows_of_->SetSlot(s, slots_[s].key, p.densities[m], p.epsilons[m]);
    }
  }

  // Tiles: base, deltas, sparsified deltas, result, keys (two).
  T* TilesOf(Worker& worker) const { return worker.template Tiles<T>(2 * models_ + 4); }
  T* Delta(T* tiles, size_t m) const { return tiles + (m + 1) * kTile; }
  T* Sparse(T* tiles, size_t m) const { return tiles + (models_ + 1 + m) * kTile; }
  T* Result(T* tiles) const { return tiles + (2 * models_ + 1) * kTile; }
  Key* Keys(T* tiles) const { return reinterpret_cast<Key*>(tiles + (2 * models_ + 2) * kTile); }
  // Loads only what the phase needs.
  void LoadDeltas(uint64_t first, size_t n, T* tiles, bool all, Worker& worker) const {
    this->readers_[0].Load(first, n, tiles, worker);
    for (size_t m = 0; m < models_; ++m) {
      if (!all && !slots_.DropsSome(m)) continue;
      this->readers_[m + 1].Load(first, n, Delta(tiles, m), worker);
      this->k_.subtract(Delta(tiles, m), tiles, Delta(tiles, m), n);
    }
  }

  void Select(int phase, size_t unit, Worker& worker) {
    if (bands_.Idle(phase)) return;
    const Extent extent = bands_.IsSample(phase) ? Extent{} : this->Block(unit);
    if (!bands_.IsSample(phase)) {
      const auto block = this->OnDevice(extent, worker);
      if (block && SelectOn(*block, phase, unit)) return;
    }
    const Worker::Reach reach(worker, bands_.IsSample(phase));
    T* tiles = TilesOf(worker);
    const auto visit = [&](uint64_t first, uint64_t count, auto each) {
      this->EachTile({first, count}, [&](uint64_t at, size_t n) {
        LoadDeltas(at, n, tiles, false, worker);
        for (size_t m = 0; m < models_; ++m) {
          if (!slots_.DropsSome(m)) continue;
          this->k_.magnitude_keys(Delta(tiles, m), n, Keys(tiles));
          each(m, Keys(tiles), n, Keys(tiles) + kTile);
        }
      });
    };
    bands_.Run(phase, unit, extent.first, extent.count, worker.index, this->k_, visit);
  }

  // The last two phases: sums of |d| before and after sparsifying, or the result.
  void Process(bool sums_only, size_t unit, Worker& worker) {
    const Extent extent = Written(unit);
    if (const auto block = this->OnDevice(extent, worker);
        block && ProcessOn(*block, sums_only, unit))
      return;
    const bool random = sparsifier_ == Sparsifier::kRandom;
    const size_t words = (extent.count + 63) / 64;  // of one slot's mask
    uint64_t* reserved =
        sums_only && random ? masks_.Reserve(unit, slots_.active() * words) : nullptr;
    const uint64_t* found = sums_only ? nullptr : masks_.Find(unit);
    std::vector<BandCursor> cursors(slots_.size());
    for (size_t s = 0; s < slots_.size() && bands_.selects(); ++s)
      cursors[s] = bands_.Before(unit, s);
    Totals totals(sums_only, slots_.size(), this->spec.variants.size(), models_);
    T* tiles = TilesOf(worker);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      uint64_t own[kTile / 64];
      const auto mask_of = [&](size_t s) -> const uint64_t* {
        const size_t place = slots_[s].number * words + (first - extent.first) / 64;
        if (found != nullptr) return found + place;
        uint64_t* mask = reserved == nullptr ? own : reserved + place;
        DrawMask(slots_[s], first, n, mask, worker);
        return mask;
      };
      const auto band = [&](size_t s, const T* delta, T* out) {
        return KeepIn(bands_.band(s), cursors[s], delta, n, tiles, out);
      };
      LoadDeltas(first, n, tiles, true, worker);
      if (!sums_only) {
        return WriteTile(first, n, extent.first, tiles, totals, worker,
                         [&](size_t s, const T* delta, T* out) {
                           if (!random) return band(s, delta, out);
                           return Keep(mask_of(s), delta, n, out);
                         });
      }
      for (size_t s = 0; s < slots_.size(); ++s) {
        if (!slots_[s].active) continue;
        const T* delta = Delta(tiles, s % models_);
        if (random) {
          this->k_.absolute_sums(delta, mask_of(s), n, totals.All(s), totals.Kept(s));
        } else {
          band(s, delta, Sparse(tiles, 0));
          this->k_.absolute_sum(delta, n, totals.All(s));
          this->k_.absolute_sum(Sparse(tiles, 0), n, totals.Kept(s));
        }
      }
    });
    if (!sums_only) masks_.Drop(unit);
    Count(totals, unit);
  }
  // The same where rows are sparsified each by itself.
  void ProcessRows(bool sums_only, size_t unit, Worker& worker) {
    const Extent extent = Written(unit);
    const size_t length = rows_.length, row_words = rows_of_->RowWords();
    uint64_t* reserved = sums_only ? masks_.Reserve(unit, rows_.Count(unit) * row_words) : nullptr;
    const uint64_t* found = sums_only ? nullptr : masks_.Find(unit);
    // Scratch of the masks, deltas of a row, masks of a row.
    const size_t scratch_bytes = (RowMasks<T>::ScratchBytes(length) + 63) / 64 * 64;
    const size_t delta_bytes = (models_ * length * sizeof(T) + 63) / 64 * 64;
    auto* scratch = static_cast<uint8_t*>(
        worker.Rows(scratch_bytes + delta_bytes + row_words * sizeof(uint64_t)));
    auto* deltas = reinterpret_cast<T*>(scratch + scratch_bytes);
    auto* own = reinterpret_cast<uint64_t*>(scratch + scratch_bytes + delta_bytes);
    Totals totals(sums_only, slots_.size(), this->spec.variants.size(), models_);
    T* tiles = TilesOf(worker);
    for (uint64_t r = 0; r < rows_.Count(unit); ++r) {
      const Extent row = {(rows_.First(unit) + r) * length, length};
      const uint64_t* masks = found == nullptr ? nullptr : found + r * row_words;
      if (masks == nullptr) {
        uint64_t* to = reserved == nullptr ? own : reserved + r * row_words;
        LoadRow(row, tiles, deltas, worker);
        rows_of_->Make(rows_.First(unit) + r, deltas, to, scratch, *this->env_.target);
        masks = to;
      }
      if (!sums_only) {
        this->EachTile(row, [&](uint64_t first, size_t n) {
          LoadDeltas(first, n, tiles, true, worker);
          WriteTile(first, n, extent.first, tiles, totals, worker,
                    [&](size_t s, const T* delta, T* out) {
                      const size_t place = rows_of_->Place(s) + (first - row.first) / 64;
                      return Keep(masks + place, delta, n, out);
                    });
        });
        continue;
      }
      for (size_t s = 0; s < slots_.size(); ++s) {
        if (!slots_[s].active) continue;
        this->k_.absolute_sums(deltas + s % models_ * length, masks + rows_of_->Place(s), length,
                               totals.All(s), totals.Kept(s));
      }
    }
    if (!sums_only) masks_.Drop(unit);
    Count(totals, unit);
  }
  void LoadRow(Extent row, T* tiles, T* deltas, Worker& worker) const {
    this->EachTile(row, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, tiles, worker);
      for (size_t m = 0; m < models_; ++m) {
        if (!slots_.DropsSome(m)) continue;
        T* delta = deltas + m * row.count + (first - row.first);
        this->readers_[m + 1].Load(first, n, delta, worker);
        this->k_.subtract(delta, tiles, delta, n);
      }
    });
  }

  const MaskKernels& Masks() const { return *this->env_.target->masks; }
  void DrawMask(const typename DeltaSlots<T>::Slot& slot, uint64_t first, size_t n, uint64_t* mask,
                Worker& worker) const {
    DrawFor(this->spec, *this->env_.target, slot.key, first, n, worker.Draws());
    Masks().keep_below(worker.Draws(), n, slot.threshold, mask);
  }
  // As Keep, what lies in a band.
  uint64_t KeepIn(const Band<T>& band, BandCursor& cursor, const T* delta, size_t n, T* tiles,
                  T* out) const {
    std::copy_n(delta, n, out);
    return KeepBand(band, cursor, out, n, Keys(tiles), this->k_);
  }
  uint64_t Keep(const uint64_t* mask, const T* delta, size_t n, T* out) const {
    this->k_.masked(delta, mask, n, out);
    return Masks().count(mask, n);
  }
  // Emits the results of a tile whose deltas are loaded. `sparsify(slot, delta, out)`, for slots
  // that drop some elements, returns how many it keeps.
  template <class SparsifySlot>
  void WriteTile(uint64_t first, size_t n, uint64_t origin, T* tiles, Totals& totals,
                 Worker& worker, SparsifySlot sparsify) {
    for (uint32_t v = 0; v < this->spec.variants.size(); ++v) {
      if (!this->Wants(v, worker)) continue;
      for (size_t m = 0; m < models_; ++m) {
        const auto& slot = slots_[v * models_ + m];
        totals.terms[m] = slot.active || slot.zero ? Sparse(tiles, m) : Delta(tiles, m);
        if (slot.zero) std::fill_n(Sparse(tiles, m), n, T(0));
        if (slot.active) {
          totals.kept[v] += sparsify(v * models_ + m, Delta(tiles, m), Sparse(tiles, m));
        } else if (!slot.zero) {
          totals.kept[v] += n;
        }
      }
      if (const int end = slots_.EndPoint(v); end >= 0) {
        this->readers_[static_cast<size_t>(end)].Load(first, n, Result(tiles), worker);
      } else {
        CombineTile(v, totals.terms.data(), n, tiles);
      }
      this->Emit(v, Result(tiles), first - origin, n, worker);
    }
  }
  void CombineTile(uint32_t v, const T* const* deltas, size_t n, T* tiles) const {
    const TaskArithmeticParams& p = slots_.Params(v);
    const auto& numbers = slots_.Of(v);
    DeltaTerms<T> terms;
    terms.deltas = deltas;
    terms.factors = numbers.factors.data();
    terms.weights = numbers.weights.data();
    terms.models = models_;
    terms.normalizes = p.normalize;
    terms.divides = numbers.divides;
    terms.divisor = numbers.divisor;
    terms.lambda = static_cast<T>(p.lambda);
    terms.base = tiles;
    (p.election ? this->k_.elect_terms : this->k_.sum_terms)(terms, n, Result(tiles));
  }

  // Takes over what a unit of the last two phases added up.
  void Count(const Totals& totals, size_t unit) {
    for (size_t s = 0; s < slots_.size() && !totals.lanes.empty(); ++s) {
      const double* lanes = totals.lanes.data() + 2 * s * kLanes;
      partial_[unit * slots_.size() + s] = {SumOf(lanes), SumOf(lanes + kLanes)};
    }
    for (size_t v = 0; v < totals.kept.size(); ++v)
      kept_[v].fetch_add(totals.kept[v], std::memory_order_relaxed);
  }

  // The same on a device; false where the CPU must do it (engine/device_deltas.h).
  bool SelectOn(DeviceBlock<T>& block, int phase, size_t unit) {
    if (bands_.IsTies(phase)) return CountTiesOn(block, unit);
    return histograms_.Add(block, bands_.RadixPass(phase), bands_.ranks());
  }
  bool CountTiesOn(DeviceBlock<T>& block, size_t unit) {
    block::EqualCount<T> body;
    for (size_t m = 0; m < models_; ++m) {
      if (slots_.DropsSome(m)) block.AddModel(body.deltas.vectors, m);
    }
    const size_t nans = CountNans(block, body.deltas.vectors);
    const size_t first = nans + 1;
    for (size_t s = 0; s < slots_.size(); ++s) {
      const size_t word = block.NewCount();
      if (!slots_[s].active || bands_.band(s).simple) continue;
      body.model = static_cast<int>(s % models_);
      body.deltas.sparse[s % models_] = SparseBand(bands_.band(s), {});
      block.Count(word, body);
    }
    block.Finish();
    if (block.High(nans) != 0) return false;
    for (size_t s = 0; s < slots_.size(); ++s)
      bands_.EqualIn(unit, s) = {block.Low(first + s), block.High(first + s)};
    return true;
  }
  bool ProcessOn(DeviceBlock<T>& block, bool sums_only, size_t unit) {
    block::DeltaMerge<T> body;
    body.deltas.vectors = block.All(true);
    body.deltas.first = block.first();
    const size_t nans = bands_.selects() ? CountNans(block, body.deltas.vectors) : block.NewCount();
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
    const auto& slot = slots_[s];
    block::Sparse<T> sparse;
    if (slot.zero) {
      sparse.keep = block::Keep::kNone;
    } else if (slot.active && sparsifier_ != Sparsifier::kRandom) {
      sparse = SparseBand(bands_.band(s), bands_.Before(unit, s));
    } else if (slot.active && slot.threshold >> 32 == 0) {
      sparse.keep = block::Keep::kDrawn;
      sparse.key = slot.key;
      sparse.limit = static_cast<uint32_t>(slot.threshold);
    }
    sparse.factor = slots_.Factor(s);
    return sparse;
  }
  // The numbers that CombineTile uses.
  void SetTerms(block::DeltaMerge<T>& body, uint32_t v) const {
    const TaskArithmeticParams& p = slots_.Params(v);
    std::copy_n(slots_.Of(v).weights.data(), models_, body.weights);
    body.election = p.election;
    body.normalizes = p.election && p.normalize;
    body.divides = slots_.Of(v).divides;
    body.divisor = slots_.Of(v).divisor;
    body.scales = p.lambda != 1;
    body.lambda = static_cast<T>(p.lambda);
    body.end = slots_.EndPoint(v);
  }

  DeltaSlots<T> slots_;
  size_t models_;
  RowGroups rows_;
  Sparsifier sparsifier_ = Sparsifier::kNone;  // none, too, where nothing is dropped
  BandSelect<T> bands_;
  DeviceHistograms<T> histograms_;
  std::optional<RowMasks<T>> rows_of_;
  KeptMasks masks_;
  bool sums_ = false;
  std::vector<Sums> partial_;  // [unit, slot]
  std::vector<std::atomic<uint64_t>> kept_;
};

}  // namespace

std::unique_ptr<Task> MakeTaskArithmetic(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<TaskArithmetic>(spec, environment);
}

}  // namespace retemper
