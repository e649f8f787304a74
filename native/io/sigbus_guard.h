// Keeps a file that is cut off while it is mapped from killing the process.
//
// Reading a mapped page that the file no longer has raises SIGBUS. While at least one guard exists,
// a handler turns the fault into a page of zeros and a flag; faults outside of guarded ranges go to
// the handler that was there before. A signal handler belongs to the process, so this is the one
// place with process-wide state; it is safe from any thread.
#pragma once
#include <cstddef>

namespace retemper {

class SigbusGuard {
 public:
  SigbusGuard() = default;
  // Guards [data, data + size). Not active when all places are taken: then do not use the mapping.
  SigbusGuard(void* data, size_t size);
  SigbusGuard(SigbusGuard&& other) noexcept;
  SigbusGuard& operator=(SigbusGuard&& other) noexcept;
  SigbusGuard(const SigbusGuard&) = delete;
  SigbusGuard& operator=(const SigbusGuard&) = delete;
  ~SigbusGuard() { Release(); }

  void Release();
  bool active() const { return slot_ >= 0; }
  // True once a page of the range could not be read; what was read since may be zeros.
  bool faulted() const;

 private:
  int slot_ = -1;
};

}  // namespace retemper
