#include "nn/trained_attention.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace retemper::nn {
namespace {

// Queries are taken in blocks, so that scores take kBlock x length numbers, not length x length.
constexpr size_t kBlock = 32;

// Queries [begin, begin + count) and the positions [low, low + seen) that at least one of them
// sees.
struct Block {
  size_t begin = 0, count = 0;
  size_t low = 0, seen = 0;
};

// to[cols, rows] = from[rows, cols]
void Transpose(const float* from, size_t from_stride, size_t rows, size_t cols, float* to,
               size_t to_stride) {
  constexpr size_t kSquare = 16;
  for (size_t r = 0; r < rows; r += kSquare) {
    for (size_t c = 0; c < cols; c += kSquare) {
      for (size_t i = r; i < std::min(rows, r + kSquare); ++i) {
        for (size_t j = c; j < std::min(cols, c + kSquare); ++j) {
          to[j * to_stride + i] = from[i * from_stride + j];
        }
      }
    }
  }
}

}  // namespace

// One sequence and one key/value head, with the queries' heads that share it: what one thread
// computes, and what both directions begin with. Vectors of one head are [length, head_dim].
class TrainedAttention::Part {
 public:
  // `x` and everything that is as long begin at the sequence's first row.
  Part(const Context& context, const AttendSpec& spec, RopeTable* rope, const float* x,
       size_t first_row, size_t length, size_t kv_head)
      : first_row(first_row),
        length(length),
        width((spec.heads + 2 * spec.kv_heads) * spec.head_dim),
        key_column((spec.heads + kv_head) * spec.head_dim),
        value_column(key_column + spec.kv_heads * spec.head_dim),
        context_(context),
        spec_(spec),
        rope_(rope),
        x_(x + first_row * width),
        kv_head_(kv_head),
        keys_(length * spec.head_dim),
        transposed_keys_(spec.head_dim * length),
        queries_(length * spec.head_dim),
        probabilities_(kBlock * length) {
    Prepare(key_column, spec.key_norm, keys_.data());
    Transpose(keys_.data(), spec.head_dim, length, spec.head_dim, transposed_keys_.data(), length);
  }

  // Calls compute(head) for each of the queries' heads, whose queries are loaded.
  template <class Compute>
  void EachHead(Compute compute) {
    const size_t group = spec_.heads / spec_.kv_heads;
    for (size_t head = kv_head_ * group; head < (kv_head_ + 1) * group; ++head) {
      Prepare(head * spec_.head_dim, spec_.query_norm, queries_.data());
      compute(head);
    }
  }
  template <class Compute>
  void EachBlock(Compute compute) const {
    for (size_t begin = 0; begin < length; begin += kBlock) {
      const size_t count = std::min(kBlock, length - begin), low = FirstSeen(begin);
      compute(Block{begin, count, low, begin + count - low});
    }
  }

  // softmax(scale queries keys^T) of a block, [count, seen]; 0 where a query does not see. With a
  // cap of scores, `slopes` (where it is not null) takes the cap's derivative at each score that is
  // seen.
  const float* Probabilities(const Block& block, float* slopes) {
    const size_t dim = spec_.head_dim;
    context_.training.multiply(false, false, block.count, block.seen, dim, queries(block.begin),
                               dim, transposed_keys_.data() + block.low, length,
                               probabilities_.data(), block.seen);
    for (size_t i = 0; i < block.count; ++i) {
      const size_t position = block.begin + i;
      const size_t first = FirstSeen(position) - block.low, last = position + 1 - block.low;
      float* row = probabilities_.data() + i * block.seen;
      Softmax(row + first, last - first,
              slopes != nullptr ? slopes + i * block.seen + first : nullptr);
      std::fill(row, row + first, 0.0f);
      std::fill(row + last, row + block.seen, 0.0f);
    }
    return probabilities_.data();
  }

  const float* queries(size_t position) const {
    return queries_.data() + position * spec_.head_dim;
  }
  const float* keys(size_t position) const { return keys_.data() + position * spec_.head_dim; }
  // Rows are `width` apart.
  const float* values(size_t position) const { return x_ + position * width + value_column; }

