// Weights are the tile unit's left operand: 16 outputs by 32 inputs, as they lie in the mapped
// file. The right operand holds up to 16 columns of activations in bfloat16. One instruction adds,
// for every output and column, 32 exact products to a float32 sum, inputs in a fixed order; a
// column's sum does not depend on the others, so neither on how many there are.
//
// In float32, a row is three columns: x = x1 + x2 + x3 exactly, each with the 8 significant bits of
// a bfloat16, so y = w x1 + (w x2 + w x3) has float32's precision at several times the speed of
// float32 instructions. The unit treats subnormal numbers as zero (here: what is below 2^-126, in
// activations and in their parts), and an infinite weight gives NaN where a part of x is zero.
#include "nn/matmul_amx.h"

#include <algorithm>
#include <utility>

#include "nn/amx_copier.h"
#include "nn/amx_pack.h"
#include "nn/prefetcher.h"

#ifdef RETEMPER_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace retemper::nn {

#ifndef RETEMPER_AMX

const MatMulKernel* AmxKernel() { return nullptr; }

#else

namespace {

using namespace amx;

// Few column tiles: weights come from memory straight into tiles, once.
constexpr size_t kFewColumnTiles = 6;
constexpr size_t kStreamBytes = 16384;
constexpr size_t kMostInterleaved = 8;
constexpr size_t kLeastParts = 4;  // of a small matrix
// Many: weights are copied, two panels of 16 outputs and up to kChunk blocks at once, which stay in
// the first-level cache while activations stream by from the second; meanwhile the next ones are
// copied, and those after them fetched from memory. Sizes in tiles (1 KiB) were measured on a
// processor with 2 MiB of that.
constexpr size_t kPanels = 2;
constexpr size_t kChunk = 18;
constexpr size_t kMostColumnTiles = 32;
constexpr size_t kCachedTiles = 1100;
constexpr size_t kTurnColumnTiles = 24;
constexpr size_t kTurnTiles = 450;
constexpr size_t kTurnOuts = 192;

size_t DivideUp(size_t a, size_t b) { return (a + b - 1) / b; }

size_t ColumnTilesOf(size_t rows, Precision precision) {
  return IsFew(rows, precision) ? 1 : GroupsOf(rows) * PartsOf(precision);
}
bool IsFewTiles(const Product& product) {
  return ColumnTilesOf(product.rows, product.precision) <= kFewColumnTiles;
}

// --- few column tiles ---

// The weights of 16 outputs: block b's rows lie `stride` apart from base + b * step on. `last`, if
// there is one, is the place of the last block, as a packed tile.
struct Panel {
  const uint8_t* base;
  size_t stride;
  size_t step;
  const uint8_t* last;
};

// Outputs first_out + i * out_step. `room` has a tile for each block.
Panel PanelOf(const Matrix& w, size_t first_out, size_t out_step, uint8_t* room) {
  const size_t blocks = BlocksOf(w.in);
  if (w.in_major || first_out + kOuts > w.out) {
    for (size_t block = 0; block < blocks; ++block) {
      CopyTile(w, first_out, 1, block, room + block * kTileBytes);
    }
    return {room, 64, kTileBytes, nullptr};
  }
  const uint8_t* base = w.data + 2 * first_out * w.in;
  if (w.in % kInputs == 0) return {base, 2 * w.in * out_step, 64, nullptr};
  CopyTile(w, first_out, out_step, blocks - 1, room);
  return {base, 2 * w.in * out_step, 64, room};
}

// Sums are tiles 0 to 5, weights tile 6, activations tile 7.
template <size_t kTiles, int kTile = 0>
inline void AddColumns(const uint8_t* activations, size_t row_bytes, size_t tile_step) {
  if constexpr (kTile < static_cast<int>(kTiles)) {
    Load<7>(activations, row_bytes);
    Multiply<kTile, 6, 7>();
    AddColumns<kTiles, kTile + 1>(activations + tile_step, row_bytes, tile_step);
  }
}
template <size_t kTiles, int kTile = 0>
inline void ZeroSums() {
  if constexpr (kTile < static_cast<int>(kTiles)) {
    Zero<kTile>();
    ZeroSums<kTiles, kTile + 1>();
  }
}
template <size_t kTiles, int kTile = 0>
inline void StoreSums(float* sums, size_t sums_step, size_t stride) {
  if constexpr (kTile < static_cast<int>(kTiles)) {
    Store<kTile>(sums, stride);
    StoreSums<kTiles, kTile + 1>(sums + sums_step, sums_step, stride);
  }
}

template <size_t kTiles>
void MultiplyPanel(const Panel& panel, const uint8_t* activations, size_t row_bytes, size_t blocks,
                   float* sums, size_t sums_step, size_t sums_stride) {
  const size_t block_bytes = 16 * row_bytes, tile_step = blocks * block_bytes;
  const size_t whole = panel.last != nullptr ? blocks - 1 : blocks;
  ZeroSums<kTiles>();
  const uint8_t* weights = panel.base;
  for (size_t block = 0; block < whole; ++block) {
    Load<6>(weights, panel.stride);
    AddColumns<kTiles>(activations, row_bytes, tile_step);
    weights += panel.step;
    activations += block_bytes;
  }
  if (whole < blocks) {
    Load<6>(panel.last, 64);
    AddColumns<kTiles>(activations, row_bytes, tile_step);
  }
  StoreSums<kTiles>(sums, sums_step, sums_stride);
}

// How many tiles of weights are interleaved: output o of a part is row o / n of tile o % n, so that
// the 16 rows of a tile are 16 streams of memory, which the tile's successors continue. Processors
// fetch that ahead better than many short pieces.
size_t InterleavedOf(const Matrix& w) {
  const size_t wanted = DivideUp(kStreamBytes, std::max<size_t>(2 * w.in, 1));
  return std::clamp<size_t>(std::min(wanted, w.out / (kLeastParts * kOuts)), 1, kMostInterleaved);
}

void MultiplyFew(const Part& part, uint8_t* scratch) {
  const Product& product = *part.product;
  const Matrix& w = product.w;
  const bool is_few = IsFew(product.rows, product.precision);
  const size_t tiles = ColumnTilesOf(product.rows, product.precision), blocks = BlocksOf(w.in);
  const size_t row_bytes = 4 * (is_few ? product.rows * PartsOf(product.precision) : kColumns);
  constexpr decltype(&MultiplyPanel<1>) kMultiply[kFewColumnTiles] = {
      MultiplyPanel<1>, MultiplyPanel<2>, MultiplyPanel<3>,
      MultiplyPanel<4>, MultiplyPanel<5>, MultiplyPanel<6>};
  const size_t interleaved = InterleavedOf(w);
  constexpr size_t kSumsStep = kMostInterleaved * kTileFloats;
  alignas(64) float sums[kFewColumnTiles * kSumsStep];
  for (size_t out = part.first_out; out < part.end_out;) {
    const bool whole = !w.in_major && out + interleaved * kOuts <= part.end_out;
    const size_t n = whole ? interleaved : 1;
    for (size_t i = 0; i < n; ++i) {
      kMultiply[tiles - 1](PanelOf(w, out + i, n, scratch), product.packed, row_bytes, blocks,
                           sums + i * kColumns, kSumsStep, n * 64);
    }
    for (size_t i = 0; i < n; ++i, out += kOuts) {
      if (is_few) {
        StoreFew(product, out, sums + i * kTileFloats);
      } else {
        StoreMany(product, 0, product.rows, out, sums + i * kTileFloats, kSumsStep);
      }
    }
  }
}

// --- many column tiles ---

// How a product goes over the caches: `row_step` rows at once, and `turn` blocks of inputs for
// `outs` outputs before the next turn, so that their activations stay in the second-level cache.
struct Plan {
  size_t row_step;
  size_t turn;
  size_t outs;
};

Plan PlanOf(const Product& product) {
  const size_t blocks = std::max<size_t>(BlocksOf(product.w.in), 1);
  const size_t parts = PartsOf(product.precision), groups = GroupsOf(product.rows);
  const size_t tiles = groups * parts;
  if (tiles <= kMostColumnTiles && tiles * blocks <= kCachedTiles) {
    return {product.rows, blocks, kPanels * kOuts};
  }
  const size_t groups_at_once = DivideUp(groups, DivideUp(groups, kTurnColumnTiles / parts));
  const size_t most = std::min(kTurnTiles / (groups_at_once * parts), blocks);
  const size_t turn = DivideUp(blocks, DivideUp(blocks, most));  // all about alike
  return {groups_at_once * kRowsOfAGroup, turn, turn < blocks ? kTurnOuts : kPanels * kOuts};
}

// Two panels (or the last one) in one turn: `blocks` blocks of them, for a part's rows.
struct Unit {
  Part part = {};
  size_t out = 0;
  size_t panels = 0;
  size_t first_block = 0, blocks = 0;
  float* sums = nullptr;
};

// The units of all parts that this thread takes, one after the other.
class Units {
 public:
  Units(PartQueue& queue, float* sums) : queue_(queue), sums_(sums) {}

