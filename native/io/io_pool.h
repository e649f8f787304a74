// Threads that wait for storage, so that those that compute do not. They take next to no processor
// time: a merge has as many as keep a device busy, however few processors there are.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace retemper {

class IoPool {
 public:
  // Threads are started when there is work for them, `most` at most.
  explicit IoPool(unsigned most) : most_(most) {}
  ~IoPool();  // after everything that was posted
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  // Runs a job, which must not throw, on one of the threads; urgent ones before all others. Where
  // no thread can be started, or there is no memory to keep it, at once.
  void Post(std::function<void()> job, bool urgent) noexcept;

 private:
  void Work();

  const unsigned most_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> urgent_, jobs_;
  unsigned idle_ = 0;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace retemper