  // The gradient of prepared queries or keys to that of what `column` has of them, in dx: turned
  // the other way, then through the norm. Overwrites `gradient`.
  void GiveBack(size_t column, const std::optional<Norm>& norm, float* gradient, float* dx) const {
    const size_t dim = spec_.head_dim;
    std::vector<float> sines(rope_ != nullptr ? rope_->half() : 0);
    for (size_t i = 0; i < length; ++i) {
      float* row = gradient + i * dim;
      if (rope_ != nullptr) {
        for (size_t h = 0; h < sines.size(); ++h) sines[h] = -rope_->Sines(i)[h];
        context_.kernels.rotate(rope_->Cosines(i), sines.data(), rope_->half(), row);
      }
      float* to = dx + (first_row + i) * width + column;
      if (norm) {
        std::fill(to, to + dim, 0.0f);
        (norm->layer ? context_.training.layer_norm_backward : context_.training.rms_norm_backward)(
            x_ + i * width + column, norm->weight.Of(0), norm->epsilon, row, dim, to);
      } else {
        std::memcpy(to, row, dim * sizeof(float));
      }
    }
  }

  const size_t first_row, length;
  const size_t width;  // of a row of x
  const size_t key_column, value_column;

 private:
  size_t FirstSeen(size_t position) const {
    return spec_.window != 0 && position + 1 > spec_.window ? position + 1 - spec_.window : 0;
  }

  // Queries or keys of one head: normed, then turned by their positions.
  void Prepare(size_t column, const std::optional<Norm>& norm, float* to) const {
    for (size_t i = 0; i < length; ++i) {
      const float* from = x_ + i * width + column;
      float* row = to + i * spec_.head_dim;
      if (norm) {
        norm->Apply(context_.kernels, from, 0, row);
      } else {
        std::memcpy(row, from, spec_.head_dim * sizeof(float));
      }
      if (rope_ != nullptr) {
        context_.kernels.rotate(rope_->Cosines(i), rope_->Sines(i), rope_->half(), row);
      }
    }
  }

  void Softmax(float* scores, size_t n, float* slopes) const {
    context_.kernels.scale(spec_.scale, n, scores);
    if (spec_.softcap != 0.0f) context_.kernels.softcap(spec_.softcap, n, scores);
    const float greatest = *std::max_element(scores, scores + n);
    if (slopes != nullptr) {  // 1 - (capped / cap)^2
      for (size_t j = 0; j < n; ++j) {
        const float share = scores[j] / spec_.softcap;
        slopes[j] = 1.0f - share * share;
      }
    }
    const double sum = context_.training.exponentials(greatest, n, scores);
    context_.kernels.scale(static_cast<float>(1.0 / sum), n, scores);
  }

  const Context& context_;
  const AttendSpec& spec_;
  RopeTable* rope_;
  const float* x_;  // the sequence's first row
  size_t kv_head_;
  std::vector<float> keys_, transposed_keys_, queries_, probabilities_;
};

TrainedAttention::TrainedAttention(Context& context, AttendSpec spec) : spec_(std::move(spec)) {
  // The checks are those of generation's.
  const Attend checked(context, spec_);
  if (!spec_.rope) return;
  rope_ = &context.RopeOf(spec_.rope->inverse_frequencies, spec_.rope->magnitude);
  if (spec_.rope->long_inverse_frequencies.empty()) return;
  long_rope_ = &context.RopeOf(spec_.rope->long_inverse_frequencies, spec_.rope->magnitude);
}

// Calls compute(part) for each sequence and key/value head, on the context's threads.
template <class Compute>
void TrainedAttention::EachPart(Context& context, const float* x, std::span<const int32_t> lengths,
                                Compute compute) const {
  std::vector<size_t> starts(lengths.size() + 1, 0);
  size_t longest = 0;
  for (size_t s = 0; s < lengths.size(); ++s) {
    starts[s + 1] = starts[s] + static_cast<size_t>(lengths[s]);
    longest = std::max(longest, static_cast<size_t>(lengths[s]));
  }
  for (RopeTable* table : {rope_, long_rope_}) {
    if (table != nullptr) table->Grow(longest);
  }
  context.pool.Run(lengths.size() * spec_.kv_heads, [&](size_t task, unsigned) {
    const size_t sequence = task / spec_.kv_heads, kv_head = task % spec_.kv_heads;
    if (lengths[sequence] == 0) return;
    const bool is_long = long_rope_ != nullptr && lengths[sequence] > spec_.rope->long_from;
    Part part(context, spec_, is_long ? long_rope_ : rope_, x, starts[sequence],
              static_cast<size_t>(lengths[sequence]), kv_head);
    compute(part);
  });
}

