#include "engine/source_reader.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "core/let_go.h"
#include "engine/decode_range.h"

namespace retemper {

namespace {
constexpr uint64_t kNormBlock = 128 << 10;  // elements of a unit of norms
constexpr uint64_t kNormStrip = 512;        // columns of a unit of column norms or means

// A low-rank product is made in cells of some rows by kCellColumns, so that a load of the right
// factor serves all of them; those of all columns stay in the second-level cache.
constexpr uint64_t kCellColumns = 512;
constexpr uint64_t kCellsBytes = 256 << 10;
constexpr uint64_t kMostCellRows = 8;

// Whether no product of one of `a` and one of `b` needs rounding: 12 significant bits at most each
// (bfloat16 and float16 have fewer), and exponents far from the ends.
bool HaveExactProducts(const std::vector<float>& a, const std::vector<float>& b) {
  const auto is_short = [](float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value), exponent = bits >> 23 & 0xff;
    return (bits & 0x7fffffffu) == 0 ||
           ((bits & 0xfffu) == 0 && exponent >= 127 - 60 && exponent <= 127 + 60);
  };
  return std::all_of(a.begin(), a.end(), is_short) && std::all_of(b.begin(), b.end(), is_short);
}
bool HaveExactProducts(const std::vector<double>&, const std::vector<double>&) { return false; }

// [rank, cols] as strips of columns (cpu/kernels.h).
template <class T>
std::vector<T> InStrips(const T* right, uint64_t rank, uint64_t cols) {
  const uint64_t strips = (cols + kProductStrip - 1) / kProductStrip;
  std::vector<T> packed(strips * rank * kProductStrip, T(0));
  for (uint64_t k = 0; k < rank; ++k) {
    for (uint64_t c = 0; c < cols; ++c) {
      packed[(c / kProductStrip * rank + k) * kProductStrip + c % kProductStrip] =
          right[k * cols + c];
    }
  }
  return packed;
}

uint64_t NewOwner() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}
}  // namespace

template <class T>
struct SourceReader<T>::PartState {
  const Part* spec;
  std::shared_ptr<const ProductFactors<T>> product;
  std::vector<T> factor;  // DoRA: magnitude / norm, a row or a column

  // Columns of the product, and rows that have the same right factor: the part's own, or those of
  // a matrix of a stack.
  uint64_t ProductCols() const {
    const LowRank& term = *spec->low_rank;
    return term.groups == 0 ? spec->cols : term.right.count / term.groups / term.rank;
  }
  uint64_t ProductRows() const {
    const LowRank& term = *spec->low_rank;
    return term.groups == 0 ? spec->rows : term.left.count / term.groups / term.rank;
  }
};

template <class T>
SourceReader<T>::SourceReader(const Source& source, uint64_t cols,
                              const std::vector<InputFile>& inputs, const Kernels<T>& kernels,
                              size_t slot, SharedFactors* shared)
    : source_(&source),
      cols_(cols),
      inputs_(&inputs),
      kernels_(&kernels),
      slot_(slot),
      shared_(shared) {
  for (const Part& part : source.parts) parts_.push_back({&part, nullptr, {}});
}
template <class T>
SourceReader<T>::~SourceReader() = default;
template <class T>
SourceReader<T>::SourceReader(SourceReader&&) noexcept = default;

namespace {

// A whole stored range as T, transposed from [cols, rows] if asked.
template <class T>
std::vector<T> LoadAll(const Range& range, uint64_t rows, uint64_t cols, bool transposed,
                       const std::vector<InputFile>& inputs, const Kernels<T>& kernels) {
  FileBytes bytes(inputs);
  std::vector<T> stored(range.count);
  LoadRange(range, 0, range.count, stored.data(), kernels, bytes);
  if (!transposed) return stored;
  std::vector<T> turned(range.count);
  for (uint64_t r = 0; r < rows; ++r) {
    for (uint64_t c = 0; c < cols; ++c) turned[r * cols + c] = stored[c * rows + r];
  }
  return turned;
}

// Of a part with so many rows, and so many columns of the product.
template <class T>
std::shared_ptr<const ProductFactors<T>> LoadFactors(const LowRank& term, uint64_t rows,
                                                     uint64_t cols,
                                                     const std::vector<InputFile>& inputs,
                                                     const Kernels<T>& kernels) {
  auto factors = std::make_shared<ProductFactors<T>>();
  factors->left = LoadAll<T>(term.left, rows, term.rank, term.left_transposed, inputs, kernels);
  const std::vector<T> right =
      LoadAll<T>(term.right, term.rank, cols, term.right_transposed, inputs, kernels);
  factors->right = InStrips(right.data(), term.rank, cols);
  for (uint32_t group = 1; group < term.groups; ++group) {
    const std::vector<T> packed =
        InStrips(right.data() + group * term.rank * cols, term.rank, cols);
    factors->right.insert(factors->right.end(), packed.begin(), packed.end());
  }
  factors->exact_products = HaveExactProducts(factors->left, right);
  factors->id = NewOwner();
  return factors;
}

}  // namespace

