// The threads of generation: they wait between kernels by spinning for a moment, because a step is
// hundreds of short kernels, and then sleep.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace retemper::nn {

class Pool {
 public:
  // `threads` counts the calling one; at least 1.
  explicit Pool(unsigned threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  unsigned threads() const;
  // Calls body(part, thread) for each part < parts, on any thread, and returns when all are done.
  // One Run at a time; called from one thread. The body must not throw.
  void Run(size_t parts, const std::function<void(size_t part, unsigned thread)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retemper::nn
