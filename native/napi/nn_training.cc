#include "napi/nn_training.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "core/status.h"
#include "napi/nn_decode.h"
#include "nn/optimizer.h"
#include "nn/trained_attention.h"
#include "nn/training.h"

namespace retemper {
namespace {

// Arrays of JavaScript that an operation goes on using, and what they are as a term.
struct BoundTerm {
  nn::LowRank term;
  const float* squares = nullptr;
  float* lengths = nullptr;
  const uint32_t* drop = nullptr;  // whether something is dropped out now, and the state
  uint32_t limit = 0;
  std::vector<Napi::ObjectReference> arrays;
};

float* Kept(const Napi::Object& from, const char* name, size_t size, BoundTerm& bound) {
  const Napi::Value value = from.Get(name);
  const std::span<float> elements = fields::Elements<float>(value, name);
  if (elements.size() != size) {
    fields::Wrong(name, "a Float32Array of " + std::to_string(size) + " values");
  }
  bound.arrays.push_back(Napi::Persistent(value.As<Napi::Object>()));
  return elements.data();
}

// {scale, a, b, da, db, and perhaps magnitudes, lengths, squares, dMagnitudes, drop}.
BoundTerm Bound(const Napi::Object& from, size_t in, size_t out) {
  BoundTerm bound;
  nn::LowRank& term = bound.term;
  const size_t size = fields::Elements<float>(from.Get("a"), "a").size();
  if (in == 0 || size == 0 || size % in != 0) {
    throw Fault(code::kUsage, "a has no rows of " + std::to_string(in));
  }
  term.rank = size / in;
  term.scale = static_cast<float>(fields::Number(from, "scale"));
  term.a = Kept(from, "a", size, bound);
  term.b = Kept(from, "b", out * term.rank, bound);
  term.da = Kept(from, "da", size, bound);
  term.db = Kept(from, "db", out * term.rank, bound);
  if (fields::Has(from, "magnitudes")) {
    term.magnitudes = Kept(from, "magnitudes", out, bound);
    term.d_magnitudes = Kept(from, "dMagnitudes", out, bound);
    bound.squares = Kept(from, "squares", out, bound);
    bound.lengths = Kept(from, "lengths", out, bound);
    term.lengths = bound.lengths;
  }
  if (!fields::Has(from, "drop")) return bound;
  const Napi::Value drop = from.Get("drop");
  const std::span<uint32_t> state = fields::Elements<uint32_t>(drop, "drop");
  if (state.size() != 2) fields::Wrong("drop", "a Uint32Array of 2 values");
  const double share = fields::Number(from, "rate");
  if (!(share > 0 && share < 1)) fields::Wrong("rate", "between 0 and 1");
  bound.arrays.push_back(Napi::Persistent(drop.As<Napi::Object>()));
  bound.drop = state.data();
  bound.limit = static_cast<uint32_t>(std::min(std::ceil(share * 0x1p32), 0x1p32 - 1));
  term.dropout.kept = static_cast<float>(1 / (1 - share));
  return bound;
}

// One term, or null.
BoundTerm Term(const Napi::Value& value, size_t in, size_t out) {
  if (value.IsNull() || value.IsUndefined()) return {};
  const Napi::Object from = fields::Object(value, "a term");
  return fields::Of("a term", [&] { return Bound(from, in, out); });
}

using BoundTerms = std::vector<BoundTerm>;

BoundTerms BindTerms(const Napi::CallbackInfo& info, size_t index,
                     const std::vector<const nn::TrainedMatrix*>& matrices) {
  if (!info[index].IsArray() || info[index].As<Napi::Array>().Length() != matrices.size()) {
    throw Fault(code::kUsage, "terms must be a list of " + std::to_string(matrices.size()));
  }
  const auto list = info[index].As<Napi::Array>();
  BoundTerms terms;
  for (uint32_t i = 0; i < matrices.size(); ++i) {
    terms.push_back(Term(list.Get(i), matrices[i]->in(), matrices[i]->out()));
  }
  return terms;
}

// As they are now: what is dropped out changes from one micro-batch to the next.
std::vector<nn::LowRank> Current(const BoundTerms& bound) {
  std::vector<nn::LowRank> terms;
  for (const BoundTerm& each : bound) {
    terms.push_back(each.term);
    if (each.drop == nullptr) continue;
    terms.back().dropout.state = each.drop[1];
    terms.back().dropout.limit = each.drop[0] != 0 ? each.limit : 0;
  }
  return terms;
}

template <class Operation>
struct WithTerms {
  Operation operation;
  BoundTerms terms;
};

template <class Operation>
WithTerms<Operation> BindOperation(Operation operation, const Napi::CallbackInfo& info) {
  BoundTerms terms = BindTerms(info, 1, operation.matrices());
  return {std::move(operation), std::move(terms)};
}

// One operation with a function forward and one backward, which the session keeps.
template <class Operation, class Forward, class Backward>
Napi::Object KeepBoth(Napi::Env env, const SessionPtr& session,
                      const std::shared_ptr<Operation>& owned, Forward forward, Backward backward) {
  const Operation* operation = owned.get();
  session->operations.push_back(owned);
  const auto bind = [&](auto body) {
    return Bind(
        env, session,
        [operation, body](nn::Context& context, const Napi::CallbackInfo& call) -> Napi::Value {
          body(context, *operation, call);
          context.CheckFaults();
          return call.Env().Undefined();
        });
  };
  Napi::Object both = Napi::Object::New(env);
  both.Set("forward", bind(forward));
  both.Set("backward", bind(backward));
  return both;
}

// The same with `measure`, which brings the lengths of DoRA's rows up to date.
template <class Operation, class Forward, class Backward>
Napi::Value KeepTrained(Napi::Env env, const SessionPtr& session, WithTerms<Operation>&& made,
                        Forward forward, Backward backward) {
  auto owned = std::make_shared<WithTerms<Operation>>(std::move(made));
  const auto* kept = owned.get();
  Napi::Object functions = KeepBoth(env, session, owned, forward, backward);
  functions.Set("measure",
                Bind(env, session,
                     [kept](nn::Context& context, const Napi::CallbackInfo& call) -> Napi::Value {
                       const auto matrices = kept->operation.matrices();
                       for (size_t i = 0; i < matrices.size(); ++i) {
                         const BoundTerm& each = kept->terms[i];
                         if (each.squares == nullptr) continue;
                         matrices[i]->Measure(context, each.term, each.squares, each.lengths);
                       }
                       context.CheckFaults();
                       return call.Env().Undefined();
                     }));
  return functions;
}

nn::TrainedMatrix Trained(const MatrixSpec& spec) { return nn::TrainedMatrix(MakeMatrix(spec)); }

std::span<const int32_t> Lengths(const Napi::CallbackInfo& call, size_t index, size_t rows) {
  const Span<int32_t> lengths = Ints(call, index, "lengths");
  size_t sum = 0;
  for (size_t i = 0; i < lengths.size; ++i) {
    if (lengths.data[i] < 0) throw Fault(code::kUsage, "a length is negative");
    sum += static_cast<size_t>(lengths.data[i]);
  }
  if (sum != rows) throw Fault(code::kUsage, "the lengths do not sum to the rows");
  return {lengths.data, lengths.size};
}

struct Optimized {
  std::vector<nn::Parameter> parameters;
  std::vector<Napi::ObjectReference> arrays;
};

struct Head {
  nn::Norm norm;
  std::unique_ptr<nn::WeightSource> matrix;
  float softcap;
};

}  // namespace

Napi::Value MakeTrainProject(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const ProjectSpec spec = DecodeProject(info[0], session->Open());
  session->Open();
  std::vector<nn::TrainedMatrix> matrices;
  for (const MatrixSpec& matrix : spec.matrices) matrices.push_back(Trained(matrix));
  using Project = WithTerms<nn::TrainedProject>;
  return KeepTrained(
      info.Env(), session,
      BindOperation(nn::TrainedProject(MakeNorm(spec.norm), std::move(matrices)), info),
      [](nn::Context& context, const Project& project, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 1, "y");
        const size_t rows = RowsOf(x, project.operation.in(), "x");
        CheckSize(y, rows, project.operation.out(), "y");
        CheckApart(y, x);
        project.operation.Forward(context, x.data, rows, Current(project.terms), y.data);
      },
      [](nn::Context& context, const Project& project, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), dy = Floats(call, 1, "dy"),
                          dx = Floats(call, 2, "dx");
        const size_t rows = RowsOf(x, project.operation.in(), "x");
        CheckSize(dy, rows, project.operation.out(), "dy");
        CheckSize(dx, rows, project.operation.in(), "dx");
        CheckApart(dx, x);
        CheckApart(dx, dy);
        project.operation.Backward(context, x.data, rows, Current(project.terms), dy.data, dx.data);
      });
}

