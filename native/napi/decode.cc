#include "napi/decode.h"

#include <utility>

#include "core/status.h"
#include "napi/decode_range.h"
#include "napi/fields.h"

namespace retemper {
namespace {

LowRank DecodeLowRank(const Napi::Object& object) {
  LowRank term;
  term.left = DecodeRange(object.Get("left"));
  term.right = DecodeRange(object.Get("right"));
  term.left_transposed = fields::Bool(object, "leftTransposed");
  term.right_transposed = fields::Bool(object, "rightTransposed");
  term.rank = fields::Index(object, "rank");
  term.scale = fields::Number(object, "scale");
  if (fields::Has(object, "groups")) term.groups = fields::Index(object, "groups");
  if (fields::Has(object, "dora")) {
    const Napi::Object dora = fields::Object(object, "dora");
    term.magnitude = DecodeRange(dora.Get("magnitude"));
    term.dora_axis = static_cast<int>(fields::Index(dora, "axis"));
  }
  return term;
}

Part DecodePart(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "part");
  Part part;
  part.range = DecodeRange(value);
  part.rows = fields::Whole(object, "rows");
  part.cols = fields::Whole(object, "cols");
  if (fields::Has(object, "castTo")) part.cast_to = fields::DtypeAt(object, "castTo");
  if (fields::Has(object, "lowRank")) {
    part.low_rank = DecodeLowRank(fields::Object(object, "lowRank"));
  }
  if (fields::Has(object, "add")) {
    const Napi::Object add = fields::Object(object, "add");
    part.add = DecodeRange(add.Get("range"));
    part.add_scale = fields::Number(add, "scale");
  }
  return part;
}

Gather DecodeGather(const Napi::Object& object) {
  return {fields::Copied<uint32_t>(object, "start"), fields::Copied<uint32_t>(object, "part"),
          fields::Copied<uint32_t>(object, "row"),
          fields::Has(object, "meanRows") ? fields::Whole(object, "meanRows") : 0};
}

Source DecodeSource(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "source");
  Source source;
  source.parts = fields::List(object, "parts", DecodePart);
  if (fields::Has(object, "gather")) source.gather = DecodeGather(fields::Object(object, "gather"));
  return source;
}

TaskArithmeticParams DecodeTaskArithmetic(const Napi::Object& object) {
  TaskArithmeticParams p;
  p.sparsifier = fields::OneOf<Sparsifier>(object, "sparsifier",
                                           {{"none", Sparsifier::kNone},
                                            {"magnitude", Sparsifier::kMagnitude},
                                            {"random", Sparsifier::kRandom},
                                            {"outliers", Sparsifier::kOutliers},
                                            {"ranked", Sparsifier::kRanked}});
  p.rescale = fields::OneOf<Rescale>(object, "rescale",
                                     {{"none", Rescale::kNone},
                                      {"l1", Rescale::kL1},
                                      {"inverse_density", Rescale::kInverseDensity}});
  p.election = fields::Bool(object, "election");
  p.normalize = fields::Bool(object, "normalize");
  p.lambda = fields::Number(object, "lambda");
  p.weights = fields::Numbers(object, "weights");
  p.densities = fields::Numbers(object, "densities");
  p.gammas = fields::Numbers(object, "gammas");
  p.epsilons = fields::Numbers(object, "epsilons");
  return p;
}

Params DecodeParams(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "params");
  const std::string op = fields::String(object, "op");
  const auto number = [&](const char* field) { return fields::Number(object, field); };
  const auto numbers = [&](const char* field) { return fields::Numbers(object, field); };
  const auto boolean = [&](const char* field) { return fields::Bool(object, field); };
  if (op == "copy") return CopyParams{};
  if (op == "linear") return LinearParams{numbers("weights"), boolean("normalize")};
  if (op == "slerp") return SlerpParams{number("t"), number("threshold")};
  if (op == "nuslerp") {
    return NuslerpParams{
        numbers("weights"), boolean("hasBase"),
        fields::OneOf<Axis>(
            object, "axis",
            {{"flat", Axis::kFlat}, {"last", Axis::kLast}, {"first", Axis::kFirst}})};
  }
  if (op == "multislerp") {
    return MultislerpParams{numbers("weights"), boolean("normalizeWeights"), number("eps"),
                            boolean("hasBase")};
  }
  if (op == "karcher")
    return KarcherParams{static_cast<int>(fields::Index(object, "maxIter")), number("tol")};
  if (op == "nearswap") return NearswapParams{number("t")};
  if (op == "arcee_fusion") return ArceeFusionParams{};
  if (op == "task_arithmetic") return DecodeTaskArithmetic(object);
  if (op == "model_stock") return ModelStockParams{boolean("filterWise")};
  if (op == "sce") return SceParams{number("selectTopk")};
  if (op == "ram") return RamParams{number("epsilon"), number("r"), number("alpha")};
  fields::Wrong("op", "an operation of the engine");
}

Variant DecodeVariant(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "variant");
  return {fields::Index(object, "output"), fields::Whole(object, "offset"),
          DecodeParams(object.Get("params"))};
}