  bool Next(Unit& unit) {
    if (turn_ == blocks_ && !TakeNext()) return false;
    unit = {part_,
            out_,
            out_ + kOuts < part_.end_out ? kPanels : 1,
            turn_,
            std::min(turn_blocks_, blocks_ - turn_),
            sums_ + (out_ - part_.first_out) / kOuts * sums_step_};
    out_ += kPanels * kOuts;
    if (out_ < part_.end_out) return true;
    out_ = part_.first_out;
    turn_ += unit.blocks;
    return true;
  }

 private:
  bool TakeNext() {
    if (!TakePart(queue_, part_)) return false;
    const Plan plan = PlanOf(*part_.product);
    blocks_ = BlocksOf(part_.product->w.in);
    turn_blocks_ = plan.turn;
    turn_ = 0;
    out_ = part_.first_out;
    // Where all inputs come in one turn, all outputs can share the place of their sums.
    const size_t rows = part_.end_row - part_.first_row;
    sums_step_ =
        plan.turn < blocks_ ? kTileFloats * ColumnTilesOf(rows, part_.product->precision) : 0;
    return true;
  }

  PartQueue& queue_;
  float* sums_;
  Part part_ = {};
  size_t blocks_ = 0, turn_blocks_ = 0, sums_step_ = 0;
  size_t out_ = 0, turn_ = 0;
};

// What is done besides some products: the next chunk's weights are copied, the next unit's and the
// place of this one's results are fetched.
struct Meanwhile {
  Copier copy;
  ReadAhead weights;
  WriteAhead results;

