// A merge as the engine sees it: ranges of bytes, matrices and parameters. Decoded from
// lib/addon/nativePlan.ts, which documents each field; nothing here knows of files' formats or
// recipes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/dtype.h"
#include "core/encoding.h"
#include "core/range.h"

namespace retemper {

struct InputSpec {
  std::string path;
  uint64_t size = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
};

struct OutputSpec {
  std::string path;
  uint64_t size = 0;
  std::vector<uint8_t> header;
};

struct LowRank {
  Range left, right;
  bool left_transposed = false, right_transposed = false;
  uint32_t rank = 0;
  double scale = 1;
  // Of a stack of so many equal matrices, each with factors of its own: `left` and `right` are
  // stacks, too, and neither is transposed. The part's rows are then matrices. 0: no stack.
  uint32_t groups = 0;
  std::optional<Range> magnitude;  // DoRA
  int dora_axis = 1;
};

struct Part {
  Range range;
  uint64_t rows = 0, cols = 0;
  std::optional<Dtype> cast_to;
  std::optional<LowRank> low_rank;
  std::optional<Range> add;
  double add_scale = 0;
};

struct Gather {
  std::vector<uint32_t> start, part, row;
  uint64_t mean_rows = 0;  // further rows at the end, each the mean of those before
};

struct Source {
  std::vector<Part> parts;
  std::optional<Gather> gather;
};

struct CopyParams {};
struct LinearParams {
  std::vector<double> weights;
  bool normalize = true;
};
struct SlerpParams {
  double t = 0;
  double threshold = 0.9995;
};
enum class Axis { kFlat, kLast, kFirst };
struct NuslerpParams {
  std::vector<double> weights;
  bool has_base = false;
  Axis axis = Axis::kFlat;
};
struct MultislerpParams {
  std::vector<double> weights;
  bool normalize_weights = true;
  double eps = 1e-8;
  bool has_base = false;
};
struct KarcherParams {
  int max_iter = 10;
  double tol = 1e-5;
};
struct NearswapParams {
  double t = 0;
};
struct ArceeFusionParams {};
enum class Sparsifier { kNone, kMagnitude, kRandom, kOutliers, kRanked };
enum class Rescale { kNone, kL1, kInverseDensity };
struct TaskArithmeticParams {
  Sparsifier sparsifier = Sparsifier::kNone;
  bool election = false;
  bool normalize = false;
  Rescale rescale = Rescale::kNone;
  double lambda = 1;
  std::vector<double> weights, densities, gammas, epsilons;
};
struct ModelStockParams {
  bool filter_wise = false;
};
struct SceParams {
  double select_topk = 1;
};
struct RamParams {
  double epsilon = 1e-5, r = 0, alpha = 0;
};
using Params = std::variant<CopyParams, LinearParams, SlerpParams, NuslerpParams, MultislerpParams,
                            KarcherParams, NearswapParams, ArceeFusionParams, TaskArithmeticParams,
                            ModelStockParams, SceParams, RamParams>;

struct Variant {
  uint32_t output = 0;
  uint64_t offset = 0;
  Params params;
};

// What becomes of a tensor's result on its way into the file, for formats that store it in another
// form than the models do.
struct OutputForm {
  // Encoded in these; out_dtype is then F32, but OfAnyDtype.
  BlockFormat blocks = BlockFormat::kNone;
  float plus = 0;  // added to each value; out_dtype is then F32
  // Rows in groups of so many: row j of a group's first half, then row j of its second. 0: in
  // order.
  uint64_t interleave = 0;
  bool transposed = false;  // its rows are the sources' columns
  uint64_t padding = 0;     // zero bytes after it
  // FP8 codes (E4M3) with a scale for each row, of values that are rounded to out_dtype first. The
  // scales are another tensor's (TensorSpec::scales_of).
  bool e4m3 = false;

  bool Rearranges() const { return interleave != 0 || transposed; }
  // Whether a row has a scale, so that only whole ones are encoded.
  bool EncodesRows() const { return e4m3 || ScalesRows(blocks); }
  bool Encodes() const { return blocks != BlockFormat::kNone || plus != 0 || e4m3; }
};

// Which row of the sources is row `row` of a result that interleaves.
inline uint64_t SourceRow(const OutputForm& form, uint64_t row) {
  if (form.interleave == 0) return row;
  const uint64_t at = row % form.interleave;
  return row - at + at % 2 * (form.interleave / 2) + at / 2;
}

struct TensorSpec {
  std::string name;
  std::vector<uint64_t> shape;
  bool f64 = false;
  Dtype out_dtype = Dtype::kF32;
  OutputForm form;
  std::vector<Source> sources;
  std::vector<uint32_t> model_keys;
  std::vector<Variant> variants;
  // Of scales: the tensor, before this one, whose rows they are of, variant by variant. They have
  // its params and no source.
  std::optional<uint32_t> scales_of;

  uint64_t Elements() const {
    uint64_t n = 1;
    for (const uint64_t d : shape) n *= d;
    return n;
  }
  // What n elements take in the output; whole blocks of them.
  uint64_t StoredBytes(uint64_t n) const {
    if (form.e4m3) return n;
    if (form.blocks == BlockFormat::kNone) return n * SizeOf(out_dtype);
    return n / FactsOf(form.blocks).elements * FactsOf(form.blocks).bytes;
  }
  // [rows, cols] with the last dimension as cols: the vectors along the last axis are the rows.
  uint64_t LastDim() const { return shape.empty() ? 1 : shape.back(); }
  uint64_t FirstDim() const { return shape.empty() ? 1 : shape.front(); }
};

enum class ReadingChoice { kAuto, kMap, kPread, kDirect, kUncached };
// kAuto: past the page cache for large files that are flushed anyway.
enum class WritingChoice { kAuto, kCached, kDirect };
// kAuto is the CPU: no measurement shows a merge that a device speeds up, for disks are slower than
// either.
enum class DeviceChoice { kAuto, kCpu, kCuda };

struct Plan {
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  std::vector<TensorSpec> tensors;
  uint64_t seed = 0;
  unsigned threads = 0;
  uint64_t max_memory = 0;
  ReadingChoice reading = ReadingChoice::kAuto;
  WritingChoice writing = WritingChoice::kAuto;
  bool fsync = true;
  DeviceChoice device = DeviceChoice::kAuto;
  bool all_devices = false;  // else the first one
};

}  // namespace retemper
