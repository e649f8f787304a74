// Where the time of a step goes inside of the operations, for whoever profiles (`npm run bench --
// generate --profile`): counted where the environment has RETEMPER_PROFILE, of each thread that
// calls operations. Elsewhere it costs a branch.
#pragma once

#include <chrono>
#include <cstdlib>

namespace retemper::nn {

// Seconds of this thread since it began; what it waits for counts as waiting alone.
struct StepTimes {
  double products = 0;  // packing of activations included
  double attention = 0;
  double head = 0;     // its product included, which counts for both
  double waiting = 0;  // for other threads, when this one's part of the work is done
};
inline thread_local StepTimes step_times;

inline bool CountsStepTimes() {
  static const bool counts = std::getenv("RETEMPER_PROFILE") != nullptr;
  return counts;
}

// Adds its own lifetime to a part.
class Stopwatch {
 public:
  explicit Stopwatch(double StepTimes::*part) : part_(CountsStepTimes() ? part : nullptr) {
    if (part_ == nullptr) return;
    waited_ = step_times.waiting;
    start_ = Clock::now();
  }
  ~Stopwatch() {
    if (part_ == nullptr) return;
    const double inside = std::chrono::duration<double>(Clock::now() - start_).count();
    step_times.*part_ += inside - (step_times.waiting - waited_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double StepTimes::*part_;
  double waited_ = 0;
  Clock::time_point start_;
};

}  // namespace retemper::nn
