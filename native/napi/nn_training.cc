#include "napi/nn_training.h"

#include <memory>
#include <utility>
#include <vector>

#include "core/status.h"
#include "napi/nn_decode.h"
#include "nn/training.h"

namespace retemper {
namespace {

// One operation with a function forward and one backward, which the session keeps.
template <class Operation, class Forward, class Backward>
Napi::Value KeepBoth(Napi::Env env, const SessionPtr& session, Operation&& made, Forward forward,
                     Backward backward) {
  auto owned = std::make_shared<Operation>(std::move(made));
  const Operation* operation = owned.get();
  session->operations.push_back(std::move(owned));
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

float* Part(const Napi::Array& list, uint32_t index, size_t size, const char* name) {
  const Napi::Value value = list.Get(index);
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array ||
      value.As<Napi::TypedArray>().ElementLength() != size) {
    throw Fault(code::kUsage, std::string(name) + " must be a Float32Array of " +
                                  std::to_string(size) + " values");
  }
  return value.As<Napi::Float32Array>().Data();
}

// [scale, A, B], with their gradients [scale, A, B, dA, dB], or null.
nn::LowRank Term(const Napi::Value& value, size_t in, size_t out, bool backward) {
  nn::LowRank term;
  if (value.IsNull() || value.IsUndefined()) return term;
  if (!value.IsArray()) fields::Wrong("a term", "a list");
  const auto list = value.As<Napi::Array>();
  const Napi::Value scale = list.Get(0u), a = list.Get(1u);
  if (!scale.IsNumber()) fields::Wrong("the scale of a term", "a number");
  if (!a.IsTypedArray()) fields::Wrong("A of a term", "a Float32Array");
  const size_t size = a.As<Napi::TypedArray>().ElementLength();
  if (in == 0 || size == 0 || size % in != 0) {
    throw Fault(code::kUsage, "A of a term has no rows of " + std::to_string(in));
  }
  term.rank = size / in;
  term.scale = scale.As<Napi::Number>().FloatValue();
  term.a = Part(list, 1, size, "A");
  term.b = Part(list, 2, out * term.rank, "B");
  if (!backward) return term;
  term.da = Part(list, 3, size, "dA");
  term.db = Part(list, 4, out * term.rank, "dB");
  return term;
}

Napi::Array Terms(const Napi::CallbackInfo& call, size_t index, size_t count) {
  if (!call[index].IsArray() || call[index].As<Napi::Array>().Length() != count) {
    throw Fault(code::kUsage, "terms must be a list of " + std::to_string(count));
  }
  return call[index].As<Napi::Array>();
}

nn::TrainedMatrix Trained(const MatrixSpec& spec) { return nn::TrainedMatrix(MakeMatrix(spec)); }

struct Project {
  nn::TrainedProject operation;
  std::vector<size_t> outs;

  std::vector<nn::LowRank> TermsOf(const Napi::CallbackInfo& call, bool backward) const {
    const Napi::Array list = Terms(call, 1, outs.size());
    std::vector<nn::LowRank> terms;
    for (uint32_t i = 0; i < outs.size(); ++i) {
      terms.push_back(Term(list.Get(i), operation.in(), outs[i], backward));
    }
    return terms;
  }
};

struct Mlp {
  nn::TrainedMlp operation;
  size_t inner;

  std::vector<nn::LowRank> TermsOf(const Napi::CallbackInfo& call, bool backward) const {
    const auto count = static_cast<uint32_t>(operation.terms());
    const Napi::Array list = Terms(call, 1, count);
    std::vector<nn::LowRank> terms;
    for (uint32_t i = 0; i < count; ++i) {
      const bool last = i + 1 == count;
      terms.push_back(Term(list.Get(i), last ? inner : operation.size(),
                           last ? operation.size() : inner, backward));
    }
    return terms;
  }
};

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
  std::vector<size_t> outs;
  for (const MatrixSpec& matrix : spec.matrices) {
    matrices.push_back(Trained(matrix));
    outs.push_back(matrices.back().out());
  }
  return KeepBoth(
      info.Env(), session,
      Project{nn::TrainedProject(MakeNorm(spec.norm), std::move(matrices)), std::move(outs)},
      [](nn::Context& context, const Project& project, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 2, "y");
        const size_t rows = RowsOf(x, project.operation.in(), "x");
        CheckSize(y, rows, project.operation.out(), "y");
        CheckApart(y, x);
        project.operation.Forward(context, x.data, rows, project.TermsOf(call, false), y.data);
      },
      [](nn::Context& context, const Project& project, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), dy = Floats(call, 2, "dy"),
                          dx = Floats(call, 3, "dx");
        const size_t rows = RowsOf(x, project.operation.in(), "x");
        CheckSize(dy, rows, project.operation.out(), "dy");
        CheckSize(dx, rows, project.operation.in(), "dx");
        CheckApart(dx, x);
        CheckApart(dx, dy);
        project.operation.Backward(context, x.data, rows, project.TermsOf(call, true), dy.data,
                                   dx.data);
      });
}

