// Specs of operations as JavaScript gives them, into what the operations are made of.
//
// Everything is read from the objects before anything is made: a getter may run any code, even code
// that closes the runtime.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/mapping.h"
#include "napi/napi_setup.h"
#include "nn/attend.h"
#include "nn/context.h"
#include "nn/decoder.h"
#include "nn/operations.h"
#include "nn/paged_cache.h"
#include "nn/weights.h"

namespace retemper {

// Whose files, and whose maker of weights, ranges are in.
using Files = nn::Context;

struct MatrixSpec {
  nn::StoredRange weight;
  bool in_major = false;
  std::optional<nn::StoredRange> bias;
};
struct NormSpec {
  bool layer = false;
  nn::StoredRange weight;
  std::optional<nn::StoredRange> bias;
  float epsilon = 0;
  bool plus_one = false;
};

struct EmbedSpec {
  nn::StoredRange table;
  std::optional<nn::StoredRange> positions;
  float scale = 1;
};
struct ProjectSpec {
  std::optional<NormSpec> norm;
  std::vector<MatrixSpec> matrices;
};
struct AttendSpec {
  nn::AttendSpec numbers;  // all but the norms
  std::optional<NormSpec> query_norm;
  std::optional<NormSpec> key_norm;
};
struct OutputStepSpec {
  MatrixSpec matrix;
  std::optional<NormSpec> post_norm;
};
struct MlpSpec {
  NormSpec norm;
  std::optional<MatrixSpec> gate;
  MatrixSpec up;
  MatrixSpec down;
  nn::Activation activation = nn::Activation::kSilu;
  std::optional<NormSpec> post_norm;
};
struct HeadSpec {
  NormSpec norm;
  MatrixSpec matrix;
  float softcap = 0;
};
struct LayerSpec {
  ProjectSpec project;
  AttendSpec attend;
  OutputStepSpec output;
  MlpSpec mlp;
};
struct DecoderSpec {
  EmbedSpec embed;
  std::vector<LayerSpec> layers;
  HeadSpec head;
};
struct CacheSpec {
  std::vector<nn::CacheLayer> layers;
  size_t slots = 0;
  size_t tokens = 0;
  nn::CacheElements elements = nn::CacheElements::kFloat32;
};

// All throw a Fault with code USAGE that names the field which is not as nativeRuntime.ts says.
nn::StoredRange DecodeRange(const Napi::Value& value, const Files& files);
MatrixSpec DecodeMatrix(const Napi::Value& value, const Files& files);
EmbedSpec DecodeEmbed(const Napi::Value& value, const Files& files);
ProjectSpec DecodeProject(const Napi::Value& value, const Files& files);
AttendSpec DecodeAttend(const Napi::Value& value, const Files& files);
OutputStepSpec DecodeOutput(const Napi::Value& value, const Files& files);
MlpSpec DecodeMlp(const Napi::Value& value, const Files& files);
HeadSpec DecodeHead(const Napi::Value& value, const Files& files);
DecoderSpec DecodeDecoder(const Napi::Value& value, const Files& files);
CacheSpec DecodeCache(const Napi::Value& value);

// From specs to what computes; these read the files and throw what nn/weights.h says.
std::unique_ptr<nn::WeightSource> MakeMatrix(const MatrixSpec& spec);
nn::Norm MakeNorm(const NormSpec& spec);
std::optional<nn::Norm> MakeNorm(const std::optional<NormSpec>& spec);
nn::Embed Make(const EmbedSpec& spec);
nn::Project Make(const ProjectSpec& spec);
nn::Attend Make(nn::Context& context, const AttendSpec& spec);
nn::Output Make(const OutputStepSpec& spec);
nn::Mlp Make(const MlpSpec& spec);
nn::Head Make(const HeadSpec& spec);
nn::Decoder Make(nn::Context& context, const DecoderSpec& spec);

}  // namespace retemper
