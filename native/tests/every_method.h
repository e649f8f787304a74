// A plan with one tensor for each method of merging, over three files of smooth values: for tests
// of whole merges.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/plan.h"
#include "io/file.h"
#include "tests/temp_folder.h"

namespace retemper::test {

inline InputSpec WriteInput(const TempFolder& folder, const std::string& name, int kind,
                            uint64_t count) {
  std::string bytes(count * 4, '\0');
  for (uint64_t i = 0; i < count; ++i) {
    const float x = std::sin(static_cast<float>(i)) * 0.1f;
    const float value =
        kind == 0 ? x
                  : x + 0.01f * std::cos(static_cast<float>(i % 977) * static_cast<float>(kind));
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  const std::string path = folder.Write(name, bytes);
  const FileIdentity identity = File::OpenForReading(path).Identity();
  return {path, identity.size, identity.inode, identity.mtime_ns};
}

inline Source PlainSource(uint32_t input, uint64_t rows, uint64_t cols) {
  Source source;
  Part part;
  part.range = {input, 0, Dtype::kF32, rows * cols};
  part.rows = rows;
  part.cols = cols;
  source.parts.push_back(part);
  return source;
}

inline std::vector<Params> AllParams() {
  TaskArithmeticParams ties{.sparsifier = Sparsifier::kMagnitude,
                            .election = true,
                            .normalize = true,
                            .rescale = Rescale::kL1,
                            .lambda = 1.1,
                            .weights = {0.5, 0.6},
                            .densities = {0.5, 0.3},
                            .gammas = {0.05, 0.05},
                            .epsilons = {0.1, 0.1}};
  std::vector<Params> all = {LinearParams{{0.2, 0.3, 0.5}, true},
                             MultislerpParams{{0.2, 0.3, 0.5}, true, 1e-8, false},
                             KarcherParams{},
                             NuslerpParams{{0.3, 0.7}, true, Axis::kFlat},
                             NuslerpParams{{0.3, 0.7}, true, Axis::kLast},
                             NuslerpParams{{0.3, 0.7}, true, Axis::kFirst},
                             ModelStockParams{false},
                             ModelStockParams{true},
                             SceParams{0.4},
                             RamParams{1e-5, 0.1, 0.2}};
  for (const Sparsifier s : {Sparsifier::kNone, Sparsifier::kMagnitude, Sparsifier::kRandom,
                             Sparsifier::kOutliers, Sparsifier::kRanked}) {
    ties.sparsifier = s;
    all.push_back(ties);
  }
  return all;
}

// One tensor of rows x cols a method, all in one file.
inline Plan EveryMethod(const TempFolder& folder, uint64_t rows, uint64_t cols) {
  Plan plan;
  for (int kind = 0; kind < 3; ++kind)
    plan.inputs.push_back(WriteInput(folder, "in" + std::to_string(kind), kind, rows * cols));
  OutputSpec output{folder.Path("out"), 64, std::vector<uint8_t>(64, ' ')};
  for (const Params& params : AllParams()) {
    TensorSpec tensor;
    tensor.name = "t" + std::to_string(plan.tensors.size());
    tensor.shape = {rows, cols};
    tensor.out_dtype = Dtype::kBF16;
    for (uint32_t i = 0; i < 3; ++i) tensor.sources.push_back(PlainSource(i, rows, cols));
    tensor.model_keys = {0, 1, 2};
    tensor.variants.push_back({0, output.size, params});
    output.size += rows * cols * 2;
    plan.tensors.push_back(std::move(tensor));
  }
  plan.outputs.push_back(std::move(output));
  plan.fsync = false;
  return plan;
}

}  // namespace retemper::test
