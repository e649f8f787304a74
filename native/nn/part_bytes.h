// How finely a product's weights are cut among threads.
#pragma once

#include <algorithm>
#include <cstddef>

namespace retemper::nn {

// Bytes of weights that a thread multiplies in one go, at least, of `weights` bytes in all.
inline size_t BytesOfAPart(size_t weights, size_t rows, unsigned threads) {
  constexpr size_t kLeast = 32 * 1024;  // some microseconds of work
  constexpr size_t kFewRows = 8, kPartsOfAThread = 4;
  // Few rows wait for memory, and each thread asks ahead for the weights that follow its own: parts
  // are so long that these are mostly its own too, and few enough that none waits long at the end.
  if (threads == 1 || rows > kFewRows) return kLeast;
  return std::max(kLeast, weights / (kPartsOfAThread * threads));
}

}  // namespace retemper::nn
