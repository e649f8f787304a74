#include "lowrank/panel_packing.h"

#include <algorithm>

namespace retemper::lowrank {

void PackColumns(const Dense& d, size_t first, size_t count, std::vector<float>& packed,
                 nn::Pool& pool) {
  const size_t panels = Panels(count);
  packed.resize(panels * d.rows * kPanel);
  constexpr size_t kRows = 64;
  pool.Run((d.rows + kRows - 1) / kRows, [&](size_t block, unsigned) {
    for (size_t row = block * kRows; row < std::min(d.rows, (block + 1) * kRows); ++row) {
      const float* from = d.data + row * d.cols + first;
      for (size_t panel = 0; panel < panels; ++panel) {
        float* to = packed.data() + (panel * d.rows + row) * kPanel;
        const size_t some = std::min(kPanel, count - panel * kPanel);
        std::copy_n(from + panel * kPanel, some, to);
        std::fill(to + some, to + kPanel, 0.0f);
      }
    }
  });
}

void PackRows(const Dense& d, size_t first, size_t count, std::vector<float>& packed,
              nn::Pool& pool) {
  packed.resize(Panels(count) * d.cols * kPanel);
  pool.Run(Panels(count), [&](size_t panel, unsigned) {
    float* to = packed.data() + panel * d.cols * kPanel;
    const size_t some = std::min(kPanel, count - panel * kPanel);
    if (some < kPanel) std::fill_n(to, d.cols * kPanel, 0.0f);
    // Columns by small blocks: 16 rows are read at once, each a line at a time.
    constexpr size_t kColumns = 256;
    for (size_t start = 0; start < d.cols; start += kColumns) {
      const size_t end = std::min(d.cols, start + kColumns);
      for (size_t lane = 0; lane < some; ++lane) {
        const float* from = d.data + (first + panel * kPanel + lane) * d.cols;
        for (size_t j = start; j < end; ++j) to[j * kPanel + lane] = from[j];
      }
    }
  });
}

void Transpose(const Dense& d, float* to, nn::Pool& pool) {
  constexpr size_t kBlock = 32;  // lines of both sides fit the first-level cache
  pool.Run((d.cols + kBlock - 1) / kBlock, [&](size_t block, unsigned) {
    const size_t end = std::min(d.cols, (block + 1) * kBlock);
    for (size_t start = 0; start < d.rows; start += kBlock) {
      const size_t last = std::min(d.rows, start + kBlock);
      for (size_t j = block * kBlock; j < end; ++j)
        for (size_t row = start; row < last; ++row) to[j * d.rows + row] = d.data[row * d.cols + j];
    }
  });
}

}  // namespace retemper::lowrank