Napi::Value MakeTrainAttend(const SessionPtr& session, const Napi::CallbackInfo& info) {
  AttendSpec spec = DecodeAttend(info[0], session->Open());
  nn::Context& context = session->Open();
  spec.numbers.query_norm = MakeNorm(spec.query_norm);
  spec.numbers.key_norm = MakeNorm(spec.key_norm);
  return KeepBoth(
      info.Env(), session, std::make_shared<nn::TrainedAttention>(context, std::move(spec.numbers)),
      [](nn::Context& open, const nn::TrainedAttention& attend, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 2, "y");
        const size_t rows = RowsOf(x, attend.in(), "x");
        CheckSize(y, rows, attend.out(), "y");
        CheckApart(y, x);
        attend.Forward(open, x.data, Lengths(call, 1, rows), y.data);
      },
      [](nn::Context& open, const nn::TrainedAttention& attend, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), dy = Floats(call, 2, "dy"),
                          dx = Floats(call, 3, "dx");
        const size_t rows = RowsOf(x, attend.in(), "x");
        CheckSize(dy, rows, attend.out(), "dy");
        CheckSize(dx, rows, attend.in(), "dx");
        CheckApart(dx, x);
        CheckApart(dx, dy);
        attend.Backward(open, x.data, Lengths(call, 1, rows), dy.data, dx.data);
      });
}

