// SHA-256 (FIPS 180-4), fed piece by piece, with the CPU's own instructions where there are any.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace retemper {

enum class Sha256Target { kPortable, kShaNi, kArmv8 };

// Whether this CPU, and this build, have it. kPortable is always there.
bool Sha256Has(Sha256Target target);

class Sha256 {
 public:
  static constexpr size_t kBlockBytes = 64;
  using Digest = std::array<uint8_t, 32>;

  Sha256();  // the fastest target that there is
  explicit Sha256(Sha256Target target);

  void Update(const void* data, size_t size);
  // a.Update(data_a, size) and b.Update(data_b, size), in less time where the CPU can do both at
  // once. `a` and `b` are two.
  static void UpdateTwo(Sha256& a, const void* data_a, Sha256& b, const void* data_b, size_t size);
  // Ends the message; Update must not be called after it.
  Digest Finish();
  // The same in lower-case hexadecimal digits.
  std::string FinishHex();

 private:
  using Compress = void (*)(uint32_t state[8], const uint8_t* blocks, size_t count);

  Compress compress_;
  uint32_t state_[8];
  uint64_t size_ = 0;  // bytes so far
  uint8_t pending_[kBlockBytes];
};

}  // namespace retemper
