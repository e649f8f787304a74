// The runtime object of an open model. Its functions are synchronous and work on the caller's typed
// arrays in place; operations are made once from their specs and are functions themselves.
//
// Everything that lives on the native side belongs to a Session. JavaScript's functions share it
// and find it closed after close(): an operation's pointer is never followed then.
#include "napi/nn.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "napi/decode.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "napi/nn_decode.h"
#include "napi/nn_session.h"
#include "napi/nn_training.h"
#include "nn/context.h"
#include "nn/step_times.h"
#include "virtual/virtual_tensors.h"

namespace retemper {
namespace {

Napi::Value OpenFile(nn::Context& context, const Napi::CallbackInfo& info) {
  const Napi::Object object = fields::Object(info[0], "file");
  const std::string path = fields::String(object, "path");
  const FileIdentity identity = {fields::Whole(object, "size"), fields::Decimal(object, "inode"),
                                 static_cast<int64_t>(fields::Decimal(object, "mtimeNs"))};
  auto file = std::make_shared<InputFile>(InputFile::Open(path, identity));
  if (context.copies_files) nn::CopyToMemory(*file, context.pool);
  file->CheckUnchanged();
  context.files.push_back(std::move(file));
  return Napi::Number::New(info.Env(), static_cast<double>(context.files.size() - 1));
}

// openMerge(plan, sums, holds, blocks, file): the weights of a virtual merge. Before the first
// operation.
Napi::Value OpenMerge(const SessionPtr& session, const Napi::CallbackInfo& info) {
  nn::Context& context = session->Open();
  Plan plan = DecodePlan(info[0]);
  const bool sums = fields::Bool(info[1], "sums"), holds = fields::Bool(info[2], "holds"),
             blocks = fields::Bool(info[3], "blocks");
  if (plan.outputs.empty()) fields::Wrong("outputs", "at least one variant");
  std::optional<HeldFile> file;
  if (!info[4].IsUndefined()) {
    const Napi::Object object = fields::Object(info[4], "file");
    file = {fields::String(object, "path"), fields::Bool(object.Get("isThere"), "isThere")};
  }
  auto merge =
      std::make_shared<VirtualTensors>(std::move(plan), sums, holds, blocks, context.copies_files,
                                       file ? &*file : nullptr, context.pool);
  context.variants = merge->variants();
  const Napi::Env env = info.Env();
  Napi::Array tensors = Napi::Array::New(env);
  for (const auto& [name, how, straight, vectors] : DescribeMerge(*merge)) {
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("name", name);
    tensor.Set("how", how);
    if (straight) tensor.Set("straight", static_cast<double>(*straight));
    if (vectors) tensor.Set("vectors", static_cast<double>(*vectors));
    tensors[tensors.Length()] = tensor;
  }
  context.maker = merge;
  session->merge = std::move(merge);
  return tensors;
}

// setVariant(variant, plan): a variant that is added to the merge, or takes another one's place.
Napi::Value SetVariant(const SessionPtr& session, const Napi::CallbackInfo& info) {
  nn::Context& context = session->Open();
  if (!session->merge) throw Fault(code::kUsage, "the model is no virtual merge");
  const auto variant = fields::Index(info[0], "variant");
  session->merge->SetVariant(variant, DecodePlan(info[1]), context.pool);
  context.variants = session->merge->variants();
  return info.Env().Undefined();
}

Napi::Value SetStep(nn::Context& context, const Napi::CallbackInfo& info) {
  const Span<int32_t> ids = Ints(info, 0, "ids"), positions = Ints(info, 1, "positions"),
                      slots = Ints(info, 2, "slots"), variants = Ints(info, 3, "variants");
  Span<int32_t> contexts = {nullptr, ids.size};
  if (!info[4].IsUndefined()) contexts = Ints(info, 4, "contexts");
  if (positions.size != ids.size || slots.size != ids.size || variants.size != ids.size ||
      contexts.size != ids.size) {
    throw Fault(code::kUsage, "ids, positions, slots and variants of a step must be equally many");
  }
  context.SetStep(ids.data, positions.data, slots.data, variants.data, contexts.data, ids.size);
  return info.Env().Undefined();
}

Napi::Value MakeEmbed(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const EmbedSpec spec = DecodeEmbed(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, Make(spec),
              [](nn::Context& context, const nn::Embed& embed, const Napi::CallbackInfo& call) {
                const Span<float> y = Floats(call, 0, "y");
                CheckSize(y, context.step.rows(), embed.out(), "y");
                embed.Run(context, y.data);
              });
}

Napi::Value MakeProject(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const ProjectSpec spec = DecodeProject(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, Make(spec),
              [](nn::Context& context, const nn::Project& project, const Napi::CallbackInfo& call) {
                const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 1, "y");
                const size_t rows = RowsOf(x, project.in(), "x");
                CheckSize(y, rows, project.out(), "y");
                CheckApart(y, x);
                project.Run(context, x.data, rows, y.data);
              });
}

Napi::Value MakeAttend(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const AttendSpec spec = DecodeAttend(info[0], session->Open());
  nn::Context& context = session->Open();
  return Keep(info.Env(), session, Make(context, spec),
              // Owned by the operations of the session that is captured here.
              [raw = session.get()](nn::Context& open, const nn::Attend& attend,
                                    const Napi::CallbackInfo& call) {
                const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 2, "y");
                nn::PagedCache& cache = raw->CacheOf(fields::Whole(call[1], "cache"));
                const size_t rows = RowsOf(x, attend.in(), "x");
                CheckSize(y, rows, attend.out(), "y");
                CheckApart(y, x);
                attend.Run(open, cache, x.data, rows, y.data);
              });
}

