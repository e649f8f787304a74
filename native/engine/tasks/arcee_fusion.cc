// arcee_fusion (Arcee's merge method, as mergekit computes it): the importance of an element is |b
// - a| times the Kullback-Leibler divergence of its row's softmax; elements at or above median
// + 1.5 IQR take b's value.
//
// Phases: one divergence a row; two (float64: four) of radix histograms for the three quantiles,
// exact at any size; one that writes. A quantile q is the element at rank floor(q (n - 1)).
#include <cmath>

#include "core/exact_math.h"
#include "core/let_go.h"
#include "engine/rank_select.h"
#include "engine/task.h"

namespace retemper {
namespace {

template <class T>
class ArceeFusion final : public MethodTask<T> {
 public:
  using Key = typename KeyOf<T>::Type;

  ArceeFusion(const TensorSpec& spec, const Environment& environment)
      : MethodTask<T>(spec, environment), rows_(spec) {
    const uint64_t last = this->elements == 0 ? 0 : this->elements - 1;
    for (const double q : {0.25, 0.5, 0.75}) {
      select_.AddTarget(0, static_cast<uint64_t>(std::floor(q * static_cast<double>(last))));
    }
  }
  void Release() override {
    MethodTask<T>::Release();
    LetGo(divergence_);
  }

 protected:
  int MethodPhases() const override { return 2 + RankSelect<T>::kPasses; }
  size_t MethodUnits(int phase) const override {
    return phase == 0 ? rows_.Units() : this->Blocks();
  }
  Extent MethodReads(int phase, size_t unit) const override {
    return phase == 0 ? rows_.Elements(unit) : this->Block(unit);
  }
  void MethodBegin(int phase) override {
    if (phase == 0) {
      divergence_.assign(rows_.rows, T(0));
    } else if (phase <= RankSelect<T>::kPasses) {
      select_.Begin(this->env_.workers);
    }
  }
  void MethodRun(int phase, size_t unit, Worker& worker) override {
    if (phase == 0) {
      for (uint64_t row = rows_.First(unit); row < rows_.First(unit) + rows_.Count(unit); ++row) {
        divergence_[row] = static_cast<T>(Divergence(row, worker));
      }
      return;
    }
    const bool writes = phase > RankSelect<T>::kPasses;
    const Extent extent = this->Block(unit);
    T* a = worker.template Tiles<T>(4);
    T* b = a + kTile;
    T* importance = b + kTile;
    Key* keys = reinterpret_cast<Key*>(importance + kTile);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, a, worker);
      this->readers_[1].Load(first, n, b, worker);
      Importance(first, n, a, b, importance);
      if (!writes) {
        this->k_.ordered_keys(importance, n, keys);
        select_.Add(phase - 1, worker.index, 0, keys, n, this->k_);
        return;
      }
      for (size_t i = 0; i < n; ++i)
        b[i] = importance[i] >= threshold_ ? a[i] + (b[i] - a[i]) : a[i];
      for (uint32_t v = 0; v < this->spec.variants.size(); ++v)
        this->Emit(v, b, first - extent.first, n, worker);
    });
  }
  void MethodEnd(int phase) override {
    if (phase == 0 || phase > RankSelect<T>::kPasses) return;
    select_.End();
    if (phase == RankSelect<T>::kPasses) {
      const T low = Value(select_.target(0).key), median = Value(select_.target(1).key),
              high = Value(select_.target(2).key);
      threshold_ = median + T(1.5) * (high - low);
    }
  }

 private:
  static T Value(Key key) {
    constexpr Key kSign = Key{1} << (8 * sizeof(Key) - 1);
    return std::bit_cast<T>((key & kSign) != 0 ? key ^ kSign : static_cast<Key>(~key));
  }

  // Sum over the row of (p + e) log((p + e) / (q + e)), p = softmax(b), q = softmax(a), e = 1e-8.
  double Divergence(uint64_t row, Worker& worker) const {
    const Extent extent = {row * rows_.length, rows_.length};
    T* tile = worker.template Tiles<T>(1);
    double* exponentials = static_cast<double*>(worker.Rows(2 * kTile * sizeof(double)));
    T top[2];
    double total[2] = {0, 0};
    for (size_t s = 0; s < 2; ++s) {
      bool started = false;
      this->EachTile(extent, [&](uint64_t first, size_t n) {
        this->readers_[s].Load(first, n, tile, worker);
        if (!started) top[s] = tile[0];
        started = true;
        for (size_t i = 0; i < n; ++i) top[s] = tile[i] > top[s] ? tile[i] : top[s];
      });
      this->EachTile(extent, [&](uint64_t first, size_t n) {
        this->readers_[s].Load(first, n, tile, worker);
        this->k_.exponentials(tile, top[s], n, exponentials);
        for (size_t i = 0; i < n; ++i) total[s] += exponentials[i];
      });
    }
    double sum = 0;
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      this->readers_[0].Load(first, n, tile, worker);
      this->k_.exponentials(tile, top[0], n, exponentials);
      this->readers_[1].Load(first, n, tile, worker);
      this->k_.exponentials(tile, top[1], n, exponentials + kTile);
      for (size_t i = 0; i < n; ++i) {
        const double q = exponentials[i] / total[0] + 1e-8;
        const double p = exponentials[kTile + i] / total[1] + 1e-8;
        sum += p * exact::Log(p / q);
      }
    });
    return sum;
  }
  void Importance(uint64_t first, size_t n, const T* a, const T* b, T* out) const {
    size_t done = 0;
    while (done < n) {
      const T divergence = divergence_[(first + done) / rows_.length];
      const size_t take =
          std::min<uint64_t>(n - done, rows_.length - (first + done) % rows_.length);
      for (size_t i = done; i < done + take; ++i) {
        const T difference = b[i] - a[i];
        out[i] = (difference < 0 ? -difference : difference) * divergence;
      }
      done += take;
    }
  }

  RowGroups rows_;
  RankSelect<T> select_;
  std::vector<T> divergence_;  // a row
  T threshold_ = 0;
};

}  // namespace

std::unique_ptr<Task> MakeArceeFusion(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<ArceeFusion>(spec, environment);
}

}  // namespace retemper
