#include "core/status.h"
#include "engine/task.h"

namespace retemper {

namespace {
struct Maker {
  const TensorSpec& spec;
  const Environment& environment;
  std::unique_ptr<Task> operator()(const CopyParams&) const { return MakeCopy(spec, environment); }
  std::unique_ptr<Task> operator()(const TaskArithmeticParams&) const {
    return MakeTaskArithmetic(spec, environment);
  }
  std::unique_ptr<Task> operator()(const NearswapParams&) const {
    return MakeNearswap(spec, environment);
  }
  std::unique_ptr<Task> operator()(const ArceeFusionParams&) const {
    return MakeArceeFusion(spec, environment);
  }
  std::unique_ptr<Task> operator()(const SceParams&) const { return MakeSce(spec, environment); }
  std::unique_ptr<Task> operator()(const RamParams&) const { return MakeRam(spec, environment); }
  template <class Combined>
  std::unique_ptr<Task> operator()(const Combined&) const {
    return MakeCombination(spec, environment);
  }
};
}  // namespace

std::unique_ptr<Task> MakeTask(const TensorSpec& spec, const Environment& environment) {
  return std::visit(Maker{spec, environment}, spec.variants[0].params);
}

}  // namespace retemper
