// Activations packed in the order in which products read them, and tiles of widened weights. No
// include guard, part of matmul_lanes-inl.h.

size_t BlocksOf(size_t in) { return (in + kBlock - 1) / kBlock; }
// Rows a cache line further apart than they need: rows at multiples of 4 KiB would share few lines.
size_t PackedStride(size_t in) { return BlocksOf(in) * kBlockFloats + kLanes; }

size_t PackedBytes(const Matrix& w, size_t rows, Precision) {
  return rows * PackedStride(w.in) * sizeof(float);
}

// Of activations that are multiplied by weights of `dtype`.
inline void PackBlock(const float* __restrict block, Dtype dtype, Precision precision,
                      float* __restrict to) {
#if RETEMPER_BF16_PAIRS
  (void)dtype, (void)precision;
  // To nearest, ties to even, as FloatToBf16; what is below the smallest normal number is 0 here,
  // as in the product.
  const __m512bh pairs = _mm512_cvtne2ps_pbh(LoadVec(block + kVec), LoadVec(block));
  StoreVec(to, __builtin_bit_cast(Vec, pairs));
#else
  float rounded[kBlock];
  if (precision == Precision::kBfloat16) {
    for (size_t i = 0; i < kBlock; ++i) rounded[i] = Bf16ToFloat(FloatToBf16(block[i]));
    block = rounded;
  }
  if (dtype == Dtype::kBF16) {
    for (size_t l = 0; l < kLanes; ++l) {
      to[l] = block[2 * l];
      to[kLanes + l] = block[2 * l + 1];
    }
  } else {
    __builtin_memcpy(to, block, kBlock * sizeof(float));
  }
#endif
}

void Pack(const Matrix& w, const float* x, size_t x_stride, size_t rows, Precision precision,
          size_t group, uint8_t* packed) {
  const size_t end = std::min(rows, (group + 1) * kRowsOfAGroup);
  for (size_t row = group * kRowsOfAGroup; row < end; ++row) {
    const float* from = x + row * x_stride;
    float* to = reinterpret_cast<float*>(packed) + row * PackedStride(w.in);
    size_t left = w.in;
    for (; left >= kBlock; left -= kBlock, from += kBlock, to += kBlockFloats) {
      PackBlock(from, w.dtype, precision, to);
    }
    if (left == 0) continue;
    float last[kBlock] = {};
    __builtin_memcpy(last, from, left * sizeof(float));
    PackBlock(last, w.dtype, precision, to);
  }
}

// The last weights of one output that is not in_major, fewer than 32, followed by zeros.
inline void CopyLastBlock(const Matrix& w, size_t out, uint8_t* block) {
  const size_t bytes = SizeOf(w.dtype), first = w.in / kBlock * kBlock;
  __builtin_memset(block, 0, kBlock * bytes);
  __builtin_memcpy(block, w.data + (out * w.in + first) * bytes, (w.in - first) * bytes);
}

// The same inputs of `outs` outputs that is in_major: 32 blocks side by side, zeros after the end.
template <class W>
inline void CopyBlocks(const Matrix& w, size_t first_out, size_t outs, size_t first_in,
                       uint8_t* blocks) {
  constexpr size_t kBytes = W::kBlockBytes / kBlock;
  const size_t n = std::min(w.in - first_in, kBlock);
  if (n < kBlock) __builtin_memset(blocks, 0, outs * W::kBlockBytes);
  for (size_t i = 0; i < n; ++i) {
    const uint8_t* from = w.data + ((first_in + i) * w.out + first_out) * kBytes;
    for (size_t o = 0; o < outs; ++o) {
      __builtin_memcpy(blocks + o * W::kBlockBytes + i * kBytes, from + o * kBytes, kBytes);
    }
  }
}

template <class W>
inline void WidenBlock(const uint8_t* block, float* to) {
  for (int half = 0; half < kHalves; ++half) {
    for (size_t sub = 0; sub < kSubs; ++sub) {
      StoreVec(to + half * kLanes + sub * kVec, W::Weights(block, half, sub));
    }
  }
}

constexpr size_t kInMajorOuts = 48;  // that are filled at once, to use whole lines of the file

// `outs` outputs by `blocks` blocks, widened, output by output.
template <class W>
void FillTile(const Matrix& w, size_t first_out, size_t outs, size_t first_block, size_t blocks,
              float* tile) {
  const size_t tile_stride = blocks * kBlockFloats;
  for (size_t block = 0; block < blocks; ++block, tile += kBlockFloats) {
    const size_t in = (first_block + block) * kBlock;
    alignas(64) uint8_t copies[kInMajorOuts * W::kBlockBytes];
    if (w.in_major) CopyBlocks<W>(w, first_out, outs, in, copies);
    for (size_t o = 0; o < outs; ++o) {
      const uint8_t* from = w.data + ((first_out + o) * w.in + in) * SizeOf(w.dtype);
      if (w.in_major) {
        from = copies + o * W::kBlockBytes;
      } else if (in + kBlock > w.in) {
        CopyLastBlock(w, first_out + o, copies);
        from = copies;
      }
      WidenBlock<W>(from, tile + o * tile_stride);
    }
  }
}