template <class T>
void SourceReader<T>::Prepare() {
  if (MeanUnits() > 0) mean_.assign(cols_, T(0));
  for (PartState& part : parts_) {
    if (!part.spec->low_rank) continue;
    const LowRank& term = *part.spec->low_rank;
    const auto load = [&] {
      return LoadFactors<T>(term, part.spec->rows, part.ProductCols(), *inputs_, *kernels_);
    };
    const bool has_place = !IsView(term.left) && !IsView(term.right);
    part.product = shared_ != nullptr && has_place ? shared_->Of<T>(term, load) : load();
    if (term.magnitude) {
      part.factor =
          LoadAll<T>(*term.magnitude, 1, term.magnitude->count, false, *inputs_, *kernels_);
    }
  }
}

template <class T>
void SourceReader<T>::Release() {
  for (PartState& part : parts_) {
    part.product.reset();
    LetGo(part.factor);
  }
  LetGo(mean_);
}

namespace {
template <class State>
uint64_t NormUnitsOf(const State& part) {
  if (!part.spec->low_rank || !part.spec->low_rank->magnitude) return 0;
  if (part.spec->low_rank->dora_axis == 0) return (part.spec->cols + kNormStrip - 1) / kNormStrip;
  const uint64_t rows = std::max<uint64_t>(1, kNormBlock / std::max<uint64_t>(1, part.spec->cols));
  return (part.spec->rows + rows - 1) / rows;
}
}  // namespace

template <class T>
size_t SourceReader<T>::NormUnits() const {
  size_t units = 0;
  for (const PartState& part : parts_) units += NormUnitsOf(part);
  return units;
}

template <class T>
void SourceReader<T>::ComputeNorms(size_t unit, Worker& worker) {
  size_t index = 0;
  while (unit >= NormUnitsOf(parts_[index])) unit -= NormUnitsOf(parts_[index++]);
  PartState& part = parts_[index];
  const uint64_t rows = part.spec->rows, cols = part.spec->cols;
  T* tile = worker.Tiles<T>(1);
  if (part.spec->low_rank->dora_axis == 1) {
    const uint64_t group = std::max<uint64_t>(1, kNormBlock / std::max<uint64_t>(1, cols));
    for (uint64_t row = unit * group; row < std::min(rows, (unit + 1) * group); ++row) {
      double lanes[kLanes] = {};
      for (uint64_t c = 0; c < cols; c += kTile) {
        const size_t n = std::min<uint64_t>(kTile, cols - c);
        LoadPart(part, row * cols + c, n, tile, worker, false, slot_);
        kernels_->dot(tile, tile, n, lanes);
      }
      double sum = 0;
      for (const double lane : lanes) sum += lane;
      part.factor[row] = part.factor[row] / static_cast<T>(std::sqrt(sum));
    }
    return;
  }
  const uint64_t begin = unit * kNormStrip;
  const size_t n = std::min(kNormStrip, cols - begin);
  std::vector<double> sums(n, 0.0);
  for (uint64_t row = 0; row < rows; ++row) {
    LoadPart(part, row * cols + begin, n, tile, worker, false, slot_);
    for (size_t c = 0; c < n; ++c)
      sums[c] += static_cast<double>(tile[c]) * static_cast<double>(tile[c]);
  }
  for (size_t c = 0; c < n; ++c)
    part.factor[begin + c] = part.factor[begin + c] / static_cast<T>(std::sqrt(sums[c]));
}

template <class T>
size_t SourceReader<T>::MeanUnits() const {
  const bool pads = source_->gather && source_->gather->mean_rows > 0;
  return pads ? (cols_ + kNormStrip - 1) / kNormStrip : 0;
}