Napi::Value MakeTrainOutput(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const OutputStepSpec spec = DecodeOutput(info[0], session->Open());
  session->Open();
  using Output = WithTerms<nn::TrainedOutput>;
  return KeepTrained(
      info.Env(), session,
      BindOperation(nn::TrainedOutput(Trained(spec.matrix), MakeNorm(spec.post_norm)), info),
      [](nn::Context& context, const Output& output, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), residual = Floats(call, 1, "residual"),
                          y = Floats(call, 2, "y");
        const size_t rows = RowsOf(x, output.operation.in(), "x");
        CheckSize(residual, rows, output.operation.out(), "residual");
        CheckSize(y, rows, output.operation.out(), "y");
        CheckApart(y, x);
        CheckApart(y, residual);
        output.operation.Forward(context, x.data, residual.data, rows,
                                 Current(output.terms).front(), y.data);
      },
      [](nn::Context& context, const Output& output, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), dy = Floats(call, 1, "dy"),
                          dx = Floats(call, 2, "dx");
        const size_t rows = RowsOf(x, output.operation.in(), "x");
        CheckSize(dy, rows, output.operation.out(), "dy");
        CheckSize(dx, rows, output.operation.in(), "dx");
        CheckApart(dx, x);
        CheckApart(dx, dy);
        output.operation.Backward(context, x.data, rows, Current(output.terms).front(), dy.data,
                                  dx.data);
      });
}

Napi::Value MakeTrainMlp(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const MlpSpec spec = DecodeMlp(info[0], session->Open());
  session->Open();
  std::optional<nn::TrainedMatrix> gate;
  if (spec.gate) gate = Trained(*spec.gate);
  using Mlp = WithTerms<nn::TrainedMlp>;
  return KeepTrained(
      info.Env(), session,
      BindOperation(nn::TrainedMlp(MakeNorm(spec.norm), std::move(gate), Trained(spec.up),
                                   Trained(spec.down), spec.activation, MakeNorm(spec.post_norm)),
                    info),
      [](nn::Context& context, const Mlp& mlp, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 2, "y");
        const size_t rows = RowsOf(x, mlp.operation.size(), "x");
        CheckSize(y, rows, mlp.operation.size(), "y");
        CheckApart(y, x);
        Span<float> kept = {nullptr, 0};
        if (!call[1].IsNull()) {
          kept = Floats(call, 1, "kept");
          CheckSize(kept, rows, mlp.operation.kept(), "kept");
          CheckApart(kept, x);
          CheckApart(kept, y);
        }
        mlp.operation.Forward(context, x.data, rows, Current(mlp.terms), kept.data, y.data);
      },
      [](nn::Context& context, const Mlp& mlp, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), kept = Floats(call, 1, "kept"),
                          dy = Floats(call, 2, "dy"), dx = Floats(call, 3, "dx");
        const size_t rows = RowsOf(x, mlp.operation.size(), "x");
        CheckSize(kept, rows, mlp.operation.kept(), "kept");
        CheckApart(kept, x);
        CheckApart(kept, dy);
        CheckApart(kept, dx);
        CheckSize(dy, rows, mlp.operation.size(), "dy");
        CheckSize(dx, rows, mlp.operation.size(), "dx");
        CheckApart(dx, x);
        CheckApart(dx, dy);
        mlp.operation.Backward(context, x.data, rows, Current(mlp.terms), kept.data, dy.data,
                               dx.data);
      });
}

