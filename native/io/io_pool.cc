#include "io/io_pool.h"

#include <exception>
#include <new>
#include <utility>

namespace retemper {

IoPool::~IoPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  posted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void IoPool::Post(std::function<void()> job, bool urgent) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      if (idle_ <= urgent_.size() + jobs_.size() && threads_.size() < most_) {
        threads_.emplace_back([this] { Work(); });
        ++idle_;  // it will look for a job
      }
    } catch (const std::exception&) {
      // No further thread; those that there are do the work.
    }
    try {
      if (!threads_.empty()) {
        (urgent ? urgent_ : jobs_).push_back(std::move(job));
        job = nullptr;
      }
    } catch (const std::bad_alloc&) {
      // It is still here.
    }
  }
  if (job) {
    job();
  } else {
    posted_.notify_one();
  }
}

void IoPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    posted_.wait(lock, [this] { return closed_ || !urgent_.empty() || !jobs_.empty(); });
    std::deque<std::function<void()>>& from = urgent_.empty() ? jobs_ : urgent_;
    if (from.empty()) return;
    const std::function<void()> job = std::move(from.front());
    from.pop_front();
    --idle_;
    lock.unlock();
    job();
    lock.lock();
    ++idle_;
  }
}

}  // namespace retemper