Napi::Value MakeOutput(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const OutputStepSpec spec = DecodeOutput(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, Make(spec),
              [](nn::Context& context, const nn::Output& output, const Napi::CallbackInfo& call) {
                const Span<float> x = Floats(call, 0, "x"), residual = Floats(call, 1, "residual"),
                                  y = Floats(call, 2, "y");
                const size_t rows = RowsOf(x, output.in(), "x");
                CheckSize(residual, rows, output.out(), "residual");
                CheckSize(y, rows, output.out(), "y");
                CheckApart(y, x);
                CheckApart(y, residual);
                output.Run(context, x.data, residual.data, rows, y.data);
              });
}

Napi::Value MakeMlp(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const MlpSpec spec = DecodeMlp(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, Make(spec),
              [](nn::Context& context, const nn::Mlp& mlp, const Napi::CallbackInfo& call) {
                const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 1, "y");
                const size_t rows = RowsOf(x, mlp.size(), "x");
                CheckSize(y, rows, mlp.size(), "y");
                CheckApart(y, x);
                mlp.Run(context, x.data, rows, y.data);
              });
}

Napi::Value MakeHead(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const HeadSpec spec = DecodeHead(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, Make(spec),
              [](nn::Context& context, const nn::Head& head, const Napi::CallbackInfo& call) {
                const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 2, "y");
                const Span<int32_t> wanted = Ints(call, 1, "wanted");
                const size_t rows = RowsOf(x, head.in(), "x");
                CheckSize(y, wanted.size, head.out(), "y");
                CheckApart(y, x);
                head.Run(context, x.data, rows, wanted.data, wanted.size, y.data);
                context.CheckUnchanged();
              });
}

// All operations of a model, so that a step is one call.
Napi::Value MakeDecoder(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const DecoderSpec spec = DecodeDecoder(info[0], session->Open());
  nn::Context& context = session->Open();
  return Keep(info.Env(), session, Make(context, spec),
              // Owned by the operations of the session that is captured here.
              [raw = session.get()](nn::Context& open, const nn::Decoder& decoder,
                                    const Napi::CallbackInfo& call) {
                nn::PagedCache& cache = raw->CacheOf(fields::Whole(call[0], "cache"));
                const Span<int32_t> wanted = Ints(call, 1, "wanted");
                const Span<float> y = Floats(call, 2, "y");
                CheckSize(y, wanted.size, decoder.out(), "y");
                decoder.Run(open, cache, wanted.data, wanted.size, y.data);
                open.CheckUnchanged();
              });
}

// One product with a weight, for any number of rows.
Napi::Value MakeLinear(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const MatrixSpec spec = DecodeMatrix(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, MakeMatrix(spec),
              [](nn::Context& context, const std::unique_ptr<nn::WeightSource>& matrix,
                 const Napi::CallbackInfo& call) {
                const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 1, "y");
                const size_t rows = RowsOf(x, matrix->in(), "x");
                CheckSize(y, rows, matrix->out(), "y");
                CheckApart(y, x);
                matrix->Multiply(context.pool, context.precision, x.data, matrix->in(), rows,
                                 nullptr, y.data, matrix->out());
              });
}

