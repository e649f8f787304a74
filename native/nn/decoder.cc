#include "nn/decoder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/status.h"

namespace retemper::nn {
namespace {

void CheckWidth(const char* what, size_t taken, size_t given) {
  if (taken == given) return;
  throw Fault(code::kUsage, std::string(what) + " takes rows of " + std::to_string(taken) +
                                " features, and gets " + std::to_string(given));
}

}  // namespace

Decoder::Decoder(Embed embed, std::vector<Layer> layers, Head head)
    : embed_(std::move(embed)), layers_(std::move(layers)), head_(std::move(head)) {
  const size_t hidden = embed_.out();
  for (const Layer& layer : layers_) {
    CheckWidth("a projection", layer.project.in(), hidden);
    CheckWidth("attention", layer.attend.in(), layer.project.out());
    CheckWidth("an output", layer.output.in(), layer.attend.out());
    CheckWidth("an MLP", layer.mlp.size(), layer.output.out());
    CheckWidth("the next layer", hidden, layer.mlp.size());
  }
  CheckWidth("the head", head_.in(), hidden);
}

void Decoder::Run(Context& context, PagedCache& cache, const int32_t* wanted, size_t count,
                  float* y) const {
  const size_t rows = context.step.rows();
  Head::CheckWanted(wanted, count, rows);  // before the cache has the rows
  size_t projected_width = 0, attended_width = 0;
  for (const Layer& layer : layers_) {
    projected_width = std::max(projected_width, layer.project.out());
    attended_width = std::max(attended_width, layer.attend.out());
  }
  float* x = context.scratch[Context::kLayer].Floats(rows * embed_.out());
  float* between = context.scratch[Context::kBetween].Floats(rows * embed_.out());
  float* projected = context.scratch[Context::kProjected].Floats(rows * projected_width);
  float* attended = context.scratch[Context::kAttended].Floats(rows * attended_width);
  embed_.Run(context, x);
  for (const Layer& layer : layers_) {
    layer.project.Run(context, x, rows, projected);
    layer.attend.Run(context, cache, projected, rows, attended);
    layer.output.Run(context, attended, x, rows, between);
    layer.mlp.Run(context, between, rows, x);
  }
  head_.Run(context, x, rows, wanted, count, y);
}

}  // namespace retemper::nn