OutputForm DecodeForm(const Napi::Object& object) {
  OutputForm form;
  if (fields::Has(object, "blocks")) {
    const auto blocks = BlockFormatNamed(fields::String(object, "blocks"));
    if (!blocks) fields::Wrong("blocks", "the name of a block format");
    form.blocks = *blocks;
  }
  if (fields::Has(object, "plus")) form.plus = static_cast<float>(fields::Number(object, "plus"));
  if (fields::Has(object, "interleave")) form.interleave = fields::Whole(object, "interleave");
  if (fields::Has(object, "transposed")) form.transposed = fields::Bool(object, "transposed");
  if (fields::Has(object, "padding")) form.padding = fields::Whole(object, "padding");
  if (fields::Has(object, "codes")) {
    if (fields::String(object, "codes") != "F8_E4M3") fields::Wrong("codes", "F8_E4M3");
    form.e4m3 = true;
  }
  return form;
}

TensorSpec DecodeTensor(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "tensor");
  TensorSpec tensor;
  tensor.name = fields::String(object, "name");
  tensor.shape =
      fields::List(object, "shape", [](const Napi::Value& v) { return fields::Whole(v, "shape"); });
  tensor.f64 = fields::String(object, "compute") == "F64";
  tensor.out_dtype = fields::DtypeAt(object, "outDtype");
  if (fields::Has(object, "form")) tensor.form = DecodeForm(fields::Object(object, "form"));
  tensor.sources = fields::List(object, "sources", DecodeSource);
  tensor.model_keys = fields::List(
      object, "modelKeys", [](const Napi::Value& v) { return fields::Index(v, "modelKeys"); });
  tensor.variants = fields::List(object, "variants", DecodeVariant);
  if (fields::Has(object, "scalesOf")) tensor.scales_of = fields::Index(object, "scalesOf");
  return tensor;
}

// A tensor of a comparison: its first source gives its shape.
TensorSpec DecodeCompared(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "tensor");
  TensorSpec tensor;
  tensor.name = fields::String(object, "name");
  tensor.sources = fields::List(object, "sources", DecodeSource);
  if (fields::Has(object, "compute")) tensor.f64 = fields::String(object, "compute") == "F64";
  if (tensor.sources.empty() || tensor.sources[0].parts.empty())
    fields::Wrong("sources", "of at least one part");
  // A gathered source has as many rows as its list; else the part's own shape is the tensor's.
  const Source& first = tensor.sources[0];
  if (first.gather && first.gather->start.empty()) fields::Wrong("start", "of at least one number");
  const uint64_t rows =
      first.gather ? first.gather->start.size() - 1 + first.gather->mean_rows : first.parts[0].rows;
  tensor.shape = {rows, first.parts[0].cols};
  if (rows * first.parts[0].cols != fields::Whole(object, "count"))
    fields::Wrong("count", "rows x cols");
  return tensor;
}

InputSpec DecodeInput(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "input");
  return {fields::String(object, "path"), fields::Whole(object, "size"),
          fields::Decimal(object, "inode"),
          static_cast<int64_t>(fields::Decimal(object, "mtimeNs"))};
}

OutputSpec DecodeOutput(const Napi::Value& value) {
  const Napi::Object object = fields::Object(value, "output");
  OutputSpec output;
  output.path = fields::String(object, "path");
  output.size = fields::Whole(object, "size");
  output.header = fields::Copied<uint8_t>(object, "header");
  return output;
}

// What both kinds of plan have, then decode(object, plan).
template <class Decode>
Plan PlanOf(const Napi::Value& value, Decode decode) {
  const Napi::Object object = fields::Object(value, "the plan");
  return fields::Of("the plan", [&] {
    Plan plan;
    plan.inputs = fields::List(object, "inputs", DecodeInput);
    plan.threads = fields::Index(object, "threads");
    decode(object, plan);
    return plan;
  });
}

}  // namespace

Plan DecodePlan(const Napi::Value& value) {
  return PlanOf(value, [](const Napi::Object& object, Plan& plan) {
    plan.outputs = fields::List(object, "outputs", DecodeOutput);
    plan.tensors = fields::List(object, "tensors", DecodeTensor);
    plan.seed = fields::Whole(object, "seed");
    plan.max_memory = fields::Whole(object, "maxMemory");
    plan.reading = fields::OneOf<ReadingChoice>(object, "reading",
                                                {{"auto", ReadingChoice::kAuto},
                                                 {"map", ReadingChoice::kMap},
                                                 {"pread", ReadingChoice::kPread},
                                                 {"direct", ReadingChoice::kDirect},
                                                 {"uncached", ReadingChoice::kUncached}});
    if (fields::Has(object, "writing")) {
      plan.writing = fields::OneOf<WritingChoice>(object, "writing",
                                                  {{"auto", WritingChoice::kAuto},
                                                   {"cached", WritingChoice::kCached},
                                                   {"direct", WritingChoice::kDirect}});
    }
    plan.fsync = fields::Bool(object, "fsync");
    if (fields::Has(object, "device")) {
      plan.device = fields::OneOf<DeviceChoice>(object, "device",
                                                {{"auto", DeviceChoice::kAuto},
                                                 {"cpu", DeviceChoice::kCpu},
                                                 {"cuda", DeviceChoice::kCuda}});
    }
    if (fields::Has(object, "multiGpu")) plan.all_devices = fields::Bool(object, "multiGpu");
  });
}

Plan DecodeComparison(const Napi::Value& value) {
  return PlanOf(value, [](const Napi::Object& object, Plan& plan) {
    plan.tensors = fields::List(object, "tensors", DecodeCompared);
  });
}

}  // namespace retemper
