#include "napi/decode.h"

#include <cmath>

#include "core/status.h"

namespace retemper {
namespace {

constexpr double kLargestWhole = 9007199254740991.0;

[[noreturn]] void Wrong(const std::string& field, const char* expected) {
  throw Fault(code::kUsage, "the plan's " + field + " must be " + expected);
}

Napi::Object ObjectAt(const Napi::Value& value, const std::string& field) {
  if (!value.IsObject()) Wrong(field, "an object");
  return value.As<Napi::Object>();
}
Napi::Array ArrayAt(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsArray()) Wrong(field, "an array");
  return value.As<Napi::Array>();
}
double NumberAt(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsNumber()) Wrong(field, "a number");
  return value.As<Napi::Number>().DoubleValue();
}
uint64_t Whole(double number, const char* field) {
  if (!(number >= 0 && number <= kLargestWhole) || number != std::floor(number))
    Wrong(field, "a whole number");
  return static_cast<uint64_t>(number);
}
uint64_t WholeAt(const Napi::Object& object, const char* field) {
  return Whole(NumberAt(object, field), field);
}
uint32_t IndexAt(const Napi::Object& object, const char* field) {
  const uint64_t value = WholeAt(object, field);
  if (value > UINT32_MAX) Wrong(field, "below 2^32");
  return static_cast<uint32_t>(value);
}
std::string StringAt(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsString()) Wrong(field, "a string");
  return value.As<Napi::String>().Utf8Value();
}
bool BoolAt(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsBoolean()) Wrong(field, "a boolean");
  return value.As<Napi::Boolean>().Value();
}
bool Has(const Napi::Object& object, const char* field) { return !object.Get(field).IsUndefined(); }

Dtype DtypeOf(const std::string& name, const char* field) {
  const std::optional<Dtype> dtype = DtypeNamed(name);
  if (!dtype) Wrong(field, "a dtype");
  return *dtype;
}
std::vector<double> NumbersAt(const Napi::Object& object, const char* field) {
  const Napi::Array array = ArrayAt(object, field);
  std::vector<double> numbers;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value value = array[i];
    if (!value.IsNumber()) Wrong(field, "numbers");
    numbers.push_back(value.As<Napi::Number>().DoubleValue());
  }
  return numbers;
}
std::vector<uint32_t> WordsAt(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    Wrong(field, "a Uint32Array");
  }
  const auto array = value.As<Napi::Uint32Array>();
  return std::vector<uint32_t>(array.Data(), array.Data() + array.ElementLength());
}
uint64_t Decimal(const std::string& text, const char* field) {
  uint64_t value = 0;
  if (text.empty()) Wrong(field, "decimal digits");
  for (const char c : text) {
    if (c < '0' || c > '9' || __builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) {
      Wrong(field, "decimal digits");
    }
  }
  return value;
}

Range DecodeRange(const Napi::Value& value) {
  const Napi::Object object = ObjectAt(value, "range");
  return {IndexAt(object, "input"), WholeAt(object, "offset"),
          DtypeOf(StringAt(object, "dtype"), "dtype"), WholeAt(object, "count")};
}

Part DecodePart(const Napi::Value& value) {
  const Napi::Object object = ObjectAt(value, "part");
  Part part;
  part.range = DecodeRange(value);
  part.rows = WholeAt(object, "rows");
  part.cols = WholeAt(object, "cols");
  if (Has(object, "castTo")) part.cast_to = DtypeOf(StringAt(object, "castTo"), "castTo");
  if (Has(object, "lowRank")) {
    const Napi::Object term = ObjectAt(object.Get("lowRank"), "lowRank");
    LowRank low_rank;
    low_rank.left = DecodeRange(term.Get("left"));
    low_rank.right = DecodeRange(term.Get("right"));
    low_rank.left_transposed = BoolAt(term, "leftTransposed");
    low_rank.right_transposed = BoolAt(term, "rightTransposed");
    low_rank.rank = IndexAt(term, "rank");
    low_rank.scale = NumberAt(term, "scale");
    if (Has(term, "dora")) {
      const Napi::Object dora = ObjectAt(term.Get("dora"), "dora");
      low_rank.magnitude = DecodeRange(dora.Get("magnitude"));
      low_rank.dora_axis = static_cast<int>(IndexAt(dora, "axis"));
    }
    part.low_rank = low_rank;
  }
  if (Has(object, "add")) {
    const Napi::Object add = ObjectAt(object.Get("add"), "add");
    part.add = DecodeRange(add.Get("range"));
    part.add_scale = NumberAt(add, "scale");
  }
  return part;
}

