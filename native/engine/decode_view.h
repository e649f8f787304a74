// Views (torch's name for a tensor that takes elements of a larger run by steps of its own: a
// transposed or cut matrix, one element many times) as numbers in row-major order.
#pragma once

#include <cstdint>

#include "engine/decode_range.h"

namespace retemper {

// Bytes from the range's offset to the end of the last element that the view takes.
uint64_t ViewBytes(const Range& range);
// Anonymous memory of the rows that are made together, where a row's elements do not lie together.
uint64_t ViewBandBytes(const Range& range);
// Why the view cannot be what it says; nullptr: it can.
const char* ViewFault(const Range& range);

// Elements [first, first + n) as T.
template <class T>
void LoadView(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
              RangeBytes& bytes);

extern template void LoadView<float>(const Range&, uint64_t, size_t, float*, const Kernels<float>&,
                                     RangeBytes&);
extern template void LoadView<double>(const Range&, uint64_t, size_t, double*,
                                      const Kernels<double>&, RangeBytes&);

}  // namespace retemper
