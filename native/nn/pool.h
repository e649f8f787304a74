// The threads of generation: they wait between kernels by spinning for a moment, because a step is
// hundreds of short kernels, and then sleep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace retemper::nn {

class Pool {
 public:
  // `threads` counts the calling one; at least 1. Throws a Fault when the system refuses a thread.
  explicit Pool(unsigned threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  unsigned threads() const;
  // Calls body(part, thread) for each part < parts, on any thread, and returns when all are done.
  // Parts are handed out in order, to whoever is free; the caller is thread 0. One Run at a time;
  // called from one thread. Fewer than 2^31 parts.
  //
  // What a body throws is thrown here, once no body runs any more; the pool can be used again. Of
  // several exceptions it is that of the lowest part, however many threads there are: parts below
  // one that failed are all run, parts above it that have not begun are left out.
  void Run(size_t parts, const std::function<void(size_t part, unsigned thread)>& body);

  // Seconds that threads other than the caller's have had parts to work on, where StepTimes are
  // counted.
  double SecondsOfOthers() const;

  // Memory for one kernel's intermediate values, aligned to 64 bytes and kept between calls, since
  // the first touch of fresh memory is slow. The next call may overwrite it: a kernel asks once,
  // and needs nothing of it when it has returned.
  uint8_t* Scratch(size_t bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retemper::nn