  [[gnu::always_inline]] void Step() {
    copy.Step();
    weights.Step();
    results.Step();
  }
};

// Adds kPanels panels by kTiles tiles of activations (1 or 2 of each). The sums of tile c and panel
// p are tile 2 c + p, and lie at sums + (2 c + p) * kTileFloats.
template <size_t kPanels, size_t kTiles>
[[gnu::always_inline]] inline void MultiplyTiles(const uint8_t* weights, const uint8_t* activations,
                                                 size_t tile_step, size_t blocks, bool is_first,
                                                 float* sums, Meanwhile& meanwhile) {
  if (is_first) {
    Zero<0>();
    if constexpr (kPanels > 1) Zero<1>();
    if constexpr (kTiles > 1) Zero<2>();
    if constexpr (kPanels > 1 && kTiles > 1) Zero<3>();
  } else {
    Load<0>(sums, 64);
    if constexpr (kPanels > 1) Load<1>(sums + kTileFloats, 64);
    if constexpr (kTiles > 1) Load<2>(sums + 2 * kTileFloats, 64);
    if constexpr (kPanels > 1 && kTiles > 1) Load<3>(sums + 3 * kTileFloats, 64);
  }
  for (size_t block = 0; block < blocks; ++block) {
    Load<4>(weights, 64);
    LoadOnce<6>(activations, 64);
    Multiply<0, 4, 6>();
    if constexpr (kPanels > 1) {
      Load<5>(weights + kTileBytes, 64);
      Multiply<1, 5, 6>();
    }
    if constexpr (kTiles > 1) {
      LoadOnce<7>(activations + tile_step, 64);
      Multiply<2, 4, 7>();
      if constexpr (kPanels > 1) Multiply<3, 5, 7>();
    }
    meanwhile.Step();
    weights += kPanels * kTileBytes;
    activations += kTileBytes;
  }
  Store<0>(sums, 64);
  if constexpr (kPanels > 1) Store<1>(sums + kTileFloats, 64);
  if constexpr (kTiles > 1) Store<2>(sums + 2 * kTileFloats, 64);
  if constexpr (kPanels > 1 && kTiles > 1) Store<3>(sums + 3 * kTileFloats, 64);
}

size_t ColumnTilesOf(const Unit& unit) {
  return ColumnTilesOf(unit.part.end_row - unit.part.first_row, unit.part.product->precision);
}

// Some blocks of a unit.
struct Chunk {
  const Unit* unit = nullptr;
  size_t first_block = 0, blocks = 0;
};

size_t ChunkOf(const Unit& unit) {
  return DivideUp(unit.blocks, DivideUp(unit.blocks, kChunk));  // all about alike
}

// Whether a chunk's weights are whole lines of the file, which a Copier can copy.
bool HasLines(const Chunk& chunk) {
  const Unit& unit = *chunk.unit;
  const Matrix& w = unit.part.product->w;
  return !w.in_major && unit.out + unit.panels * kOuts <= w.out &&
         (chunk.first_block + chunk.blocks) * kInputs <= w.in;
}

Copier CopierOf(const Chunk& chunk, size_t steps, uint8_t* weights) {
  const Unit& unit = *chunk.unit;
  const Matrix& w = unit.part.product->w;
  return {w.data + 2 * (unit.out * w.in + chunk.first_block * kInputs),
          2 * w.in,
          unit.panels,
          chunk.blocks,
          steps,
          weights};
}

void CopyWeights(const Chunk& chunk, uint8_t* weights) {
  const Unit& unit = *chunk.unit;
  for (size_t block = 0; block < chunk.blocks; ++block) {
    for (size_t panel = 0; panel < unit.panels; ++panel) {
      CopyTile(unit.part.product->w, unit.out + panel * kOuts, 1, chunk.first_block + block,
               weights + (block * unit.panels + panel) * kTileBytes);
    }
  }
}

template <size_t kPanels>
void MultiplyChunk(const Chunk& chunk, const uint8_t* weights, Meanwhile& kept) {
  const Unit& unit = *chunk.unit;
  const Product& product = *unit.part.product;
  const size_t tile_step = BlocksOf(product.w.in) * kTileBytes;
  const size_t tiles = ColumnTilesOf(unit), blocks = chunk.blocks;
  const bool is_first = chunk.first_block == 0;
  const uint8_t* activations =
      product.packed +
      unit.part.first_row / kRowsOfAGroup * PartsOf(product.precision) * tile_step +
      chunk.first_block * kTileBytes;
  float* sums = unit.sums;
  Meanwhile meanwhile = kept;  // in registers
  size_t tile = 0;
  for (; tile + 1 < tiles; tile += 2) {
    MultiplyTiles<kPanels, 2>(weights, activations, tile_step, blocks, is_first, sums, meanwhile);
    activations += 2 * tile_step;
    sums += 4 * kTileFloats;
  }
  if (tile < tiles) {
    MultiplyTiles<kPanels, 1>(weights, activations, tile_step, blocks, is_first, sums, meanwhile);
  }
  meanwhile.copy.Finish();
  kept = meanwhile;
}

void StoreUnit(const Unit& unit) {
  for (size_t panel = 0; panel < unit.panels; ++panel) {
    StoreMany(*unit.part.product, unit.part.first_row, unit.part.end_row, unit.out + panel * kOuts,
              unit.sums + panel * kTileFloats, 2 * kTileFloats);
  }
}

// A unit's weights, row by row as far as its turn goes: processors see a stream in that and run
// ahead by themselves.
ReadAhead FetchOf(const Unit& unit, size_t steps) {
  const Matrix& w = unit.part.product->w;
  if (w.in_major) return {};
  const size_t stride = 2 * w.in, from = unit.first_block * 64;
  return {w.data + unit.out * stride + from, std::min(unit.blocks * 64, stride - from), stride,
          std::min(unit.panels * kOuts, w.out - unit.out), steps};
}

WriteAhead PlaceOf(const Unit& unit, size_t steps) {
  const Product& product = *unit.part.product;
  return {product.y + unit.part.first_row * product.y_stride + unit.out,
          4 * std::min(unit.panels * kOuts, product.w.out - unit.out), 4 * product.y_stride,
          unit.part.end_row - unit.part.first_row, steps};
}

void MultiplyMany(PartQueue& queue, uint8_t* scratch) {
  // Weights of two chunks in turn, then sums.
  constexpr size_t kWeightBytes = kPanels * kChunk * kTileBytes;
  uint8_t *weights = scratch, *next_weights = scratch + kWeightBytes;
  Units units(queue, reinterpret_cast<float*>(scratch + 2 * kWeightBytes));
  Unit unit, next;
  if (!units.Next(unit)) return;
  Chunk chunk = {&unit, unit.first_block, ChunkOf(unit)};
  CopyWeights(chunk, weights);
  for (bool goes_on = true; goes_on;) {
    goes_on = units.Next(next);
    const size_t end = unit.first_block + unit.blocks;
    const bool is_last = end == BlocksOf(unit.part.product->w.in);
    const size_t pairs = DivideUp(ColumnTilesOf(unit), 2), steps = pairs * unit.blocks;
    Meanwhile meanwhile;
    if (goes_on) meanwhile.weights = FetchOf(next, steps);
    if (is_last && !Streams(*unit.part.product)) meanwhile.results = PlaceOf(unit, steps);
    for (bool in_unit = true; in_unit;) {
      const size_t after = chunk.first_block + chunk.blocks;
      in_unit = after < end;
      Chunk then;
      if (in_unit) {
        then = {&unit, after, std::min(chunk.blocks, end - after)};
      } else if (goes_on) {
        then = {&next, next.first_block, ChunkOf(next)};
      }
      const bool has_lines = then.unit != nullptr && HasLines(then);
      if (has_lines) meanwhile.copy = CopierOf(then, pairs * chunk.blocks, next_weights);
      (unit.panels == 2 ? MultiplyChunk<2> : MultiplyChunk<1>)(chunk, weights, meanwhile);
      if (then.unit != nullptr && !has_lines) CopyWeights(then, next_weights);
      std::swap(weights, next_weights);
      chunk = then;
    }
    if (is_last) StoreUnit(unit);
    unit = next;
    chunk.unit = &unit;
  }
  asm volatile("sfence" ::: "memory");
}

// --- the kernel ---

Cut CutOf(const Product& product) {
  if (IsFewTiles(product)) {
    return {product.rows, InterleavedOf(product.w) * kOuts,
            std::max<size_t>(BlocksOf(product.w.in), 1) * kTileBytes};
  }
  const Plan plan = PlanOf(product);
  const size_t tiles = GroupsOf(plan.row_step) * PartsOf(product.precision);
  return {plan.row_step, plan.outs,
          (2 * kPanels * kChunk + plan.outs / kOuts * tiles) * kTileBytes};
}

void MultiplyParts(PartQueue& queue, uint8_t* scratch) {
  // All products of a queue have the same rows and precision.
  const Product& product = FirstProduct(queue);
  if (!IsFewTiles(product)) {
    const TilesInUse tiles_in_use;
    return MultiplyMany(queue, scratch);
  }
  const bool is_few = IsFew(product.rows, product.precision);
  const TilesInUse tiles_in_use(is_few ? product.rows * PartsOf(product.precision) : kColumns, 6);
  for (Part part; TakePart(queue, part);) MultiplyFew(part, scratch);
}

bool Handles(Dtype dtype, Precision) { return dtype == Dtype::kBF16; }

constexpr MatMulKernel kKernel = {"amx", Handles, PackedBytes, Pack, CutOf, MultiplyParts};

bool IsAvailable() {
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
  if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0) return false;
  if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bf16")) {
    return false;
  }
  // Linux keeps the large state of tiles for those only who asked, in any thread, for all of them.
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

const MatMulKernel* AmxKernel() {
  static const bool available = IsAvailable();
  return available ? &kKernel : nullptr;
}

#endif

}  // namespace retemper::nn
