#include "core/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

namespace retemper {
namespace {

alignas(16) constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

constexpr uint32_t kInitial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

uint32_t LoadBigEndian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 |
         uint32_t{bytes[3]};
}

void CompressPortable(uint32_t state[8], const uint8_t* blocks, size_t count) {
  for (; count > 0; --count, blocks += Sha256::kBlockBytes) {
    uint32_t w[64];
    for (int t = 0; t < 16; ++t) w[t] = LoadBigEndian(blocks + 4 * t);
    for (int t = 16; t < 64; ++t) {
      const uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
      const uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; ++t) {
      const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[t] + w[t];
      const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) state[i] += sums[i];
  }
}

#if defined(__x86_64__)

// Four rounds a step. w[step % 4] holds the step's message words and becomes those of step + 4.
// Each round waits for the one before it, so that two messages at once take hardly longer than one.
template <int kMessages>
__attribute__((target("sha,sse4.1,ssse3"))) inline void CompressSome(uint32_t* const* states,
                                                                     const uint8_t* const* messages,
                                                                     size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abef[kMessages], cdgh[kMessages];
  for (int m = 0; m < kMessages; ++m) {
    // The instructions want the state as {f, e, b, a} and {h, g, d, c}, lowest lane first.
    __m128i abcd = _mm_loadu_si128(reinterpret_cast<const __m128i*>(states[m]));
    __m128i efgh = _mm_loadu_si128(reinterpret_cast<const __m128i*>(states[m] + 4));
    abcd = _mm_shuffle_epi32(abcd, 0xB1);
    efgh = _mm_shuffle_epi32(efgh, 0x1B);
    abef[m] = _mm_alignr_epi8(abcd, efgh, 8);
    cdgh[m] = _mm_blend_epi16(efgh, abcd, 0xF0);
  }
  for (size_t block = 0; block < count; ++block) {
    __m128i abef_before[kMessages], cdgh_before[kMessages], w[kMessages][4];
    for (int m = 0; m < kMessages; ++m) {
      abef_before[m] = abef[m];
      cdgh_before[m] = cdgh[m];
      const auto* words =
          reinterpret_cast<const __m128i*>(messages[m] + block * Sha256::kBlockBytes);
      for (int i = 0; i < 4; ++i)
        w[m][i] = _mm_shuffle_epi8(_mm_loadu_si128(words + i), big_endian);
    }
#pragma GCC unroll 16
    for (int step = 0; step < 16; ++step) {
      const __m128i round = _mm_load_si128(reinterpret_cast<const __m128i*>(kRound) + step);
#pragma GCC unroll 2
      for (int m = 0; m < kMessages; ++m) {
        __m128i& now = w[m][step & 3];
        const __m128i next = w[m][(step + 1) & 3], after = w[m][(step + 2) & 3],
                      last = w[m][(step + 3) & 3];
        __m128i sum = _mm_add_epi32(now, round);
        cdgh[m] = _mm_sha256rnds2_epu32(cdgh[m], abef[m], sum);
        sum = _mm_shuffle_epi32(sum, 0x0E);
        abef[m] = _mm_sha256rnds2_epu32(abef[m], cdgh[m], sum);
        if (step < 12) {
          const __m128i minus7 = _mm_alignr_epi8(last, after, 4);
          now = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, next), minus7), last);
        }
      }
    }
    for (int m = 0; m < kMessages; ++m) {
      abef[m] = _mm_add_epi32(abef[m], abef_before[m]);
      cdgh[m] = _mm_add_epi32(cdgh[m], cdgh_before[m]);
    }
  }
  for (int m = 0; m < kMessages; ++m) {
    const __m128i feba = _mm_shuffle_epi32(abef[m], 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(cdgh[m], 0xB1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(states[m]), _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(states[m] + 4), _mm_alignr_epi8(dchg, feba, 8));
  }
}
__attribute__((target("sha,sse4.1,ssse3"))) void CompressShaNi(uint32_t state[8],
                                                               const uint8_t* blocks,
                                                               size_t count) {
  CompressSome<1>(&state, &blocks, count);
}
__attribute__((target("sha,sse4.1,ssse3"))) void CompressTwoShaNi(uint32_t* const* states,
                                                                  const uint8_t* const* blocks,
                                                                  size_t count) {
  CompressSome<2>(states, blocks, count);
}

bool CpuHasShaNi() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
}

#elif defined(__aarch64__)

#if defined(__clang__)
#define RETEMPER_ARM_SHA __attribute__((target("sha2")))
#else
#define RETEMPER_ARM_SHA __attribute__((target("+crypto")))
#endif

