// linear, slerp, nuslerp, multislerp, karcher, model_stock and scaled passthrough: a weighted sum
// of the inputs (or of their differences from the base), whose coefficients are given or follow
// from inner products (ops/combine.h).
//
// Over the whole tensor: one phase of inner products, one that combines. Along the last dimension:
// each row is reduced and combined at once. Along the first: a phase over strips of columns makes
// one set of coefficients a column, and the second phase combines row by row.
#include <cmath>

#include "core/let_go.h"
#include "engine/task.h"
#include "ops/combine.h"

namespace retemper {
namespace {

constexpr uint64_t kStrip = 256;  // columns

struct Shape {
  bool reduces = false;    // coefficients follow from inner products
  bool from_base = false;  // vectors are differences from source 0, which is added back
  Axis axis = Axis::kFlat;
};

Shape ShapeOf(const Params& params) {
  if (std::holds_alternative<SlerpParams>(params) ||
      std::holds_alternative<KarcherParams>(params)) {
    return {true, false, Axis::kFlat};
  }
  if (const auto* p = std::get_if<NuslerpParams>(&params)) return {true, p->has_base, p->axis};
  if (const auto* p = std::get_if<MultislerpParams>(&params))
    return {true, p->has_base, Axis::kFlat};
  if (const auto* p = std::get_if<ModelStockParams>(&params)) {
    return {true, true, p->filter_wise ? Axis::kLast : Axis::kFlat};
  }
  return {};
}

ops::Coefficients Solve(const Params& params, const ops::Gram& gram) {
  if (const auto* p = std::get_if<SlerpParams>(&params)) return ops::Slerp(gram, *p);
  if (const auto* p = std::get_if<NuslerpParams>(&params)) return ops::Nuslerp(gram, *p);
  if (const auto* p = std::get_if<MultislerpParams>(&params)) return ops::Multislerp(gram, *p);
  if (const auto* p = std::get_if<KarcherParams>(&params)) return ops::Karcher(gram, *p);
  return ops::ModelStock(gram);
}

template <class T>
class Combination final : public MethodTask<T> {
 public:
  Combination(const TensorSpec& spec, const Environment& environment)
      : MethodTask<T>(spec, environment), shape_(ShapeOf(spec.variants[0].params)), rows_(spec) {
    if (shape_.axis == Axis::kLast && rows_.rows == 1) shape_.axis = Axis::kFlat;
    columns_ = this->elements / std::max<uint64_t>(1, spec.FirstDim());
    if (shape_.axis == Axis::kFirst && columns_ == 1) shape_.axis = Axis::kFlat;
    if (shape_.axis == Axis::kFlat) this->AllowDevice();
    vectors_ = spec.sources.size() - (shape_.from_base ? 1 : 0);
    pairs_ = vectors_ * (vectors_ + 1) / 2;
    plans_.resize(spec.variants.size());
    if (!shape_.reduces) {
      for (size_t v = 0; v < plans_.size(); ++v)
        SetLinear(plans_[v], std::get<LinearParams>(spec.variants[v].params));
    }
  }

  Extent Written(size_t unit) const override {
    return shape_.axis == Axis::kLast ? rows_.Elements(unit) : this->Block(unit);
  }
  uint64_t LargestWrite() const override {
    return shape_.axis == Axis::kLast ? std::min(rows_.group, rows_.rows) * rows_.length
                                      : MethodTask<T>::LargestWrite();
  }
  void Release() override {
    MethodTask<T>::Release();
    LetGo(partial_);
    LetGo(by_column_);
  }

  bool TakesAnyExtent() const override { return shape_.axis != Axis::kLast; }
  void Make(Extent extent, Worker& worker) override { Combine(extent, extent.first, worker); }
  std::optional<std::vector<double>> Factors(uint32_t variant) const override {
    if (shape_.axis != Axis::kFlat) return std::nullopt;
    const VariantPlan& plan = plans_[variant];
    std::vector<double> factors(this->spec.sources.size(), 0.0);
    if (plan.only >= 0) {
      factors[static_cast<size_t>(plan.only)] = 1;
      return factors;
    }
    const size_t shift = shape_.from_base ? 1 : 0;
    double sum = 0;
    for (size_t i = 0; i < vectors_; ++i) {
      factors[i + shift] = static_cast<double>(plan.coefficients[i]);
      if (plan.divides) factors[i + shift] /= static_cast<double>(plan.divisor);
      sum += factors[i + shift];
    }
    if (shape_.from_base) factors[0] = 1 - sum;
    return factors;
  }

