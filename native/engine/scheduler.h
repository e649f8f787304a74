// Runs tasks on a pool of threads: phases of one tensor in order, units of a phase in any order,
// and the reductions of the next tensors beside the writes of this one, so that no thread waits at
// the end of a phase.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "engine/output_stream.h"
#include "engine/read_ahead.h"
#include "engine/task.h"

namespace retemper {

struct ScheduleOptions {
  unsigned workers = 1;
  const std::atomic<bool>* cancelled = nullptr;
  // Called from the thread that called RunTasks, a few times a second and once at the end: share of
  // units done.
  std::function<void(double)> progress;
};

// Runs every task to its end. Throws the first fault of any unit, with its tensor, or CANCELLED;
// all threads are joined by then. `outputs` and `pool` may be empty when no task writes.
void RunTasks(const std::vector<std::unique_ptr<Task>>& tasks,
              std::vector<std::unique_ptr<OutputStream>>& outputs, BufferPool* pool,
              size_t buffers_each, ReadAhead& reads, const ScheduleOptions& options);

}  // namespace retemper
