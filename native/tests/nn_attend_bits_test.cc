// Attention gives the same bits whatever the batch, the way a prompt is cut into steps, and the
// number of threads.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "nn/attend.h"
#include "tests/check.h"
#include "tests/nn_attend_cases.h"
#include "tests/nn_random.h"

namespace retemper::nn {
namespace {

using test::Random;

TEST("gives the same bits in a prefill, in pieces, in decoding, in a batch, on any threads") {
  for (const VectorKernels* kernels : AvailableVectorKernels()) {
    for (const Shape& shape : kShapes) {
      // Bits do not depend on sizes: one shape crosses a chunk, the others a page.
      Random random(shape.heads + shape.head_dim);
      const size_t lengths[] = {shape.heads == 9 ? size_t{280} : 100, 1, 64, 70};
      std::vector<std::vector<float>> x, expected;
      Context whole(1, Precision::kFloat32, *kernels);
      const Attend attend(whole, SpecOf(shape));
      const CacheElements elements =
          shape.heads % 2 == 0 ? CacheElements::kInt8 : CacheElements::kFloat32;
      {
        const auto cache = CacheOf(shape, 4, 500, elements);
        for (size_t slot = 0; slot < 4; ++slot) {
          x.push_back(random.Normals(lengths[slot] * attend.in()));
        }
        for (size_t slot = 0; slot < 4; ++slot) {
          expected.push_back(RunPieces(whole, attend, *cache, x, {{slot, 0, lengths[slot]}}));
        }
      }
      for (const unsigned threads : {2u, 3u}) {
        Context context(threads, Precision::kFloat32, *kernels);
        const Attend again(context, SpecOf(shape));
        const auto cache = CacheOf(shape, 4, 500, elements);
        std::vector<std::vector<float>> results(4);
        size_t done[4] = {};
        // Steps of random pieces of random sequences; half of them a single row, as in decoding.
        while (!std::equal(done, done + 4, lengths)) {
          std::vector<Piece> pieces;
          for (size_t slot = 0; slot < 4; ++slot) {
            const size_t left = lengths[slot] - done[slot];
            if (left == 0 || random.Below(4) == 0) continue;
            const size_t count =
                random.Below(2) > 0 ? 1 : 1 + random.Below(std::min<size_t>(left, 90));
            pieces.push_back({slot, done[slot], done[slot] + std::min(count, left)});
          }
          const std::vector<float> y = RunPieces(context, again, *cache, x, pieces);
          auto from = y.begin();
          for (const Piece& piece : pieces) {
            const auto size = static_cast<ptrdiff_t>((piece.end - piece.begin) * again.out());
            results[piece.slot].insert(results[piece.slot].end(), from, from + size);
            from += size;
            done[piece.slot] = piece.end;
          }
        }
        for (size_t slot = 0; slot < 4; ++slot) CHECK(SameBits(results[slot], expected[slot]));
      }
    }
  }
}

TEST("shares out the chunks of a long context to the same bits") {
  const Shape shape = {4, 1, 64, 0, 0, 64};
  const size_t length = 2100;
  std::vector<float> first;
  for (const unsigned threads : {1u, 4u}) {
    Context context(threads, Precision::kFloat32);
    const Attend attend(context, SpecOf(shape));
    const auto cache = CacheOf(shape, 1, length);
    Random same(10);
    const std::vector<std::vector<float>> x = {same.Normals(length * attend.in())};
    RunPieces(context, attend, *cache, x, {{0, 0, length - 1}});
    const std::vector<float> last =
        RunPieces(context, attend, *cache, x, {{0, length - 1, length}});
    if (first.empty()) first = last;
    CHECK(SameBits(last, first));
  }
}

}  // namespace
}  // namespace retemper::nn

int main() { return retemper::test::RunAll(); }
