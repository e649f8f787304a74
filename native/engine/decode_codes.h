// Quantised weights (core/codes.h) as numbers: (code + add - zero) scale, rounded where the
// reference library rounds. Scalar and in float32, so that every machine has the same bits.
#pragma once

#include <cstdint>

#include "engine/decode_range.h"

namespace retemper {

// Bytes from the range's offset to the last of its codes.
uint64_t CodesBytes(const Codes& codes);
// Whether a row's codes lie one after the other.
bool CodesInRows(const Codes& codes);
// Anonymous memory of the rows that are made together, where they do not.
uint64_t CodesBandBytes(const Codes& codes);
// Where codes [first, first + n) lie, if that is one run of bytes.
StoredRun RunOfCodes(const Range& range, uint64_t first, uint64_t n);
// Why the codes cannot be what they say; nullptr: they can.
const char* CodesFault(const Range& range);
// Every range that the codes take beside their own.
std::vector<const Range*> RangesBeside(const Codes& codes);

// Elements [first, first + n) as T. Throws a Fault (BAD_INPUT) where a column's group is none.
template <class T>
void LoadCodes(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
               RangeBytes& bytes);

extern template void LoadCodes<float>(const Range&, uint64_t, size_t, float*, const Kernels<float>&,
                                      RangeBytes&);
extern template void LoadCodes<double>(const Range&, uint64_t, size_t, double*,
                                       const Kernels<double>&, RangeBytes&);

}  // namespace retemper