// (x, wanted, targets, weight, dx or null) -> the sum of the losses.
Napi::Value MakeTrainHead(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const HeadSpec spec = DecodeHead(info[0], session->Open());
  session->Open();
  auto owned = std::make_shared<const Head>(
      Head{MakeNorm(spec.norm), MakeMatrix(spec.matrix), spec.softcap});
  const Head* head = owned.get();
  if (head->norm.size() != head->matrix->in()) {
    throw Fault(code::kUsage, "the norm of the head does not fit its matrix");
  }
  session->operations.push_back(std::move(owned));
  return Bind(info.Env(), session,
              [head](nn::Context& context, const Napi::CallbackInfo& call) -> Napi::Value {
                const Span<float> x = Floats(call, 0, "x");
                const Span<int32_t> wanted = Ints(call, 1, "wanted"),
                                    targets = Ints(call, 2, "targets");
                const size_t rows = RowsOf(x, head->matrix->in(), "x");
                if (wanted.size != targets.size) {
                  throw Fault(code::kUsage, "wanted and targets must be equally many");
                }
                const auto weight = static_cast<float>(fields::Number(call[3], "weight"));
                float* dx = nullptr;
                if (!call[4].IsNull()) {
                  const Span<float> gradient = Floats(call, 4, "dx");
                  CheckSize(gradient, rows, head->matrix->in(), "dx");
                  CheckApart(gradient, x);
                  dx = gradient.data;
                }
                const nn::HeadLoss loss = nn::RunHeadLoss(
                    context, head->norm, *head->matrix, head->softcap, x.data, rows,
                    {wanted.data, wanted.size}, {targets.data, targets.size}, weight, dx);
                context.CheckFaults();
                context.CheckUnchanged();
                return Napi::Number::New(call.Env(), loss.sum);
              });
}

// ([[values, gradient, first, second], …]) -> {clear(), norm(), step(list of AdamStep's numbers)}
Napi::Value MakeOptimizer(const SessionPtr& session, const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) fields::Wrong("parameters", "a list");
  const auto list = info[0].As<Napi::Array>();
  auto owned = std::make_shared<Optimized>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    if (!list.Get(i).IsArray()) fields::Wrong("a parameter", "a list of arrays");
    const auto parts = list.Get(i).As<Napi::Array>();
    nn::Parameter& parameter = owned->parameters.emplace_back();
    float** const to[] = {&parameter.values, &parameter.gradient, &parameter.first,
                          &parameter.second};
    for (uint32_t part = 0; part < 4; ++part) {
      const Napi::Value value = parts.Get(part);
      const auto elements = fields::Elements<float>(value, "an array of a parameter");
      if (part == 0) parameter.size = elements.size();
      if (elements.size() != parameter.size) {
        throw Fault(code::kUsage, "the arrays of a parameter have different sizes");
      }
      *to[part] = elements.data();
      owned->arrays.push_back(Napi::Persistent(value.As<Napi::Object>()));
    }
  }
  const Optimized* optimized = owned.get();
  session->operations.push_back(owned);
  Napi::Object functions = Napi::Object::New(info.Env());
  functions.Set("clear", Bind(info.Env(), session,
                              [optimized](nn::Context& context,
                                          const Napi::CallbackInfo& call) -> Napi::Value {
                                nn::ClearGradients(context, optimized->parameters);
                                return call.Env().Undefined();
                              }));
  functions.Set(
      "norm",
      Bind(info.Env(), session,
           [optimized](nn::Context& context, const Napi::CallbackInfo& call) -> Napi::Value {
             return Napi::Number::New(call.Env(), nn::GradientNorm(context, optimized->parameters));
           }));
  functions.Set(
      "step",
      Bind(info.Env(), session,
           [optimized](nn::Context& context, const Napi::CallbackInfo& call) -> Napi::Value {
             float numbers[9];
             for (size_t i = 0; i < 9; ++i)
               numbers[i] = static_cast<float>(fields::Number(call[i], "each value of a step"));
             nn::Optimize(context, optimized->parameters,
                          {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
                           numbers[6], numbers[7], numbers[8]});
             return call.Env().Undefined();
           }));
  return functions;
}

}  // namespace retemper
