// Divisions that round up, as cutting something into pieces needs them.
#pragma once

#include <cstddef>

namespace retemper {

// How many pieces of b, the last perhaps smaller, make a. b is not 0.
constexpr size_t DivideUp(size_t a, size_t b) { return (a + b - 1) / b; }
// The least multiple of b that is not smaller than a.
constexpr size_t RoundUp(size_t a, size_t b) { return DivideUp(a, b) * b; }

}  // namespace retemper