template <class T>
void SourceReader<T>::ComputeMeans(size_t unit, Worker& worker) {
  const uint64_t begin = unit * kNormStrip;
  const size_t n = std::min(kNormStrip, cols_ - begin);
  const uint64_t rows = source_->gather->start.size() - 1;
  T* tile = worker.Tiles<T>(1);
  std::vector<double> sums(n, 0.0);
  for (uint64_t row = 0; row < rows; ++row) {
    Load(row * cols_ + begin, n, tile, worker);
    for (size_t c = 0; c < n; ++c) sums[c] += static_cast<double>(tile[c]);
  }
  for (size_t c = 0; c < n; ++c) {
    mean_[begin + c] = rows == 0 ? T(0) : static_cast<T>(sums[c] / static_cast<double>(rows));
  }
}

// Of the product's row: `cell`'s columns, made with those of the rows that come next.
template <class T>
const T* SourceReader<T>::ProductRow(const PartState& part, uint64_t row, uint64_t cell,
                                     Worker& worker, size_t slot) const {
  const LowRank& term = *part.spec->low_rank;
  const uint64_t cols = part.ProductCols(), count = (cols + kCellColumns - 1) / kCellColumns;
  // Rows with the same right factor: this one's of a stack.
  const uint64_t group_rows = part.ProductRows(), group = row / group_rows;
  const uint64_t rows = (group + 1) * group_rows;
  const uint64_t fit = kCellsBytes / (count * kCellColumns * sizeof(T));
  const uint64_t most = std::bit_floor(std::clamp<uint64_t>(fit, 1, kMostCellRows));
  Worker::Cells& cells = worker.CellsOf(slot);
  const ProductFactors<T>& factors = *part.product;
  if (cells.owner != factors.id) {
    cells.owner = 0;  // should there be no memory, nobody takes these for his own
    cells.first.assign(count, UINT64_MAX);
    cells.memory.Reserve(count * most * kCellColumns * sizeof(T));
    cells.owner = factors.id;
  }
  T* memory = static_cast<T*>(cells.memory.Reserve(count * most * kCellColumns * sizeof(T)));
  T* values = memory + cell * most * kCellColumns;
  uint64_t& first = cells.first[cell];
  if (row >= first && row - first < most && first / group_rows == group)
    return values + (row - first) * kCellColumns;
  const uint64_t begin = cell * kCellColumns, width = std::min(kCellColumns, cols - begin);
  LowRankProduct<T> product;
  product.left = factors.left.data() + row * term.rank;
  const uint64_t strips = (cols + kProductStrip - 1) / kProductStrip;
  product.right = factors.right.data() + (group * strips * kProductStrip + begin) * term.rank;
  product.rank = term.rank;
  product.rows = std::min(worker.OnlyAsked() ? 1 : most, rows - row);
  product.strips = (width + kProductStrip - 1) / kProductStrip;
  product.out_stride = kCellColumns;
  product.exact_products = factors.exact_products;
  kernels_->low_rank(product, values);
  // One row alone is not remembered.
  first = product.rows == std::min(most, rows - row) ? row : UINT64_MAX;
  return values;
}

template <class T>
void SourceReader<T>::AddLowRank(const PartState& part, uint64_t first, size_t n, T* out,
                                 Worker& worker, size_t slot) const {
  const uint64_t cols = part.ProductCols();
  const T scale = static_cast<T>(part.spec->low_rank->scale);
  size_t done = 0;
  while (done < n) {
    const uint64_t row = (first + done) / cols, col = (first + done) % cols;
    const uint64_t cell = col / kCellColumns, from = col - cell * kCellColumns;
    const size_t take = std::min<uint64_t>({n - done, cols - col, kCellColumns - from});
    kernels_->add_scaled(scale, ProductRow(part, row, cell, worker, slot) + from, out + done, take);
    done += take;
  }
}

