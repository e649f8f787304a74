// Random masks of a result whose rows are written in another order than the models have: each
// element draws what it draws where the order is kept.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/plan.h"
#include "cpu/kernels.h"

namespace retemper {

// The draws of elements [first, first + n) of the result, into `out`.
inline void DrawFor(const TensorSpec& spec, const Target& target, RngKey key, uint64_t first,
                    size_t n, uint32_t* out) {
  if (!spec.form.Rearranges()) return target.draw(key, first, n, out);
  const uint64_t rows = spec.FirstDim(), cols = spec.Elements() / rows;
  for (size_t done = 0; done < n;) {
    const uint64_t row = (first + done) / cols, col = (first + done) % cols;
    const size_t take = std::min<uint64_t>(n - done, cols - col);
    if (spec.form.transposed) {
      for (size_t i = 0; i < take; ++i) out[done + i] = DrawOne(key, (col + i) * rows + row);
    } else {
      target.draw(key, SourceRow(spec.form, row) * cols + col, take, out + done);
    }
    done += take;
  }
}

}  // namespace retemper