Napi::Value MakeTrainAttend(const SessionPtr& session, const Napi::CallbackInfo& info) {
  AttendSpec spec = DecodeAttend(info[0], session->Open());
  nn::Context& context = session->Open();
  spec.numbers.query_norm = MakeNorm(spec.query_norm);
  spec.numbers.key_norm = MakeNorm(spec.key_norm);
  return KeepBoth(
      info.Env(), session, nn::TrainedAttention(context, std::move(spec.numbers)),
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
  return KeepBoth(
      info.Env(), session, nn::TrainedOutput(Trained(spec.matrix), MakeNorm(spec.post_norm)),
      [](nn::Context& context, const nn::TrainedOutput& output, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), residual = Floats(call, 2, "residual"),
                          y = Floats(call, 3, "y");
        const size_t rows = RowsOf(x, output.in(), "x");
        CheckSize(residual, rows, output.out(), "residual");
        CheckSize(y, rows, output.out(), "y");
        CheckApart(y, x);
        CheckApart(y, residual);
        const nn::LowRank term = Term(Terms(call, 1, 1).Get(0u), output.in(), output.out(), false);
        output.Forward(context, x.data, residual.data, rows, term, y.data);
      },
      [](nn::Context& context, const nn::TrainedOutput& output, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), dy = Floats(call, 2, "dy"),
                          dx = Floats(call, 3, "dx");
        const size_t rows = RowsOf(x, output.in(), "x");
        CheckSize(dy, rows, output.out(), "dy");
        CheckSize(dx, rows, output.in(), "dx");
        CheckApart(dx, x);
        CheckApart(dx, dy);
        const nn::LowRank term = Term(Terms(call, 1, 1).Get(0u), output.in(), output.out(), true);
        output.Backward(context, x.data, rows, term, dy.data, dx.data);
      });
}

Napi::Value MakeTrainMlp(const SessionPtr& session, const Napi::CallbackInfo& info) {
  const MlpSpec spec = DecodeMlp(info[0], session->Open());
  session->Open();
  std::optional<nn::TrainedMatrix> gate;
  if (spec.gate) gate = Trained(*spec.gate);
  nn::TrainedMatrix up = Trained(spec.up);
  const size_t inner = up.out();
  return KeepBoth(
      info.Env(), session,
      Mlp{nn::TrainedMlp(MakeNorm(spec.norm), std::move(gate), std::move(up), Trained(spec.down),
                         spec.activation, MakeNorm(spec.post_norm)),
          inner},
      [](nn::Context& context, const Mlp& mlp, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), y = Floats(call, 3, "y");
        const size_t rows = RowsOf(x, mlp.operation.size(), "x");
        CheckSize(y, rows, mlp.operation.size(), "y");
        CheckApart(y, x);
        Span<float> kept = {nullptr, 0};
        if (!call[2].IsNull()) {
          kept = Floats(call, 2, "kept");
          CheckSize(kept, rows, mlp.operation.kept(), "kept");
          CheckApart(kept, x);
          CheckApart(kept, y);
        }
        mlp.operation.Forward(context, x.data, rows, mlp.TermsOf(call, false), kept.data, y.data);
      },
      [](nn::Context& context, const Mlp& mlp, const Napi::CallbackInfo& call) {
        const Span<float> x = Floats(call, 0, "x"), kept = Floats(call, 2, "kept"),
                          dy = Floats(call, 3, "dy"), dx = Floats(call, 4, "dx");
        const size_t rows = RowsOf(x, mlp.operation.size(), "x");
        CheckSize(kept, rows, mlp.operation.kept(), "kept");
        CheckApart(kept, x);
        CheckApart(kept, dy);
        CheckApart(kept, dx);
        CheckSize(dy, rows, mlp.operation.size(), "dy");
        CheckSize(dx, rows, mlp.operation.size(), "dx");
        CheckApart(dx, x);
        CheckApart(dx, dy);
        mlp.operation.Backward(context, x.data, rows, mlp.TermsOf(call, true), kept.data, dy.data,
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
                if (!call[3].IsNumber()) fields::Wrong("weight", "a number");
                float* dx = nullptr;
                if (!call[4].IsNull()) {
                  const Span<float> gradient = Floats(call, 4, "dx");
                  CheckSize(gradient, rows, head->matrix->in(), "dx");
                  CheckApart(gradient, x);
                  dx = gradient.data;
                }
                const nn::HeadLoss loss =
                    nn::RunHeadLoss(context, head->norm, *head->matrix, head->softcap, x.data, rows,
                                    {wanted.data, wanted.size}, {targets.data, targets.size},
                                    call[3].As<Napi::Number>().FloatValue(), dx);
                context.CheckFaults();
                context.CheckUnchanged();
                return Napi::Number::New(call.Env(), loss.sum);
              });
}

}  // namespace retemper