template <class T>
void SourceReader<T>::LoadPart(const PartState& part, uint64_t first, size_t n, T* out,
                               Worker& worker, bool scaled, size_t slot) const {
  const Range& range = part.spec->range;
  if (range.encoding) {
    WindowBytes bytes(*inputs_, slot, worker);
    LoadRange(range, first, n, out, *kernels_, bytes);
  } else {
    const size_t size = SizeOf(range.dtype);
    const uint8_t* from = worker.Fetch((*inputs_)[range.input], slot, range.offset + first * size,
                                       n * size, range.offset + range.count * size);
    kernels_->load(from, range.dtype, n, out);
  }
  if (part.spec->low_rank) {
    AddLowRank(part, first, n, out, worker, slot);
    if (scaled && part.spec->low_rank->magnitude) {
      const uint64_t cols = part.spec->cols;
      size_t done = 0;
      while (done < n) {
        const uint64_t row = (first + done) / cols, col = (first + done) % cols;
        const size_t take = std::min<uint64_t>(n - done, cols - col);
        if (part.spec->low_rank->dora_axis == 1) {
          kernels_->scale(part.factor[row], out + done, take);
        } else {
          kernels_->multiply(part.factor.data() + col, out + done, take);
        }
        done += take;
      }
    }
  }
  if (part.spec->add) {
    T* vector = static_cast<T*>(worker.Loading(kTile * sizeof(T)));
    FileBytes bytes(*inputs_);
    LoadRange(*part.spec->add, first, n, vector, *kernels_, bytes);
    kernels_->add_scaled(static_cast<T>(part.spec->add_scale), vector, out, n);
  }
  if (part.spec->cast_to) kernels_->round_to(out, n, *part.spec->cast_to);
}

template <class T>
void SourceReader<T>::LoadInOrder(uint64_t first, size_t n, T* out, Worker& worker,
                                  size_t slot) const {
  if (!source_->gather) {
    LoadPart(parts_[0], first, n, out, worker, true, slot);
    return;
  }
  const Gather& gather = *source_->gather;
  size_t done = 0;
  while (done < n) {
    const uint64_t row = (first + done) / cols_, col = (first + done) % cols_;
    const size_t take = std::min<uint64_t>(n - done, cols_ - col);
    T* to = out + done;
    if (row + 1 >= gather.start.size()) {  // a padding row
      std::copy_n(mean_.data() + col, take, to);
      done += take;
      continue;
    }
    const uint32_t begin = gather.start[row], end = gather.start[row + 1];
    if (begin == end) {
      std::fill_n(to, take, T(0));
    } else {
      const auto load = [&](uint32_t k, T* where) {
        LoadPart(parts_[gather.part[k]], gather.row[k] * cols_ + col, take, where, worker, true,
                 slot);
      };
      load(begin, to);
      if (end - begin > 1) {
        std::vector<T> other(take);
        for (uint32_t k = begin + 1; k < end; ++k) {
          load(k, other.data());
          kernels_->add(other.data(), to, take);
        }
        kernels_->divide(static_cast<T>(end - begin), to, take);
      }
    }
    done += take;
  }
}

template <class T>
void SourceReader<T>::Rearrange(const OutputForm& form, uint64_t rows, size_t second_slot) {
  form_ = form;
  rows_ = rows;
  second_slot_ = second_slot;
}

template <class T>
void SourceReader<T>::Load(uint64_t first, size_t n, T* out, Worker& worker) const {
  if (form_.transposed) return LoadTransposed(first, n, out, worker);
  if (form_.interleave == 0) return LoadInOrder(first, n, out, worker, slot_);
  // Each half of a group is read from front to back, by a window of its own.
  for (size_t done = 0; done < n;) {
    const uint64_t row = (first + done) / cols_, col = (first + done) % cols_;
    const size_t take = std::min<uint64_t>(n - done, cols_ - col);
    const uint64_t from = SourceRow(form_, row);
    LoadInOrder(from * cols_ + col, take, out + done, worker, row % 2 == 0 ? slot_ : second_slot_);
    done += take;
  }
}

// Of each of the operand's rows as much as the tile has of it, which is a column there.
template <class T>
void SourceReader<T>::LoadTransposed(uint64_t first, size_t n, T* out, Worker& worker) const {
  const uint64_t begin = first / cols_, width = (first + n - 1) / cols_ - begin + 1;
  std::vector<T> piece(width);
  for (uint64_t r = 0; r < cols_; ++r) {
    LoadInOrder(r * rows_ + begin, width, piece.data(), worker, slot_);
    for (uint64_t c = 0; c < width; ++c) {
      const uint64_t at = (begin + c) * cols_ + r;
      if (at >= first && at < first + n) out[at - first] = piece[c];
    }
  }
}

template <class T>
void SourceReader<T>::AddReads(uint64_t first, uint64_t n, std::vector<ReadRange>& ranges) const {
  if (source_->gather || form_.Rearranges() || n == 0) return;  // rows in any order
  const Range& range = source_->parts[0].range;
  const StoredRun run = RunOf(range, first, n);
  if (run.size > 0) ranges.push_back({slot_, range.input, run.offset, run.size});
}

template class SourceReader<float>;
template class SourceReader<double>;

}  // namespace retemper
