// Calls that ask the system for memory or a thread, replaced by ones that fail when a test says so:
// operator new and aligned_alloc, mmap of a file, pthread_create. Included by one file of a
// program. Linux only: there a program's own definition serves its libraries too.
#pragma once
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <thread>

#include "core/status.h"
#include "tests/check.h"

namespace retemper::test {

enum class Failing : int { kNothing, kMemory, kMapping, kThread };

// Which call fails: the `at`-th one from 1, and all after it where it lasts.
inline std::atomic<Failing> failing{Failing::kNothing};
inline std::atomic<uint64_t> calls{0}, fails_at{0};
inline std::atomic<bool> lasts{false}, has_failed{false};

// False before main: sanitizers call some of the replaced functions before they are ready
// themselves.
inline bool ready = false;

inline bool IsTime(Failing kind) {
  if (failing.load(std::memory_order_relaxed) != kind) return false;
  const uint64_t call = ++calls;
  if (call != fails_at && !(lasts && call > fails_at)) return false;
  has_failed = true;
  return true;
}

inline size_t EntriesOf(const char* folder) {
  size_t count = 0;
  DIR* open = ::opendir(folder);
  if (open == nullptr) Fail(__FILE__, __LINE__, std::string("cannot read ") + folder);
  while (::readdir(open) != nullptr) ++count;
  ::closedir(open);
  return count;
}

// Of this process before it starts any; a sanitizer starts one of its own beside the first.
inline size_t OwnThreads() {
  std::thread([] {}).join();
  size_t count = 0, before = 1;
  while (count != before) {
    before = count;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    count = EntriesOf("/proc/self/task");
  }
  return count;
}

// A thread that was joined may still be listed for a moment.
inline void CheckThreads(size_t expected) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (EntriesOf("/proc/self/task") != expected && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK_EQ(EntriesOf("/proc/self/task"), expected);
}

// The thread sanitizer makes starting threads slow, and looks at every run for races.
#ifdef __SANITIZE_THREAD__
inline constexpr bool kSlow = true;
#else
inline constexpr bool kSlow = false;
#endif

// From a call to the next that is tried. Later calls repeat themselves, and are tried further and
// further apart; in the long form only those of a `sparse` run.
inline uint64_t NextCall(uint64_t at, bool sparse) {
  if (!kSlow && !sparse && Long()) return at + 1;
  return at + 1 + at / (kSlow || !Long() ? 8 : 32);
}

// Runs `body` again and again while its first, second, ... call fails, until none does: each time
// it ends well, or with OUT_OF_MEMORY, and no file and no thread is left open. `check(failed)`
// looks at what was made. `sparse`: not every call is tried, whatever the form of the tests.
// Returns how many runs had a call that failed.
template <class Body, class Check>
uint64_t FailEach(Failing kind, bool lasting, bool sparse, Body body, Check check) {
  ready = true;
  const size_t threads = OwnThreads();
  body();  // what is made once is there
  CheckThreads(threads);
  check(false);
  const size_t files = EntriesOf("/proc/self/fd");
  uint64_t runs = 0;
  for (uint64_t at = 1;; at = NextCall(at, sparse)) {
    calls = 0;
    fails_at = at;
    lasts = lasting;
    has_failed = false;
    bool threw = true;
    failing = kind;
    try {
      body();
      failing = Failing::kNothing;
      threw = false;
    } catch (const Fault& fault) {
      failing = Failing::kNothing;
      CHECK_EQ(fault.code, std::string(code::kOutOfMemory));
    } catch (const std::bad_alloc&) {
      failing = Failing::kNothing;
    }
    check(threw);
    CHECK_EQ(EntriesOf("/proc/self/fd"), files);
    CheckThreads(threads);
    if (!has_failed) {
      CHECK(!threw);
      return runs;
    }
    ++runs;
  }
}

}  // namespace retemper::test

namespace {

void* Allocate(size_t size, size_t alignment) noexcept {
  if (retemper::test::IsTime(retemper::test::Failing::kMemory)) return nullptr;
  void* memory = nullptr;
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  return posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}
void* AllocateOrThrow(size_t size, size_t alignment) {
  void* memory = Allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// Not inlined: a compiler would take free for the wrong partner of new.
__attribute__((noinline)) void Release(void* memory) noexcept { free(memory); }
constexpr size_t kUsual = alignof(std::max_align_t);

template <class Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

void* operator new(size_t n) { return AllocateOrThrow(n, kUsual); }
void* operator new[](size_t n) { return AllocateOrThrow(n, kUsual); }
void* operator new(size_t n, std::align_val_t a) {
  return AllocateOrThrow(n, static_cast<size_t>(a));
}
void* operator new[](size_t n, std::align_val_t a) {
  return AllocateOrThrow(n, static_cast<size_t>(a));
}
void* operator new(size_t n, const std::nothrow_t&) noexcept { return Allocate(n, kUsual); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept { return Allocate(n, kUsual); }
void operator delete(void* p) noexcept { Release(p); }
void operator delete[](void* p) noexcept { Release(p); }
void operator delete(void* p, size_t) noexcept { Release(p); }
void operator delete[](void* p, size_t) noexcept { Release(p); }
void operator delete(void* p, std::align_val_t) noexcept { Release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { Release(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { Release(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { Release(p); }

// Seen by libraries, too.
#pragma GCC visibility push(default)
extern "C" {

void* aligned_alloc(size_t alignment, size_t size) noexcept { return Allocate(size, alignment); }

__attribute__((no_sanitize("thread"))) void* mmap(void* address, size_t size, int protection,
                                                  int flags, int fd, off_t offset) noexcept {
  if (!retemper::test::ready) {
    return reinterpret_cast<void*>(syscall(SYS_mmap, address, size, protection, flags, fd, offset));
  }
  using Function = void* (*)(void*, size_t, int, int, int, off_t);
  static const auto real = Real<Function>("mmap");
  if (fd >= 0 && retemper::test::IsTime(retemper::test::Failing::kMapping)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return real(address, size, protection, flags, fd, offset);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  using Function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = Real<Function>("pthread_create");
  if (retemper::test::IsTime(retemper::test::Failing::kThread)) return EAGAIN;
  return real(thread, attributes, start, argument);
}

}  // extern "C"
#pragma GCC visibility pop
