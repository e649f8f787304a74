// The engine's entry points: execute a plan, or measure how checkpoints differ.
#pragma once

#include <atomic>
#include <functional>

#include "core/plan.h"
#include "core/report.h"
#include "cuda/device.h"

namespace retemper {

using ProgressFunction = std::function<void(double done, double total)>;
// Opens the devices of a plan that asks for them.
using DeviceFunction = std::function<BlockQueues(const CudaOptions& options)>;

// Executes a merge. Outputs are complete, and on the disk if plan.fsync, when it returns; on any
// fault, and when cancelled, no output file is left. Throws Fault.
Report RunPlan(const Plan& plan, const std::atomic<bool>& cancelled,
               const ProgressFunction& progress, const DeviceFunction& open_device = OpenCuda);

// For every tensor of the plan the sums of squared differences of each pair (i < j) of its sources.
std::vector<std::vector<double>> Compare(const Plan& plan, const std::atomic<bool>& cancelled,
                                         const ProgressFunction& progress);

// For every tensor of the plan, whose sources are A, F and, where there are three, U, sums over its
// elements with D = F - A and V = A - U: A A, F F, A F, D D and, with U, V V, D V, how many
// elements neither D nor V leaves at 0, and of how many of these the signs agree. Differences are
// taken in float32 (float64 of float64 tensors), products and sums in float64.
std::vector<std::vector<double>> Changes(const Plan& plan, const std::atomic<bool>& cancelled,
                                         const ProgressFunction& progress);

}  // namespace retemper
