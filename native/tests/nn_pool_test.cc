// The pool of generation: every part once, whatever the threads do; exceptions reach the caller; no
// load when idle.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "nn/pool.h"
#include "tests/check.h"

namespace retemper::nn {
namespace {

double ProcessorSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

TEST("runs every part exactly once, for any number of parts and threads") {
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    Pool pool(threads);
    CHECK_EQ(pool.threads(), threads);
    for (size_t parts : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 1000u}) {
      std::vector<int> times(parts, 0);  // not atomic: a part taken twice is a race as well
      std::atomic<int> outside{0};
      pool.Run(parts, [&](size_t part, unsigned thread) {
        if (part < parts && thread < threads) {
          ++times[part];
        } else {
          ++outside;
        }
      });
      CHECK_EQ(outside.load(), 0);
      for (int count : times) CHECK_EQ(count, 1);
    }
  }
}

TEST("shows each run's writes to the next, over thousands of short runs") {
  for (unsigned threads : {2u, 4u}) {
    Pool pool(threads);
    std::vector<uint64_t> values(16, 0);
    constexpr uint64_t kRuns = 5000;
    for (uint64_t run = 0; run < kRuns; ++run) {
      const size_t shift = run % 16;
      pool.Run(16, [&](size_t part, unsigned) { values[(part + shift) % 16] += part + run; });
    }
    uint64_t sum = 0;
    for (uint64_t value : values) sum += value;
    CHECK_EQ(sum, kRuns * 120 + 16 * (kRuns * (kRuns - 1) / 2));
  }
}

TEST("runs a body that differs from run to run, late workers included") {
  Pool pool(4);
  for (int run = 0; run < 3000; ++run) {
    std::atomic<int> count{0};
    const size_t parts = 2 + static_cast<size_t>(run % 5);
    pool.Run(parts, [&count, run](size_t, unsigned) { count += run; });
    CHECK_EQ(count.load(), run * static_cast<int>(parts));
  }
}

TEST("sleeps when there is nothing to do, and wakes up again") {
  Pool pool(3);
  std::atomic<int> count{0};
  for (int round = 0; round < 3; ++round) {
    pool.Run(64, [&](size_t, unsigned) { ++count; });
    const double before = ProcessorSeconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK(ProcessorSeconds() - before < 0.05);  // two spinning workers would have used 0.4
  }
  CHECK_EQ(count.load(), 192);
}

TEST("ends while its workers spin or sleep, and when it never ran") {
  for (int pause : {0, 1}) {
    for (int i = 0; i < 20; ++i) {
      Pool pool(4);
      if (i % 2 == 0) pool.Run(8, [](size_t, unsigned) {});
      if (pause != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

// What a run threw, and how many parts of it began.
struct Outcome {
  std::string message;
  int begun = 0;
};
template <class Body>
Outcome RunCounted(Pool& pool, size_t parts, Body body) {
  std::atomic<int> begun{0}, running{0};
  Outcome outcome;
  try {
    pool.Run(parts, [&](size_t part, unsigned thread) {
      ++begun;
      struct Mark {
        std::atomic<int>& count;
        explicit Mark(std::atomic<int>& counted) : count(counted) { ++count; }
        ~Mark() { --count; }
      } const mark(running);
      body(part, thread);
    });
  } catch (const Fault& fault) {
    outcome.message = fault.message;
  }
  CHECK_EQ(running.load(), 0);  // nobody is inside a body any more
  outcome.begun = begun;
  return outcome;
}

TEST("throws what a body threw, on the caller, when no body runs any more, and can be used again") {
  for (unsigned threads : {1u, 2u, 7u}) {
    Pool pool(threads);
    for (size_t failing : {0u, 1u, 5u, 63u}) {
      const Outcome outcome = RunCounted(pool, 64, [&](size_t part, unsigned) {
        if (part == failing) throw Fault(code::kBadInput, "part " + std::to_string(part));
      });
      CHECK_EQ(outcome.message, "part " + std::to_string(failing));
      CHECK(outcome.begun > static_cast<int>(failing));
      CHECK_EQ(RunCounted(pool, 64, [](size_t, unsigned) {}).begun, 64);
    }
  }
}

TEST("throws the exception of the lowest part that fails, whoever is the first to fail") {
  for (unsigned threads : {1u, 2u, 7u}) {
    Pool pool(threads);
    for (int round = 0; round < 300; ++round) {
      const size_t lowest = static_cast<size_t>(round) % 20;
      const Outcome outcome = RunCounted(pool, 40, [&](size_t part, unsigned) {
        if (part < lowest) return;
        // The lowest one is late: others fail before it.
        if (part == lowest && threads > 1) std::this_thread::yield();
        throw Fault(code::kBadInput, std::to_string(part));
      });
      CHECK_EQ(outcome.message, std::to_string(lowest));
    }
  }
}

TEST("leaves parts out once a lower one has failed") {
  for (unsigned threads : {1u, 2u, 7u}) {
    Pool pool(threads);
    constexpr int kParts = 1 << 20;  // all of them would take minutes
    const Outcome outcome = RunCounted(pool, kParts, [&](size_t part, unsigned) {
      if (part == 0) throw Fault(code::kBadInput, "first");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    CHECK_EQ(outcome.message, "first");
    CHECK(outcome.begun < kParts);
  }
}

TEST("carries exceptions of any kind, when every thread throws in every part") {
  Pool pool(4);
  for (int round = 0; round < 100; ++round) {
    bool caught = false;
    try {
      pool.Run(100, [](size_t, unsigned) { throw std::bad_alloc(); });
    } catch (const std::bad_alloc&) {
      caught = true;
    }
    CHECK(caught);
    int number = 0;
    try {
      pool.Run(100, [](size_t part, unsigned) { throw static_cast<int>(part) + 7; });
    } catch (int thrown) {
      number = thrown;
    }
    CHECK_EQ(number, 7);
  }
}

TEST("gives aligned scratch memory that it keeps between calls") {
  Pool pool(1);
  uint8_t* first = pool.Scratch(100);
  CHECK_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
  std::memset(first, 1, 100);
  CHECK(pool.Scratch(64) == first);
  uint8_t* larger = pool.Scratch(1 << 20);
  CHECK_EQ(reinterpret_cast<uintptr_t>(larger) % 64, 0u);
  std::memset(larger, 1, 1 << 20);
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
