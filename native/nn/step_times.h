// Where the time of a step goes inside of the operations, for whoever profiles (`npm run bench --
// generate --profile`): counted where the environment has RETEMPER_PROFILE, of each thread that
// calls operations. Elsewhere it costs a branch.
#pragma once

#include <chrono>
#include <cstdlib>

namespace retemper::nn {

// Seconds of this thread since it began. What is waited for inside of products counts for both.
struct StepTimes {
  double products = 0;  // packing of activations and waiting included
  double waiting = 0;   // for other threads, when this one's part of the work is done
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
    if (part_ != nullptr) start_ = Clock::now();
  }
  ~Stopwatch() {
    if (part_ == nullptr) return;
    step_times.*part_ += std::chrono::duration<double>(Clock::now() - start_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double StepTimes::*part_;
  Clock::time_point start_;
};

}  // namespace retemper::nn