void TrainedAttention::Forward(Context& context, const float* x, std::span<const int32_t> lengths,
                               float* y) const {
  const size_t dim = spec_.head_dim;
  EachPart(context, x, lengths, [&](Part& part) {
    part.EachHead([&](size_t head) {
      part.EachBlock([&](const Block& block) {
        const float* probabilities = part.Probabilities(block, nullptr);
        float* to = y + (part.first_row + block.begin) * out() + head * dim;
        context.training.multiply(false, false, block.count, dim, block.seen, probabilities,
                                  block.seen, part.values(block.low), part.width, to, out());
      });
    });
  });
}

// With P the probabilities and dP = dy values^T: d values = P^T dy, and the gradient of scores is
// P (dP - sum(P dP)) by the rule of softmax, times the slope of their cap; queries and keys get
// its products with each other.
void TrainedAttention::Backward(Context& context, const float* x, std::span<const int32_t> lengths,
                                const float* dy, float* dx) const {
  const TrainingKernels& kernels = context.training;
  const size_t dim = spec_.head_dim;
  const bool has_cap = spec_.softcap != 0.0f;
  EachPart(context, x, lengths, [&](Part& part) {
    const size_t length = part.length;
    std::vector<float> transposed_values(dim * length);
    Transpose(part.values(0), part.width, length, dim, transposed_values.data(), length);
    std::vector<float> d_keys(length * dim), d_values(length * dim), d_queries(length * dim);
    std::vector<float> d_scores(kBlock * length), slopes(has_cap ? kBlock * length : 0);

    const auto scores_back = [&](const Block& block, const float* probabilities) {
      for (size_t i = 0; i < block.count; ++i) {
        const float* row = probabilities + i * block.seen;
        float* d = d_scores.data() + i * block.seen;
        const auto along = static_cast<float>(kernels.dot(row, d, block.seen));
        kernels.softmax_backward(row, along, block.seen, d);
        if (has_cap) {
          // Where a query does not see, d is 0 and no slope was written.
          for (size_t j = 0; j < block.seen; ++j)
            d[j] = row[j] == 0.0f ? 0.0f : d[j] * slopes[i * block.seen + j];
        }
        context.kernels.scale(spec_.scale, block.seen, d);
      }
    };

    part.EachHead([&](size_t head) {
      part.EachBlock([&](const Block& block) {
        const size_t seen = block.seen;
        const float* probabilities = part.Probabilities(block, has_cap ? slopes.data() : nullptr);
        const float* own = dy + (part.first_row + block.begin) * out() + head * dim;
        kernels.multiply(true, true, seen, dim, block.count, probabilities, seen, own, out(),
                         d_values.data() + block.low * dim, dim);
        kernels.multiply(false, false, block.count, seen, dim, own, out(),
                         transposed_values.data() + block.low, length, d_scores.data(), seen);
        scores_back(block, probabilities);
        kernels.multiply(false, false, block.count, dim, seen, d_scores.data(), seen,
                         part.keys(block.low), dim, d_queries.data() + block.begin * dim, dim);
        kernels.multiply(true, true, seen, dim, block.count, d_scores.data(), seen,
                         part.queries(block.begin), dim, d_keys.data() + block.low * dim, dim);
      });
      part.GiveBack(head * dim, spec_.query_norm, d_queries.data(), dx);
    });
    part.GiveBack(part.key_column, spec_.key_norm, d_keys.data(), dx);
    for (size_t i = 0; i < length; ++i) {
      std::memcpy(dx + (part.first_row + i) * part.width + part.value_column,
                  d_values.data() + i * dim, dim * sizeof(float));
    }
  });
}

}  // namespace retemper::nn
