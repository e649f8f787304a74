// The engine's entry points: execute a plan, or measure distances between checkpoints.
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

}  // namespace retemper
