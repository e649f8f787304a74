// The random numbers of DARE and DELLA: Philox4x32 with 7 rounds (Salmon et al., "Parallel Random
// Numbers: As Easy as 1, 2, 3", SC 2011), keyed by (seed, tensor name, model) and counted by
// element, so that a mask does not depend on threads, tiles, instruction sets or devices.
//
// Elements are numbered so that a group of 64 takes 16 counters with 4 words each: element 64 g +
// 16 w + l is word w of counter 16 g + l. Then 16 lanes fill contiguous runs and loops over lanes
// vectorise.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/host_device.h"

namespace retemper {

struct RngKey {
  uint32_t low = 0;
  uint32_t high = 0;
};

inline constexpr int kRngGroup = 64;
inline constexpr int kRngLanes = 16;
inline constexpr int kRngRounds = 7;
inline constexpr uint32_t kPhiloxM0 = 0xD2511F53u, kPhiloxM1 = 0xCD9E8D57u;
inline constexpr uint32_t kPhiloxW0 = 0x9E3779B9u, kPhiloxW1 = 0xBB67AE85u;

// FNV-1a over the parts, then the finaliser of SplitMix64 to spread neighbouring seeds.
inline RngKey MakeRngKey(uint64_t seed, std::string_view tensor, uint32_t model) {
  uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&hash](uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3u; };
  for (int i = 0; i < 8; ++i) add(static_cast<uint8_t>(seed >> (8 * i)));
  for (const char c : tensor) add(static_cast<uint8_t>(c));
  add(0);
  for (int i = 0; i < 4; ++i) add(static_cast<uint8_t>(model >> (8 * i)));
  hash ^= hash >> 30;
  hash *= 0xbf58476d1ce4e5b9u;
  hash ^= hash >> 27;
  hash *= 0x94d049bb133111ebu;
  hash ^= hash >> 31;
  return {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)};
}

// One draw alone, for targets that compute one element a thread.
RETEMPER_HD uint32_t DrawOne(RngKey key, uint64_t element) {
  const uint64_t counter = element / kRngGroup * kRngLanes + element % kRngLanes;
  const uint32_t word = static_cast<uint32_t>(element % kRngGroup / kRngLanes);
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32);
  uint32_t c2 = 0, c3 = 0, k0 = key.low, k1 = key.high;
  for (int round = 0; round < kRngRounds; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(kPhiloxM0) * c0;
    const uint64_t p1 = static_cast<uint64_t>(kPhiloxM1) * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    k0 += kPhiloxW0;
    k1 += kPhiloxW1;
  }
  return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}

// The keep threshold of a probability: an element is kept where its draw is below it. 2^32 keeps
// everything.
inline uint64_t KeepThreshold(double probability) {
  if (!(probability > 0)) return 0;
  if (probability >= 1) return uint64_t{1} << 32;
  return static_cast<uint64_t>(probability * 0x1p32 + 0.5);
}

}  // namespace retemper
