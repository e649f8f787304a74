#include "cpu/product_targets.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace retemper {

namespace {

bool HasAvx512Bf16() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

bool AskForAmx() {
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
  if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0 || !HasAvx512Bf16()) return false;
  // Linux keeps the large state of tiles for those only who asked, in any thread, for all of them.
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

// Linux's answer, by the bits of its <asm/hwcap.h>, which older headers lack.
#if defined(__aarch64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP, of AT_HWCAP
constexpr unsigned long kBfloat16 = 1ul << 14;     // HWCAP2_BF16, of AT_HWCAP2
bool HasNeon(unsigned long which, unsigned long bit) { return (::getauxval(which) & bit) != 0; }
#endif

}  // namespace

bool HasNeonDot() {
#if defined(__aarch64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
  return HasNeon(AT_HWCAP, kDotProducts);
#else
  return false;
#endif
}

bool HasNeonBf16() {
#if defined(__aarch64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
  return HasNeon(AT_HWCAP2, kBfloat16);
#else
  return false;
#endif
}

bool HasAmx() {
  static const bool has = AskForAmx();
  return has;
}

std::vector<const char*> ProductTargets() {
  std::vector<const char*> targets;
  if (HasAvx512Bf16()) targets.push_back("avx512_bf16");
  if (HasAmx()) targets.push_back("amx");
  if (HasNeonDot()) targets.push_back("neon_dot");
  if (HasNeonBf16()) targets.push_back("neon_bf16");
  return targets;
}

}  // namespace retemper