std::vector<Source> DecodeSources(const Napi::Object& tensor) {
  const Napi::Array array = ArrayAt(tensor, "sources");
  std::vector<Source> sources;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object object = ObjectAt(array[i], "source");
    Source source;
    const Napi::Array parts = ArrayAt(object, "parts");
    for (uint32_t p = 0; p < parts.Length(); ++p) source.parts.push_back(DecodePart(parts[p]));
    if (Has(object, "gather")) {
      const Napi::Object gather = ObjectAt(object.Get("gather"), "gather");
      source.gather =
          Gather{WordsAt(gather, "start"), WordsAt(gather, "part"), WordsAt(gather, "row"),
                 Has(gather, "meanRows") ? WholeAt(gather, "meanRows") : 0};
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

TaskArithmeticParams DecodeTaskArithmetic(const Napi::Object& object) {
  TaskArithmeticParams p;
  const std::string sparsifier = StringAt(object, "sparsifier");
  if (sparsifier == "none") {
    p.sparsifier = Sparsifier::kNone;
  } else if (sparsifier == "magnitude") {
    p.sparsifier = Sparsifier::kMagnitude;
  } else if (sparsifier == "random") {
    p.sparsifier = Sparsifier::kRandom;
  } else if (sparsifier == "outliers") {
    p.sparsifier = Sparsifier::kOutliers;
  } else if (sparsifier == "ranked") {
    p.sparsifier = Sparsifier::kRanked;
  } else {
    Wrong("sparsifier", "a known sparsifier");
  }
  const std::string rescale = StringAt(object, "rescale");
  if (rescale == "none") {
    p.rescale = Rescale::kNone;
  } else if (rescale == "l1") {
    p.rescale = Rescale::kL1;
  } else if (rescale == "inverse_density") {
    p.rescale = Rescale::kInverseDensity;
  } else {
    Wrong("rescale", "none, l1 or inverse_density");
  }
  p.election = BoolAt(object, "election");
  p.normalize = BoolAt(object, "normalize");
  p.lambda = NumberAt(object, "lambda");
  p.weights = NumbersAt(object, "weights");
  p.densities = NumbersAt(object, "densities");
  p.gammas = NumbersAt(object, "gammas");
  p.epsilons = NumbersAt(object, "epsilons");
  return p;
}

Axis DecodeAxis(const std::string& name) {
  if (name == "flat") return Axis::kFlat;
  if (name == "last") return Axis::kLast;
  if (name == "first") return Axis::kFirst;
  Wrong("axis", "flat, last or first");
}

Params DecodeParams(const Napi::Value& value) {
  const Napi::Object object = ObjectAt(value, "params");
  const std::string op = StringAt(object, "op");
  if (op == "copy") return CopyParams{};
  if (op == "linear")
    return LinearParams{NumbersAt(object, "weights"), BoolAt(object, "normalize")};
  if (op == "slerp") return SlerpParams{NumberAt(object, "t"), NumberAt(object, "threshold")};
  if (op == "nuslerp") {
    return NuslerpParams{NumbersAt(object, "weights"), BoolAt(object, "hasBase"),
                         DecodeAxis(StringAt(object, "axis"))};
  }
  if (op == "multislerp") {
    return MultislerpParams{NumbersAt(object, "weights"), BoolAt(object, "normalizeWeights"),
                            NumberAt(object, "eps"), BoolAt(object, "hasBase")};
  }
  if (op == "karcher")
    return KarcherParams{static_cast<int>(IndexAt(object, "maxIter")), NumberAt(object, "tol")};
  if (op == "nearswap") return NearswapParams{NumberAt(object, "t")};
  if (op == "arcee_fusion") return ArceeFusionParams{};
  if (op == "task_arithmetic") return DecodeTaskArithmetic(object);
  if (op == "model_stock") return ModelStockParams{BoolAt(object, "filterWise")};
  if (op == "sce") return SceParams{NumberAt(object, "selectTopk")};
  if (op == "ram")
    return RamParams{NumberAt(object, "epsilon"), NumberAt(object, "r"), NumberAt(object, "alpha")};
  Wrong("op", "a known op");
}

TensorSpec DecodeTensor(const Napi::Value& value) {
  const Napi::Object object = ObjectAt(value, "tensor");
  TensorSpec tensor;
  tensor.name = StringAt(object, "name");
  for (const double d : NumbersAt(object, "shape")) tensor.shape.push_back(Whole(d, "shape"));
  tensor.f64 = StringAt(object, "compute") == "F64";
  tensor.out_dtype = DtypeOf(StringAt(object, "outDtype"), "outDtype");
  tensor.sources = DecodeSources(object);
  for (const double key : NumbersAt(object, "modelKeys")) {
    tensor.model_keys.push_back(static_cast<uint32_t>(Whole(key, "modelKeys")));
  }
  const Napi::Array variants = ArrayAt(object, "variants");
  for (uint32_t i = 0; i < variants.Length(); ++i) {
    const Napi::Object variant = ObjectAt(variants[i], "variant");
    tensor.variants.push_back({IndexAt(variant, "output"), WholeAt(variant, "offset"),
                               DecodeParams(variant.Get("params"))});
  }
  return tensor;
}

void DecodeInputs(const Napi::Object& object, Plan& plan) {
  const Napi::Array inputs = ArrayAt(object, "inputs");
  for (uint32_t i = 0; i < inputs.Length(); ++i) {
    const Napi::Object input = ObjectAt(inputs[i], "input");
    plan.inputs.push_back({StringAt(input, "path"), WholeAt(input, "size"),
                           Decimal(StringAt(input, "inode"), "inode"),
                           static_cast<int64_t>(Decimal(StringAt(input, "mtimeNs"), "mtimeNs"))});
  }
  plan.threads = static_cast<unsigned>(IndexAt(object, "threads"));
}

}  // namespace

Plan DecodePlan(const Napi::Value& value) {
  const Napi::Object object = ObjectAt(value, "plan");
  Plan plan;
  DecodeInputs(object, plan);
  const Napi::Array outputs = ArrayAt(object, "outputs");
  for (uint32_t i = 0; i < outputs.Length(); ++i) {
    const Napi::Object output = ObjectAt(outputs[i], "output");
    OutputSpec spec;
    spec.path = StringAt(output, "path");
    spec.size = WholeAt(output, "size");
    const Napi::Value header = output.Get("header");
    if (!header.IsTypedArray() ||
        header.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      Wrong("header", "a Uint8Array");
    }
    const auto bytes = header.As<Napi::Uint8Array>();
    spec.header.assign(bytes.Data(), bytes.Data() + bytes.ByteLength());
    plan.outputs.push_back(std::move(spec));
  }
  const Napi::Array tensors = ArrayAt(object, "tensors");
  for (uint32_t i = 0; i < tensors.Length(); ++i) {
    const Napi::HandleScope scope(object.Env());
    plan.tensors.push_back(DecodeTensor(tensors[i]));
  }
  plan.seed = WholeAt(object, "seed");
  plan.max_memory = WholeAt(object, "maxMemory");
  const std::string reading = StringAt(object, "reading");
  if (reading == "map") {
    plan.reading = ReadingChoice::kMap;
  } else if (reading == "pread") {
    plan.reading = ReadingChoice::kPread;
  } else if (reading == "direct") {
    plan.reading = ReadingChoice::kDirect;
  } else if (reading == "uncached") {
    plan.reading = ReadingChoice::kUncached;
  } else if (reading != "auto") {
    Wrong("reading", "auto, map, pread, direct or uncached");
  }
  if (Has(object, "writing")) {
    const std::string writing = StringAt(object, "writing");
    if (writing != "auto" && writing != "cached" && writing != "direct")
      Wrong("writing", "auto, cached or direct");
    plan.writing = writing == "cached"   ? WritingChoice::kCached
                   : writing == "direct" ? WritingChoice::kDirect
                                         : WritingChoice::kAuto;
  }
  plan.fsync = BoolAt(object, "fsync");
  if (Has(object, "device")) {
    const std::string device = StringAt(object, "device");
    if (device != "auto" && device != "cpu" && device != "cuda")
      Wrong("device", "auto, cpu or cuda");
    plan.device = device == "cuda"  ? DeviceChoice::kCuda
                  : device == "cpu" ? DeviceChoice::kCpu
                                    : DeviceChoice::kAuto;
  }
  if (Has(object, "multiGpu")) plan.all_devices = BoolAt(object, "multiGpu");
  return plan;
}

Plan DecodeComparison(const Napi::Value& value) {
  const Napi::Object object = ObjectAt(value, "plan");
  Plan plan;
  DecodeInputs(object, plan);
  const Napi::Array tensors = ArrayAt(object, "tensors");
  for (uint32_t i = 0; i < tensors.Length(); ++i) {
    const Napi::HandleScope scope(object.Env());
    const Napi::Object tensor = ObjectAt(tensors[i], "tensor");
    TensorSpec spec;
    spec.name = StringAt(tensor, "name");
    spec.sources = DecodeSources(tensor);
    if (spec.sources.empty() || spec.sources[0].parts.empty())
      Wrong("sources", "of at least one part");
    // A gathered source has as many rows as its list; else the part's own shape is the tensor's.
    const Source& first = spec.sources[0];
    const uint64_t rows = first.gather ? first.gather->start.size() - 1 + first.gather->mean_rows
                                       : first.parts[0].rows;
    spec.shape = {rows, first.parts[0].cols};
    if (rows * first.parts[0].cols != WholeAt(tensor, "count")) Wrong("count", "rows x cols");
    plan.tensors.push_back(std::move(spec));
  }
  return plan;
}

}  // namespace retemper