Napi::Value MakeLinearBackward(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const MatrixSpec spec = DecodeMatrix(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, MakeMatrix(spec),
              [](nn::Context& context, const std::unique_ptr<nn::WeightSource>& matrix,
                 const Napi::CallbackInfo& call) {
                const Span<float> dy = Floats(call, 0, "dy"), dx = Floats(call, 1, "dx");
                const size_t rows = RowsOf(dy, matrix->out(), "dy");
                CheckSize(dx, rows, matrix->in(), "dx");
                CheckApart(dx, dy);
                matrix->MultiplyBackward(context.pool, context.precision, dy.data, matrix->out(),
                                         rows, nullptr, dx.data, matrix->in());
              });
}

// Rows of a table by their indices.
Napi::Value MakeGather(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const nn::StoredRange range = DecodeRange(info[0], session->Open());
  session->Open();
  return Keep(info.Env(), session, MakeMatrix({range, false, {}}),
              [](nn::Context& context, const std::unique_ptr<nn::WeightSource>& table,
                 const Napi::CallbackInfo& call) {
                const Span<int32_t> ids = Ints(call, 0, "ids");
                const Span<float> y = Floats(call, 1, "y");
                CheckSize(y, ids.size, table->in(), "y");
                for (size_t i = 0; i < ids.size; ++i) {
                  if (ids.data[i] < 0 || static_cast<size_t>(ids.data[i]) >= table->out()) {
                    throw Fault(code::kUsage, "row " + std::to_string(ids.data[i]) +
                                                  " of a table of " + std::to_string(table->out()));
                  }
                }
                context.ForRows(ids.size, table->in(), [&](size_t begin, size_t end) {
                  for (size_t i = begin; i < end; ++i) {
                    table->Row(static_cast<size_t>(ids.data[i]), 0, y.data + i * table->in());
                  }
                });
              });
}

// All of a small weight, as a Float32Array.
Napi::Value ReadVector(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const nn::StoredRange range = DecodeRange(info[0], session->Open());
  nn::Context& context = session->Open();
  const nn::WeightVector vector =
      range.maker ? range.maker->Vector(range, 0) : nn::WeightVector(range);
  Napi::Float32Array array = Napi::Float32Array::New(info.Env(), vector.size());
  std::copy(vector.Of(0), vector.Of(0) + vector.size(), array.Data());
  context.CheckFaults();
  return array;
}

Napi::Value CreateCache(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const CacheSpec spec = DecodeCache(info[0]);
  session->Open();
  auto cache =
      std::make_unique<nn::PagedCache>(spec.layers, spec.slots, spec.tokens, spec.elements);
  const size_t id = session->caches.size();
  const auto bytes = static_cast<double>(cache->bytes());
  session->caches.push_back(std::move(cache));
  const Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", static_cast<double>(id));
  object.Set("bytes", bytes);
  Session* raw = session.get();  // which Bind keeps
  object.Set("fork", Bind(env, session, [raw, id](nn::Context&, const Napi::CallbackInfo& call) {
               constexpr uint64_t kMost = UINT32_MAX;
               raw->CacheOf(id).Fork(fields::Whole(call[0], "from", kMost),
                                     fields::Whole(call[1], "to", kMost),
                                     fields::Whole(call[2], "length", kMost));
               return call.Env().Undefined();
             }));
  object.Set("release", Bind(env, session, [raw, id](nn::Context&, const Napi::CallbackInfo& call) {
               raw->CacheOf(id).Release(fields::Whole(call[0], "slot"));
               return call.Env().Undefined();
             }));
  object.Set("dispose", Napi::Function::New(env, [session, id](const Napi::CallbackInfo&) {
               if (id < session->caches.size()) session->caches[id].reset();
             }));
  return object;
}