 protected:
  int MethodPhases() const override { return shape_.reduces && shape_.axis != Axis::kLast ? 2 : 1; }
  size_t MethodUnits(int phase) const override {
    if (shape_.axis == Axis::kLast) return rows_.Units();
    if (shape_.axis == Axis::kFirst && phase == 0) return (columns_ + kStrip - 1) / kStrip;
    return this->Blocks();
  }
  Extent MethodReads(int phase, size_t unit) const override {
    if (shape_.axis == Axis::kFirst && phase == 0) return {};
    return Written(unit);
  }
  void MethodBegin(int phase) override {
    if (phase > 0) return;
    if (shape_.axis == Axis::kFlat && shape_.reduces) partial_.assign(this->Blocks() * pairs_, 0.0);
    if (shape_.axis == Axis::kLast) per_unit_.assign(plans_.size() * rows_.Units(), {});
    if (shape_.axis == Axis::kFirst) {
      by_column_.assign(plans_.size() * vectors_ * columns_, T(0));
      per_unit_.assign(plans_.size() * MethodUnits(0), {});
    }
  }
  void MethodRun(int phase, size_t unit, Worker& worker) override {
    if (shape_.axis == Axis::kLast) return CombineRows(unit, worker);
    if (phase + 1 < MethodPhases()) {
      if (shape_.axis == Axis::kFirst) return ReduceStrip(unit, worker);
      const Extent extent = this->Block(unit);
      if (const auto block = this->OnDevice(extent, worker)) {
        ReduceOn(*block, partial_.data() + unit * pairs_);
      } else {
        Reduce(extent, partial_.data() + unit * pairs_, worker);
      }
      return;
    }
    const Extent extent = this->Block(unit);
    if (const auto block = this->OnDevice(extent, worker)) return CombineOn(*block);
    Combine(extent, extent.first, worker);
  }
  void MethodEnd(int phase) override {
    if (phase + 1 == MethodPhases() && !per_unit_.empty()) {
      const size_t units = per_unit_.size() / plans_.size();
      for (size_t v = 0; v < plans_.size(); ++v) {
        for (size_t u = 0; u < units; ++u) {
          const UnitFacts& facts = per_unit_[v * units + u];
          plans_[v].straight += facts.straight;
          plans_[v].vectors += facts.vectors;
          plans_[v].t += facts.t;
        }
        plans_[v].t /= std::max<double>(1, static_cast<double>(plans_[v].vectors));
      }
      LetGo(per_unit_);
    }
    if (phase != 0 || shape_.axis != Axis::kFlat || !shape_.reduces) return;
    std::vector<double> sums(pairs_, 0.0);
    for (size_t b = 0; b < this->Blocks(); ++b) {
      for (size_t p = 0; p < pairs_; ++p) sums[p] += partial_[b * pairs_ + p];
    }
    const ops::Gram gram = MakeGram(sums.data());
    for (size_t v = 0; v < plans_.size(); ++v) {
      const ops::Coefficients c = Solve(this->spec.variants[v].params, gram);
      SetCoefficients(plans_[v], c);
      plans_[v].straight = c.straight ? 1 : 0;
      plans_[v].vectors = 1;
      plans_[v].cosine = c.cosine;
      plans_[v].t = c.t;
    }
  }
  void Describe(uint32_t v, Facts& fact) const override {
    const Params& params = this->spec.variants[v].params;
    const VariantPlan& plan = plans_[v];
    if (std::holds_alternative<SlerpParams>(params)) fact.cosine = plan.cosine;
    if (std::holds_alternative<SlerpParams>(params) ||
        std::holds_alternative<NuslerpParams>(params)) {
      fact.straight = plan.straight;
      fact.vectors = plan.vectors;
    }
    if (std::holds_alternative<ModelStockParams>(params)) fact.t = plan.t;
  }

 private:
  struct VariantPlan {
    std::vector<T> coefficients;  // one a vector
    bool divides = false;
    T divisor = 1;
    int only = -1;  // this source alone, as it is
    uint64_t straight = 0, vectors = 0;
    double cosine = 0, t = 0;
  };
  struct UnitFacts {
    uint64_t straight = 0, vectors = 0;
    double t = 0;
  };

