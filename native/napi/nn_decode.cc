#include "napi/nn_decode.h"

#include <utility>

#include "core/status.h"
#include "napi/fields.h"

namespace retemper {
namespace {

// Far beyond any model, far below what could overflow.
constexpr uint64_t kMostFeatures = uint64_t{1} << 31;

NormSpec DecodeNorm(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "norm");
  NormSpec norm;
  norm.layer = fields::OneOf<bool>(object, "kind", {{"rms", false}, {"layer", true}});
  norm.weight = DecodeRange(object.Get("weight"), files);
  norm.bias =
      fields::Optional(object, "bias", [&](const Napi::Value& v) { return DecodeRange(v, files); });
  norm.epsilon = fields::Float(object, "epsilon");
  norm.plus_one = fields::Bool(object, "plusOne");
  return norm;
}

std::optional<NormSpec> OptionalNorm(const Napi::Object& object, const char* field,
                                     const Files& files) {
  return fields::Optional(object, field,
                          [&](const Napi::Value& v) { return DecodeNorm(v, files); });
}

nn::WeightVector MakeVector(const nn::StoredRange& range, float plus = 0) {
  return range.maker ? range.maker->Vector(range, plus) : nn::WeightVector(range, plus);
}

}  // namespace

nn::StoredRange DecodeRange(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "weight");
  nn::StoredRange range;
  range.tensor = fields::String(object, "name");
  if (fields::Has(object, "made") && fields::Bool(object, "made")) {
    if (!files.maker) fields::Wrong("made", "false: no merge is open");
    range.maker = files.maker.get();
    range.first_row = fields::Whole(object, "firstRow", kMostFeatures);
    range.rows = fields::Whole(object, "rows", kMostFeatures);
    range.cols = fields::Whole(object, "cols", kMostFeatures);
    return range;
  }
  const uint64_t file = fields::Whole(object, "file");
  if (file >= files.files.size()) fields::Wrong("file", "a file that is open");
  range.file = files.files[file];
  range.dtype = fields::DtypeAt(object, "dtype");
  range.offset = fields::Whole(object, "offset");
  range.rows = fields::Whole(object, "rows", kMostFeatures);
  range.cols = fields::Whole(object, "cols", kMostFeatures);
  return range;
}

MatrixSpec DecodeMatrix(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "matrix");
  MatrixSpec matrix;
  matrix.weight = DecodeRange(object.Get("weight"), files);
  matrix.in_major = fields::Bool(object, "inMajor");
  matrix.bias =
      fields::Optional(object, "bias", [&](const Napi::Value& v) { return DecodeRange(v, files); });
  return matrix;
}

EmbedSpec DecodeEmbed(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "spec");
  EmbedSpec spec;
  spec.table = DecodeRange(object.Get("table"), files);
  spec.positions = fields::Optional(object, "positions",
                                    [&](const Napi::Value& v) { return DecodeRange(v, files); });
  spec.scale = fields::Float(object, "scale");
  return spec;
}

ProjectSpec DecodeProject(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "spec");
  ProjectSpec spec;
  spec.norm = OptionalNorm(object, "norm", files);
  spec.matrices = fields::List(object, "matrices",
                               [&](const Napi::Value& v) { return DecodeMatrix(v, files); });
  return spec;
}

AttendSpec DecodeAttend(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "spec");
  AttendSpec spec;
  nn::AttendSpec& numbers = spec.numbers;
  numbers.layer = fields::Whole(object, "layer", kMostFeatures);
  numbers.heads = fields::Whole(object, "heads", kMostFeatures);
  numbers.kv_heads = fields::Whole(object, "kvHeads", kMostFeatures);
  numbers.head_dim = fields::Whole(object, "headDim", kMostFeatures);
  numbers.scale = fields::Float(object, "scale");
  if (fields::Has(object, "softcap")) numbers.softcap = fields::Float(object, "softcap");
  if (fields::Has(object, "window")) {
    numbers.window = fields::Whole(object, "window");
    if (numbers.window == 0) fields::Wrong("window", "at least 1");
  }
  if (fields::Has(object, "rope")) {
    const Napi::Object rope = fields::Object(object, "rope");
    nn::RopeSpec& turn = numbers.rope.emplace();
    turn.inverse_frequencies = fields::Copied<float>(rope, "inverseFrequencies");
    turn.magnitude = fields::Float(rope, "magnitude");
    if (fields::Has(rope, "long")) {
      const Napi::Object far = fields::Object(rope, "long");
      turn.long_from = static_cast<int32_t>(fields::Whole(far, "from", INT32_MAX));
      turn.long_inverse_frequencies = fields::Copied<float>(far, "inverseFrequencies");
    }
  }
  spec.query_norm = OptionalNorm(object, "queryNorm", files);
  spec.key_norm = OptionalNorm(object, "keyNorm", files);
  return spec;
}

OutputStepSpec DecodeOutput(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "spec");
  return {DecodeMatrix(object.Get("matrix"), files), OptionalNorm(object, "postNorm", files)};
}

MlpSpec DecodeMlp(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "spec");
  MlpSpec spec;
  spec.norm = DecodeNorm(object.Get("norm"), files);
  spec.gate = fields::Optional(object, "gate",
                               [&](const Napi::Value& v) { return DecodeMatrix(v, files); });
  spec.up = DecodeMatrix(object.Get("up"), files);
  spec.down = DecodeMatrix(object.Get("down"), files);
  spec.activation = fields::OneOf<nn::Activation>(object, "activation",
                                                  {{"silu", nn::Activation::kSilu},
                                                   {"gelu", nn::Activation::kGelu},
                                                   {"gelu_tanh", nn::Activation::kGeluTanh},
                                                   {"relu", nn::Activation::kRelu}});
  spec.post_norm = OptionalNorm(object, "postNorm", files);
  return spec;
}