RETEMPER_ARM_SHA void CompressArmv8(uint32_t state[8], const uint8_t* blocks, size_t count) {
  uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
  for (; count > 0; --count, blocks += Sha256::kBlockBytes) {
    const uint32x4_t abcd_before = abcd, efgh_before = efgh;
    uint32x4_t w[4];
    for (int i = 0; i < 4; ++i) {
      w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i)));
    }
    for (int step = 0; step < 16; ++step) {
      uint32x4_t& now = w[step & 3];
      const uint32x4_t next = w[(step + 1) & 3], after = w[(step + 2) & 3],
                       last = w[(step + 3) & 3];
      const uint32x4_t sum = vaddq_u32(now, vld1q_u32(kRound + 4 * step));
      const uint32x4_t abcd_old = abcd;
      abcd = vsha256hq_u32(abcd, efgh, sum);
      efgh = vsha256h2q_u32(efgh, abcd_old, sum);
      if (step < 12) now = vsha256su1q_u32(vsha256su0q_u32(now, next), after, last);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

bool CpuHasArmv8Sha() {
#if defined(__linux__)
  return (::getauxval(AT_HWCAP) & (1ul << 6)) != 0;  // HWCAP_SHA2
#elif defined(__APPLE__)
  return true;
#else
  return false;
#endif
}

#endif

Sha256Target Fastest() {
  for (const Sha256Target target : {Sha256Target::kShaNi, Sha256Target::kArmv8}) {
    if (Sha256Has(target)) return target;
  }
  return Sha256Target::kPortable;
}

}  // namespace

bool Sha256Has(Sha256Target target) {
  switch (target) {
    case Sha256Target::kPortable:
      return true;
    case Sha256Target::kShaNi: {
#if defined(__x86_64__)
      static const bool has = CpuHasShaNi();
      return has;
#else
      return false;
#endif
    }
    case Sha256Target::kArmv8: {
#if defined(__aarch64__)
      static const bool has = CpuHasArmv8Sha();
      return has;
#else
      return false;
#endif
    }
  }
  return false;
}

Sha256::Sha256() : Sha256(Fastest()) {}

Sha256::Sha256(Sha256Target target) : compress_(&CompressPortable) {
#if defined(__x86_64__)
  if (target == Sha256Target::kShaNi && Sha256Has(target)) compress_ = &CompressShaNi;
#elif defined(__aarch64__)
  if (target == Sha256Target::kArmv8 && Sha256Has(target)) compress_ = &CompressArmv8;
#endif
  std::copy(std::begin(kInitial), std::end(kInitial), state_);
}

void Sha256::Update(const void* data, size_t size) {
  auto* bytes = static_cast<const uint8_t*>(data);
  const size_t held = size_ % kBlockBytes;
  size_ += size;
  if (size == 0) return;
  if (held > 0) {
    const size_t taken = std::min(size, kBlockBytes - held);
    std::memcpy(pending_ + held, bytes, taken);
    bytes += taken;
    size -= taken;
    if (held + taken < kBlockBytes) return;
    compress_(state_, pending_, 1);
  }
  if (size >= kBlockBytes) {
    const size_t blocks = size / kBlockBytes;
    compress_(state_, bytes, blocks);
    bytes += blocks * kBlockBytes;
    size -= blocks * kBlockBytes;
  }
  if (size > 0) std::memcpy(pending_, bytes, size);
}

void Sha256::UpdateTwo(Sha256& a, const void* data_a, Sha256& b, const void* data_b, size_t size) {
  auto* from_a = static_cast<const uint8_t*>(data_a);
  auto* from_b = static_cast<const uint8_t*>(data_b);
#if defined(__x86_64__)
  // Up to the ends of their blocks, which may lie at different places.
  const size_t head_a = (kBlockBytes - a.size_ % kBlockBytes) % kBlockBytes;
  const size_t head_b = (kBlockBytes - b.size_ % kBlockBytes) % kBlockBytes;
  if (a.compress_ == &CompressShaNi && b.compress_ == &CompressShaNi &&
      size >= std::max(head_a, head_b) + kBlockBytes) {
    a.Update(from_a, head_a);
    b.Update(from_b, head_b);
    const size_t blocks = (size - std::max(head_a, head_b)) / kBlockBytes;
    uint32_t* states[] = {a.state_, b.state_};
    const uint8_t* messages[] = {from_a + head_a, from_b + head_b};
    CompressTwoShaNi(states, messages, blocks);
    const size_t taken = blocks * kBlockBytes;
    a.size_ += taken;
    b.size_ += taken;
    a.Update(from_a + head_a + taken, size - head_a - taken);
    b.Update(from_b + head_b + taken, size - head_b - taken);
    return;
  }
#endif
  a.Update(from_a, size);
  b.Update(from_b, size);
}

Sha256::Digest Sha256::Finish() {
  const uint64_t bits = size_ * 8;
  uint8_t padding[kBlockBytes + 8] = {0x80};
  // One bit, zeros up to 8 bytes before the end of a block, the length in bits.
  const size_t held = size_ % kBlockBytes;
  const size_t zeros_end = held < 56 ? 56 - held : 120 - held;
  for (size_t i = 0; i < 8; ++i) {
    padding[zeros_end + i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  }
  Update(padding, zeros_end + 8);
  Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

std::string Sha256::FinishHex() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : Finish()) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace retemper