// argMax(x, ids): the rows of x [ids, width]; logSumExp(x, sums) likewise.
Napi::Value ArgMax(nn::Context& context, const Napi::CallbackInfo& info) {
  const Span<float> x = Floats(info, 0, "x");
  const Span<int32_t> ids = Ints(info, 1, "ids");
  if (ids.size == 0) return info.Env().Undefined();
  const size_t width = x.size / ids.size;
  CheckSize(x, ids.size, width, "x");
  context.ForRows(ids.size, width, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      ids.data[i] = static_cast<int32_t>(context.kernels.arg_max(x.data + i * width, width));
    }
  });
  return info.Env().Undefined();
}
Napi::Value LogSumExp(nn::Context& context, const Napi::CallbackInfo& info) {
  const Span<float> x = Floats(info, 0, "x");
  const auto sums = SpanOf<double>(info[1], "sums");
  if (sums.size == 0) return info.Env().Undefined();
  const size_t width = x.size / sums.size;
  CheckSize(x, sums.size, width, "x");
  context.ForRows(sums.size, 4 * width, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      sums.data[i] = context.kernels.log_sum_exp(x.data + i * width, width);
    }
  });
  return info.Env().Undefined();
}

// stepTimes(): see nn/step_times.h.
Napi::Value TimesOfSteps(nn::Context& context, const Napi::CallbackInfo& info) {
  Napi::Object times = Napi::Object::New(info.Env());
  times.Set("products", nn::step_times.products);
  times.Set("attention", nn::step_times.attention);
  times.Set("head", nn::step_times.head);
  times.Set("waiting", nn::step_times.waiting);
  times.Set("others", context.pool.SecondsOfOthers());
  return times;
}

}  // namespace

Napi::Value OpenRuntime(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Napi::Object options = fields::Object(info[0], "options");
    const uint64_t threads = fields::Whole(options, "threads", 1024);
    if (threads == 0) fields::Wrong("threads", "at least 1");
    const auto precision = fields::OneOf<nn::Precision>(
        options, "precision",
        {{"float32", nn::Precision::kFloat32}, {"bfloat16", nn::Precision::kBfloat16}});
    auto session = std::make_shared<Session>();
    session->context = std::make_unique<nn::Context>(static_cast<unsigned>(threads), precision);
    session->context->copies_files =
        fields::Has(options, "copiesFiles") && fields::Bool(options, "copiesFiles");

    Napi::Object runtime = Napi::Object::New(env);
    // The instruction sets of everything else and of products, where they differ.
    std::string target = session->context->kernels.name;
    const char* products = nn::MatMulTarget(Dtype::kBF16, session->context->precision);
    if (target != products) target += std::string(" + ") + products;
    runtime.Set("target", target);
    runtime.Set("threads", static_cast<double>(threads));
    runtime.Set("openFile", Bind(env, session, &OpenFile));
    runtime.Set("setStep", Bind(env, session, &SetStep));
    runtime.Set("stepTimes", Bind(env, session, &TimesOfSteps));
    runtime.Set("argMax", Bind(env, session, &ArgMax));
    runtime.Set("logSumExp", Bind(env, session, &LogSumExp));
    using Maker = Napi::Value (*)(const SessionPtr&, const Napi::CallbackInfo&);
    const std::pair<const char*, Maker> makers[] = {{"openMerge", &OpenMerge},
                                                    {"setVariant", &SetVariant},
                                                    {"embed", &MakeEmbed},
                                                    {"project", &MakeProject},
                                                    {"attend", &MakeAttend},
                                                    {"output", &MakeOutput},
                                                    {"mlp", &MakeMlp},
                                                    {"head", &MakeHead},
                                                    {"decoder", &MakeDecoder},
                                                    {"linear", &MakeLinear},
                                                    {"linearBackward", &MakeLinearBackward},
                                                    {"gather", &MakeGather},
                                                    {"vector", &ReadVector},
                                                    {"createCache", &CreateCache},
                                                    {"trainProject", &MakeTrainProject},
                                                    {"trainAttend", &MakeTrainAttend},
                                                    {"trainOutput", &MakeTrainOutput},
                                                    {"trainMlp", &MakeTrainMlp},
                                                    {"trainHead", &MakeTrainHead},
                                                    {"optimizer", &MakeOptimizer}};
    for (const auto& [name, maker] : makers) {
      runtime.Set(name,
                  Bind(env, session,
                       [session, maker = maker](nn::Context&, const Napi::CallbackInfo& call) {
                         return maker(session, call);
                       }));
    }
    runtime.Set("close", Napi::Function::New(
                             env, [session](const Napi::CallbackInfo&) { session->Close(); }));
    return runtime;
  });
}

}  // namespace retemper