HeadSpec DecodeHead(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "spec");
  HeadSpec spec;
  spec.norm = DecodeNorm(object.Get("norm"), files);
  spec.matrix = DecodeMatrix(object.Get("matrix"), files);
  if (fields::Has(object, "softcap")) spec.softcap = fields::Float(object, "softcap");
  return spec;
}

DecoderSpec DecodeDecoder(const Napi::Value& value, const Files& files) {
  const Napi::Object object = fields::Object(value, "spec");
  DecoderSpec spec;
  spec.embed = DecodeEmbed(object.Get("embed"), files);
  spec.layers = fields::List(object, "layers", [&](const Napi::Value& v) -> LayerSpec {
    const Napi::Object layer = fields::Object(v, "layer");
    return {DecodeProject(layer.Get("project"), files), DecodeAttend(layer.Get("attend"), files),
            DecodeOutput(layer.Get("output"), files), DecodeMlp(layer.Get("mlp"), files)};
  });
  spec.head = DecodeHead(object.Get("head"), files);
  return spec;
}

CacheSpec DecodeCache(const Napi::Value& value) {
  constexpr uint64_t kMost = uint64_t{1} << 40;
  const Napi::Object object = fields::Object(value, "shape");
  CacheSpec spec;
  spec.layers = fields::List(object, "layers", [](const Napi::Value& v) -> nn::CacheLayer {
    const Napi::Object layer = fields::Object(v, "layer");
    return {fields::Whole(layer, "kvHeads", uint64_t{1} << 16),
            fields::Whole(layer, "headDim", uint64_t{1} << 16)};
  });
  spec.slots = fields::Whole(object, "slots", uint64_t{1} << 24);
  spec.tokens = fields::Whole(object, "tokens", kMost);
  const std::string elements = fields::String(object, "elements");
  if (elements == "bfloat16")
    spec.elements = nn::CacheElements::kBfloat16;
  else if (elements == "int8")
    spec.elements = nn::CacheElements::kInt8;
  else if (elements != "float32")
    fields::Wrong("elements", "float32, bfloat16 or int8");
  return spec;
}

std::unique_ptr<nn::WeightSource> MakeMatrix(const MatrixSpec& spec) {
  std::optional<nn::WeightVector> bias;
  if (spec.bias) bias = MakeVector(*spec.bias);
  if (spec.weight.maker) {
    return spec.weight.maker->Matrix(spec.weight, spec.in_major, std::move(bias));
  }
  return std::make_unique<nn::StoredMatrix>(spec.weight, spec.in_major, std::move(bias));
}

nn::Norm MakeNorm(const NormSpec& spec) {
  std::optional<nn::WeightVector> bias;
  if (spec.bias) bias = MakeVector(*spec.bias);
  nn::Norm norm = {spec.layer, MakeVector(spec.weight, spec.plus_one ? 1.0f : 0.0f),
                   std::move(bias), spec.epsilon};
  if (norm.bias && norm.bias->size() != norm.size()) {
    throw Fault(code::kIncompatible, "has another length than its norm",
                spec.bias->file ? spec.bias->file->path() : std::string(), spec.bias->tensor);
  }
  return norm;
}

std::optional<nn::Norm> MakeNorm(const std::optional<NormSpec>& spec) {
  if (!spec) return std::nullopt;
  return MakeNorm(*spec);
}

nn::Embed Make(const EmbedSpec& spec) {
  std::unique_ptr<nn::WeightSource> positions;
  if (spec.positions) positions = MakeMatrix({*spec.positions, false, {}});
  return {MakeMatrix({spec.table, false, {}}), std::move(positions), spec.scale};
}

nn::Project Make(const ProjectSpec& spec) {
  std::vector<std::unique_ptr<nn::WeightSource>> matrices;
  for (const MatrixSpec& matrix : spec.matrices) matrices.push_back(MakeMatrix(matrix));
  return {MakeNorm(spec.norm), std::move(matrices)};
}

nn::Attend Make(nn::Context& context, const AttendSpec& spec) {
  nn::AttendSpec numbers = spec.numbers;
  numbers.query_norm = MakeNorm(spec.query_norm);
  numbers.key_norm = MakeNorm(spec.key_norm);
  return {context, std::move(numbers)};
}

nn::Output Make(const OutputStepSpec& spec) {
  return {MakeMatrix(spec.matrix), MakeNorm(spec.post_norm)};
}

nn::Mlp Make(const MlpSpec& spec) {
  return {MakeNorm(spec.norm), spec.gate ? MakeMatrix(*spec.gate) : nullptr,
          MakeMatrix(spec.up), MakeMatrix(spec.down),
          spec.activation,     MakeNorm(spec.post_norm)};
}

nn::Head Make(const HeadSpec& spec) {
  return {MakeNorm(spec.norm), MakeMatrix(spec.matrix), spec.softcap};
}

nn::Decoder Make(nn::Context& context, const DecoderSpec& spec) {
  nn::Embed embed = Make(spec.embed);
  std::vector<nn::Decoder::Layer> layers;
  for (const LayerSpec& layer : spec.layers) {
    layers.push_back(
        {Make(layer.project), Make(context, layer.attend), Make(layer.output), Make(layer.mlp)});
  }
  return {std::move(embed), std::move(layers), Make(spec.head)};
}

}  // namespace retemper
