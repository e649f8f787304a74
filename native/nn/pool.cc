// Workers and the caller take parts from one counter. It holds how many parts there are in its high
// half and the next one to take in its low half, so a worker that comes late (even in the middle of
// the next Run) takes either a part that is really open, or nothing.
#include "nn/pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/divide_up.h"
#include "core/large_pages.h"
#include "core/status.h"
#include "nn/step_times.h"

namespace retemper::nn {

namespace {

// Long enough for the gaps between a step's kernels, far too short to be seen as load.
constexpr std::chrono::microseconds kSpin{80};
// No part has this number.
constexpr uint32_t kNone = UINT32_MAX;
// The caller's wait for the last part yields after this many pauses: the worker may have lost its
// processor.
constexpr int kPausesBeforeYield = 2000;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

struct Pool::State {
  alignas(64) std::atomic<uint64_t> ticket{0};
  alignas(64) std::atomic<uint32_t> unfinished{0};
  alignas(64) std::atomic<uint32_t> wakes{0};
  std::atomic<uint32_t> sleeping{0};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> worked{0};  // nanoseconds of workers
  // Read by those only who hold a part.
  const std::function<void(size_t, unsigned)>* body = nullptr;
  // The lowest part that failed, and its exception; the caller's once all parts are finished.
  std::mutex failure_mutex;
  uint32_t failed = kNone;
  std::exception_ptr failure;
  std::vector<std::thread> workers;
  LargePages scratch;
  size_t scratch_bytes = 0;

  bool IsOpen(std::memory_order order) const {
    const uint64_t seen = ticket.load(order);
    return static_cast<uint32_t>(seen) < seen >> 32;
  }

  void TakeParts(unsigned thread) {
    while (IsOpen(std::memory_order_relaxed)) {
      const uint64_t taken = ticket.fetch_add(1, std::memory_order_acquire);
      const uint32_t part = static_cast<uint32_t>(taken);
      if (part >= taken >> 32) return;
      try {
        (*body)(part, thread);
      } catch (...) {
        Fail(part, std::current_exception());
      }
      unfinished.fetch_sub(1, std::memory_order_release);
    }
  }

  // By a worker.
  void Work(unsigned thread) {
    if (!CountsStepTimes()) return TakeParts(thread);
    const auto start = std::chrono::steady_clock::now();
    TakeParts(thread);
    worked += static_cast<uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
  }

  // By who holds `part`. Lower parts are all taken; those that are not, are left out.
  void Fail(uint32_t part, std::exception_ptr exception) {
    uint64_t seen = ticket.load(std::memory_order_relaxed);
    while (static_cast<uint32_t>(seen) < seen >> 32) {
      const uint64_t parts = seen >> 32;
      if (!ticket.compare_exchange_weak(seen, parts << 32 | parts)) continue;
      unfinished.fetch_sub(static_cast<uint32_t>(parts - static_cast<uint32_t>(seen)));
      break;
    }
    const std::lock_guard<std::mutex> lock(failure_mutex);
    if (part >= failed) return;
    failed = part;
    std::swap(failure, exception);
  }

  // Returns when there may be parts to take; false when the pool ends.
  bool Await() {
    for (;;) {
      const auto until = std::chrono::steady_clock::now() + kSpin;
      do {
        for (int i = 0; i < 16; ++i) {
          if (stop.load(std::memory_order_relaxed)) return false;
          if (IsOpen(std::memory_order_relaxed)) return true;
          Pause();
        }
      } while (std::chrono::steady_clock::now() < until);
      // Either Run sees that somebody sleeps and changes `wakes`, or its parts are seen here: both
      // sides write first and read then, in one order for all.
      const uint32_t seen = wakes.load();
      sleeping.fetch_add(1);
      if (!IsOpen(std::memory_order_seq_cst) && !stop.load()) wakes.wait(seen);
      sleeping.fetch_sub(1);
    }
  }

  // By the caller, who has no part any more.
  void AwaitOthers() const {
    const Stopwatch stopwatch(&StepTimes::waiting);
    for (int pauses = 0; unfinished.load(std::memory_order_acquire) != 0;) {
      if (++pauses < kPausesBeforeYield) {
        Pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

  void Wake() {
    if (sleeping.load() == 0) return;
    wakes.fetch_add(1);
    wakes.notify_all();
  }

  void Stop() {
    stop.store(true);
    Wake();
    for (std::thread& worker : workers) worker.join();
  }
};

Pool::Pool(unsigned threads) : state_(std::make_unique<State>()) {
  State* state = state_.get();
  try {
    for (unsigned thread = 1; thread < threads; ++thread) {
      state->workers.emplace_back([state, thread] {
        while (state->Await()) state->Work(thread);
      });
    }
  } catch (const std::bad_alloc&) {
    state->Stop();
    throw;
  } catch (const std::system_error& error) {
    state->Stop();
    throw Fault(code::kOutOfMemory,
                "thread " + std::to_string(state->workers.size() + 2) + " of " +
                    std::to_string(threads) + " could not be started: " + error.what(),
                {}, {}, "ask for fewer threads");
  }
}

Pool::~Pool() { state_->Stop(); }

unsigned Pool::threads() const { return static_cast<unsigned>(state_->workers.size()) + 1; }

void Pool::Run(size_t parts, const std::function<void(size_t part, unsigned thread)>& body) {
  if (parts <= 1 || state_->workers.empty()) {
    for (size_t part = 0; part < parts; ++part) body(part, 0);
    return;
  }
  State& state = *state_;
  state.body = &body;
  state.unfinished.store(static_cast<uint32_t>(parts), std::memory_order_relaxed);
  state.ticket.store(static_cast<uint64_t>(parts) << 32);
  state.Wake();
  state.TakeParts(0);
  state.AwaitOthers();
  if (state.failed == kNone) return;
  state.failed = kNone;
  std::rethrow_exception(std::exchange(state.failure, nullptr));
}

double Pool::SecondsOfOthers() const { return 1e-9 * static_cast<double>(state_->worked); }

uint8_t* Pool::Scratch(size_t bytes) {
  if (bytes > state_->scratch_bytes) {
    state_->scratch.reset();
    state_->scratch_bytes = 0;
    state_->scratch = AllocateLargePages(bytes);
    state_->scratch_bytes = RoundUp(bytes, kLargePage);
  }
  return state_->scratch.get();
}

}  // namespace retemper::nn