  void SetLinear(VariantPlan& plan, const LinearParams& params) {
    double sum = 0;
    int nonzero = -1;
    bool single = true;
    for (size_t i = 0; i < params.weights.size(); ++i) {
      plan.coefficients.push_back(static_cast<T>(params.weights[i]));
      sum += params.weights[i];
      if (params.weights[i] != 0) {
        single = nonzero < 0;
        nonzero = static_cast<int>(i);
      }
    }
    plan.divides = params.normalize && sum != 1;
    plan.divisor = static_cast<T>(sum);
    // At a weight of exactly 0 or 1 the other model's values (and its infinities) have no part in
    // the result.
    if (nonzero >= 0 && single && (params.normalize || params.weights[nonzero] == 1))
      plan.only = nonzero;
  }
  // The exact ends of an interpolation are the inputs themselves.
  void SetCoefficients(VariantPlan& plan, const ops::Coefficients& c) {
    plan.coefficients.assign(c.values.begin(), c.values.end());
    plan.only = -1;
    if (shape_.from_base) return;
    int one = -1;
    for (size_t i = 0; i < c.values.size(); ++i) {
      if (c.values[i] == 0) continue;
      if (c.values[i] != 1 || one >= 0) return;
      one = static_cast<int>(i);
    }
    plan.only = one;
  }
  ops::Gram MakeGram(const double* sums) const {
    ops::Gram gram(vectors_);
    size_t p = 0;
    for (size_t i = 0; i < vectors_; ++i) {
      for (size_t j = i; j < vectors_; ++j) gram.Set(i, j, sums[p++]);
    }
    return gram;
  }
  // Loads vector i of a tile: the input, or its difference from the base in tile 0.
  void LoadVectors(uint64_t first, size_t n, T* tiles, Worker& worker) const {
    for (size_t i = 0; i < this->spec.sources.size(); ++i) {
      T* tile = tiles + i * kTile;
      this->readers_[i].Load(first, n, tile, worker);
      if (shape_.from_base && i > 0) this->k_.subtract(tile, tiles, tile, n);
    }
  }
  T* Vector(T* tiles, size_t i) const { return tiles + (i + (shape_.from_base ? 1 : 0)) * kTile; }

  void Reduce(Extent extent, double* sums, Worker& worker) const {
    T* tiles = worker.template Tiles<T>(this->spec.sources.size());
    std::vector<double> all(pairs_ * kLanes, 0.0);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadVectors(first, n, tiles, worker);
      size_t p = 0;
      for (size_t i = 0; i < vectors_; ++i) {
        for (size_t j = i; j < vectors_; ++j) {
          this->k_.dot(Vector(tiles, i), Vector(tiles, j), n, all.data() + kLanes * p++);
        }
      }
    });
    for (size_t p = 0; p < pairs_; ++p) sums[p] = SumOf(all.data() + p * kLanes);
  }

