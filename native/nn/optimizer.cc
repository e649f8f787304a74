#include "nn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace retemper::nn {
namespace {

// body(index) for each parameter, in parts of about as many numbers each.
template <class Body>
void ForParameters(Context& context, std::span<const Parameter> parameters, Body body) {
  constexpr size_t kPart = size_t{1} << 15;
  std::vector<size_t> starts = {0};
  size_t in_part = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    in_part += parameters[i].size;
    if (in_part < kPart && i + 1 < parameters.size()) continue;
    starts.push_back(i + 1);
    in_part = 0;
  }
  context.pool.Run(starts.size() - 1, [&](size_t part, unsigned) {
    for (size_t i = starts[part]; i < starts[part + 1]; ++i) body(i);
  });
}

}  // namespace

void ClearGradients(Context& context, std::span<const Parameter> parameters) {
  ForParameters(context, parameters, [&](size_t i) {
    std::fill(parameters[i].gradient, parameters[i].gradient + parameters[i].size, 0.0f);
  });
}

double GradientNorm(Context& context, std::span<const Parameter> parameters) {
  std::vector<double> squares(parameters.size());
  ForParameters(context, parameters, [&](size_t i) {
    const Parameter& each = parameters[i];
    squares[i] = context.training.dot(each.gradient, each.gradient, each.size);
  });
  double sum = 0;
  for (const double square : squares) sum += square;
  return std::sqrt(sum);
}

void Optimize(Context& context, std::span<const Parameter> parameters, const AdamStep& step) {
  ForParameters(context, parameters, [&](size_t i) {
    const Parameter& each = parameters[i];
    context.training.adam(step, each.size, each.gradient, each.values, each.first, each.second);
  });
}

}  // namespace retemper::nn
