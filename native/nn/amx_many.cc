#include "nn/amx_many.h"

#include <algorithm>
#include <utility>

#include "core/divide_up.h"
#include "nn/amx_copier.h"
#include "nn/amx_pack.h"
#include "nn/prefetcher.h"

#ifdef RETEMPER_AMX

namespace retemper::nn::amx {

namespace {

// Panels of 16 outputs, and blocks of inputs, that are copied at once.
constexpr size_t kPanels = 2;
constexpr size_t kChunk = 18;
// Sizes in tiles (1 KiB) were measured on a processor with 2 MiB of second-level cache.
constexpr size_t kMostColumnTiles = 32;
constexpr size_t kCachedTiles = 1100;
constexpr size_t kTurnColumnTiles = 24;
constexpr size_t kTurnTiles = 450;
constexpr size_t kTurnOuts = 192;

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

size_t TilesOf(const Unit& unit) {
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
  const size_t tiles = TilesOf(unit), blocks = chunk.blocks;
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

}  // namespace

Cut CutMany(const Product& product) {
  const Plan plan = PlanOf(product);
  const size_t tiles = GroupsOf(plan.row_step) * PartsOf(product.precision);
  return {plan.row_step, plan.outs,
          (2 * kPanels * kChunk + plan.outs / kOuts * tiles) * kTileBytes};
}

void MultiplyMany(PartQueue& queue, uint8_t* scratch) {
  const TilesInUse tiles_in_use;
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
    const size_t pairs = DivideUp(TilesOf(unit), 2), steps = pairs * unit.blocks;
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

}  // namespace retemper::nn::amx

#endif