  // Combines a tile and writes it, as Emit does. `vectors` has room for one pointer a vector.
  void EmitCombined(uint32_t variant, const VariantPlan& plan, T* tiles, const T** vectors,
                    uint64_t at, size_t n, Worker& worker) {
    if (plan.only >= 0) {
      this->Emit(variant, Vector(tiles, static_cast<size_t>(plan.only)), at, n, worker);
      return;
    }
    for (size_t i = 0; i < vectors_; ++i) vectors[i] = Vector(tiles, i);
    WeightedSum<T> sum;
    sum.vectors = vectors;
    sum.coefficients = plan.coefficients.data();
    sum.count = vectors_;
    sum.divides = plan.divides;
    sum.divisor = plan.divisor;
    sum.base = shape_.from_base ? tiles : nullptr;
    this->EmitSum(variant, sum, at, n, worker);
  }
  void ReduceOn(DeviceBlock<T>& block, double* sums) const {
    block::GramLane<T> body;
    body.vectors = block.All(shape_.from_base);
    body.elements = block.count();
    const size_t at = block.NewLanes(pairs_);
    body.lanes = block.Lanes(at);
    block.Launch(body, pairs_ * kLanes);
    block.Finish();
    for (size_t p = 0; p < pairs_; ++p) sums[p] = block.SumAt(at + p * kLanes);
  }
  void CombineOn(DeviceBlock<T>& block) {
    block::Combine<T> body;
    body.vectors = block.All(shape_.from_base);
    for (uint32_t v = 0; v < plans_.size(); ++v) {
      const VariantPlan& plan = plans_[v];
      std::copy(plan.coefficients.begin(), plan.coefficients.end(), body.coefficients);
      body.divides = plan.divides;
      body.divisor = plan.divisor;
      body.only = plan.only;
      block.Write(v, body);
    }
    this->Collect(block);
  }
  void CombineTileByColumn(size_t variant, uint64_t first, T* tiles, T* out, size_t n) const {
    size_t done = 0;
    while (done < n) {
      const uint64_t col = (first + done) % columns_;
      const size_t take = std::min<uint64_t>(n - done, columns_ - col);
      std::fill_n(out + done, take, T(0));
      for (size_t i = 0; i < vectors_; ++i) {
        this->k_.multiply_add(by_column_.data() + (variant * vectors_ + i) * columns_ + col,
                              Vector(tiles, i) + done, out + done, take);
      }
      done += take;
    }
    if (shape_.from_base) this->k_.add(tiles, out, n);
  }
  void Combine(Extent extent, uint64_t origin, Worker& worker) {
    const size_t sources = this->spec.sources.size();
    T* tiles = worker.template Tiles<T>(sources + 1);
    T* out = tiles + sources * kTile;
    std::vector<const T*> vectors(vectors_);
    this->EachTile(extent, [&](uint64_t first, size_t n) {
      LoadVectors(first, n, tiles, worker);
      for (uint32_t v = 0; v < plans_.size(); ++v) {
        if (!this->Wants(v, worker)) continue;
        if (shape_.axis == Axis::kFirst) {
          CombineTileByColumn(v, first, tiles, out, n);
          this->Emit(v, out, first - origin, n, worker);
        } else {
          EmitCombined(v, plans_[v], tiles, vectors.data(), first - origin, n, worker);
        }
      }
    });
  }
  void CombineRows(size_t unit, Worker& worker) {
    const size_t sources = this->spec.sources.size();
    const uint64_t origin = rows_.Elements(unit).first;
    std::vector<double> sums(pairs_);
    std::vector<const T*> vectors(vectors_);
    VariantPlan plan;
    for (uint64_t row = rows_.First(unit); row < rows_.First(unit) + rows_.Count(unit); ++row) {
      const Extent extent = {row * rows_.length, rows_.length};
      Reduce(extent, sums.data(), worker);
      const ops::Gram gram = MakeGram(sums.data());
      for (uint32_t v = 0; v < plans_.size(); ++v) {
        const ops::Coefficients c = Solve(this->spec.variants[v].params, gram);
        if (!per_unit_.empty()) {  // else the facts are counted
          UnitFacts& facts = per_unit_[v * rows_.Units() + unit];
          facts.straight += c.straight ? 1 : 0;
          facts.vectors += 1;
          facts.t += c.t;
        }
        if (!this->Wants(v, worker)) continue;
        SetCoefficients(plan, c);
        T* tiles = worker.template Tiles<T>(sources);
        this->EachTile(extent, [&](uint64_t first, size_t n) {
          LoadVectors(first, n, tiles, worker);
          EmitCombined(v, plan, tiles, vectors.data(), first - origin, n, worker);
        });
      }
    }
  }
  void ReduceStrip(size_t unit, Worker& worker) {
    const uint64_t begin = unit * kStrip;
    const size_t width = std::min(kStrip, columns_ - begin);
    T* tiles = worker.template Tiles<T>(this->spec.sources.size());
    std::vector<double> sums(width * pairs_, 0.0);
    for (uint64_t row = 0; row < this->spec.FirstDim(); ++row) {
      LoadVectors(row * columns_ + begin, width, tiles, worker);
      size_t p = 0;
      for (size_t i = 0; i < vectors_; ++i) {
        for (size_t j = i; j < vectors_; ++j, ++p) {
          const T* x = Vector(tiles, i);
          const T* y = Vector(tiles, j);
          for (size_t c = 0; c < width; ++c)
            sums[c * pairs_ + p] += static_cast<double>(x[c]) * static_cast<double>(y[c]);
        }
      }
    }
    for (size_t c = 0; c < width; ++c) {
      const ops::Gram gram = MakeGram(sums.data() + c * pairs_);
      for (size_t v = 0; v < plans_.size(); ++v) {
        const ops::Coefficients solved = Solve(this->spec.variants[v].params, gram);
        UnitFacts& facts = per_unit_[v * MethodUnits(0) + unit];
        facts.straight += solved.straight ? 1 : 0;
        facts.vectors += 1;
        facts.t += solved.t;
        for (size_t i = 0; i < vectors_; ++i) {
          by_column_[(v * vectors_ + i) * columns_ + begin + c] = static_cast<T>(solved.values[i]);
        }
      }
    }
  }

  Shape shape_;
  RowGroups rows_;
  uint64_t columns_ = 1;
  size_t vectors_ = 0, pairs_ = 0;
  std::vector<VariantPlan> plans_;
  std::vector<double> partial_;      // [block, pair]
  std::vector<T> by_column_;         // [variant, vector, column]
  std::vector<UnitFacts> per_unit_;  // [variant, unit]
};

}  // namespace

std::unique_ptr<Task> MakeCombination(const TensorSpec& spec, const Environment& environment) {
  return MakeFor<Combination>(spec, environment);
}

}  // namespace retemper
