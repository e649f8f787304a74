#include "io/sigbus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

namespace retemper {
namespace {

// A file each: 64 models of 64 shards. Beyond that, files are read by pread.
constexpr int kSlots = 4096;

struct Slot {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};  // 0: free
  std::atomic<bool> faulted{false};
};

// Constant-initialised, so the handler can never meet a half-made one.
constinit std::array<Slot, kSlots> slots{};
constinit std::atomic<int> used_slots{0};  // no slot at or after this one was ever used
constinit std::mutex guards_mutex;
int guards = 0;
uintptr_t page_size = 0;
struct sigaction previous;

void CallPrevious(int signal, siginfo_t* info, void* context) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    ::signal(
        signal,
        SIG_DFL);  // the access happens again and ends the process, as it would have without us
  }
}

// Only async-signal-safe calls: atomics and mmap.
void OnSigbus(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const int used = used_slots.load(std::memory_order_acquire);
  for (int i = 0; i < used; ++i) {
    Slot& slot = slots[static_cast<size_t>(i)];
    const uintptr_t end = slot.end.load(std::memory_order_acquire);
    if (end == 0 || address >= end || address < slot.begin.load(std::memory_order_acquire))
      continue;
    void* page = reinterpret_cast<void*>(address / page_size * page_size);
    if (::mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED) {
      break;
    }
    slot.faulted.store(true, std::memory_order_release);
    return;
  }
  CallPrevious(signal, info, context);
}

void InstallHandler() {
  page_size = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = &OnSigbus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous);
}

void RestoreHandler() {
  struct sigaction current;
  ::sigaction(SIGBUS, nullptr, &current);
  // Somebody who came later keeps his handler; ours then stays in his chain.
  if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == &OnSigbus) {
    ::sigaction(SIGBUS, &previous, nullptr);
  }
}

}  // namespace

SigbusGuard::SigbusGuard(void* data, size_t size) {
  const std::lock_guard<std::mutex> lock(guards_mutex);
  for (int i = 0; i < kSlots; ++i) {
    Slot& slot = slots[static_cast<size_t>(i)];
    if (slot.end.load(std::memory_order_relaxed) != 0) continue;
    if (guards++ == 0) InstallHandler();
    slot.faulted.store(false, std::memory_order_relaxed);
    slot.begin.store(reinterpret_cast<uintptr_t>(data), std::memory_order_release);
    slot.end.store(reinterpret_cast<uintptr_t>(data) + size, std::memory_order_release);
    if (used_slots.load(std::memory_order_relaxed) <= i) {
      used_slots.store(i + 1, std::memory_order_release);
    }
    slot_ = i;
    return;
  }
}

SigbusGuard::SigbusGuard(SigbusGuard&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

SigbusGuard& SigbusGuard::operator=(SigbusGuard&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

void SigbusGuard::Release() {
  if (slot_ < 0) return;
  const std::lock_guard<std::mutex> lock(guards_mutex);
  slots[static_cast<size_t>(std::exchange(slot_, -1))].end.store(0, std::memory_order_release);
  if (--guards == 0) RestoreHandler();
}

bool SigbusGuard::faulted() const {
  return slot_ >= 0 && slots[static_cast<size_t>(slot_)].faulted.load(std::memory_order_acquire);
}

}  // namespace retemper
