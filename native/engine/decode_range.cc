#include "engine/decode_range.h"

#include <algorithm>

#include "engine/decode_codes.h"
#include "engine/decode_view.h"

namespace retemper {

const uint8_t* FileBytes::Read(uint32_t input, uint64_t offset, size_t size, uint64_t,
                               size_t channel) {
  if (copies_.size() <= channel) copies_.resize(channel + 1);
  const InputFile& file = inputs_[input];
  if (!file.mapped()) copies_[channel].resize(size);
  return file.Read(offset, size, copies_[channel].data());
}

namespace {

// Elements and bytes of what is decoded as a whole.
struct Unit {
  uint64_t elements, bytes;
};
Unit UnitOf(const Range& range) {
  if (range.encoding && range.encoding->kind == EncodingKind::kBlocks) {
    const BlockFormatFacts& facts = FactsOf(range.encoding->blocks);
    return {facts.elements, facts.bytes};
  }
  return {1, SizeOf(range.dtype)};
}

// [first, first + n) in the order in which they are stored.
template <class T>
void LoadStored(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
                RangeBytes& bytes) {
  const Unit unit = UnitOf(range);
  const uint64_t begin = first / unit.elements,
                 end = (first + n + unit.elements - 1) / unit.elements;
  const uint8_t* from =
      bytes.Read(range.input, range.offset + begin * unit.bytes, (end - begin) * unit.bytes,
                 range.offset + StoredBytes(range), 0);
  if (unit.elements == 1) return kernels.load(from, range.dtype, n, out);
  const BlockFormat format = range.encoding->blocks;
  size_t skipped = first % unit.elements;
  while (n > 0) {
    const size_t whole = skipped == 0 ? n / unit.elements : 0;
    if (whole > 0) {
      kernels.decode_blocks(from, format, whole, out);
      from += whole * unit.bytes;
      out += whole * unit.elements;
      n -= whole * unit.elements;
      continue;
    }
    T block[256];
    kernels.decode_blocks(from, format, 1, block);
    const size_t take = std::min<size_t>(n, unit.elements - skipped);
    std::copy_n(block + skipped, take, out);
    from += unit.bytes;
    out += take;
    n -= take;
    skipped = 0;
  }
}

// Where row `row` of the range is stored.
uint64_t StoredRow(const Encoding& encoding, uint64_t row) {
  if (encoding.interleave == 0) return row;
  const uint64_t half = encoding.interleave / 2, within = row % encoding.interleave;
  return row - within + 2 * (within % half) + within / half;
}

// Rows of a transposed range are made in bands: as many as a unit of the stored rows has elements.
constexpr uint64_t kLeastBand = 32;
uint64_t BandHeight(const Range& range) { return std::max(kLeastBand, UnitOf(range).elements); }

template <class T>
void LoadTransposed(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
                    RangeBytes& bytes) {
  const uint64_t rows = range.encoding->row, cols = range.count / rows;
  const uint64_t height = BandHeight(range);
  Worker::Band& band = bytes.band();
  while (n > 0) {
    const uint64_t row = first / cols, col = first % cols, number = row / height;
    const uint64_t top = number * height, count = std::min(height, rows - top);
    if (band.owner != &range || band.number != number) {
      band.owner = nullptr;
      T* made = static_cast<T*>(band.memory.Reserve(height * cols * sizeof(T)));
      std::vector<T> stored(count);
      for (uint64_t c = 0; c < cols; ++c) {
        LoadStored(range, c * rows + top, count, stored.data(), kernels, bytes);
        for (uint64_t r = 0; r < count; ++r) made[r * cols + c] = stored[r];
      }
      band.owner = &range;
      band.number = number;
    }
    const T* made = static_cast<const T*>(band.memory.Reserve(height * cols * sizeof(T)));
    const size_t take = std::min<uint64_t>(n, cols - col);
    std::copy_n(made + (row - top) * cols + col, take, out);
    out += take;
    first += take;
    n -= take;
  }
}

}  // namespace

bool IsView(const Range& range) { return range.encoding && !range.encoding->view.empty(); }

uint64_t StoredBytes(const Range& range) {
  if (range.encoding && range.encoding->codes) return CodesBytes(*range.encoding->codes);
  if (IsView(range)) return ViewBytes(range);
  const Unit unit = UnitOf(range);
  return range.count / unit.elements * unit.bytes;
}

uint64_t BandBytes(const Range& range) {
  if (range.encoding && range.encoding->codes) return CodesBandBytes(*range.encoding->codes);
  if (IsView(range)) return ViewBandBytes(range);
  if (!range.encoding || !range.encoding->transposed || range.count == 0) return 0;
  return BandHeight(range) * (range.count / range.encoding->row) * sizeof(double);
}

StoredRun RunOf(const Range& range, uint64_t first, uint64_t n) {
  if (n == 0) return {};
  if (range.encoding && range.encoding->codes) return RunOfCodes(range, first, n);
  if (range.encoding && (range.encoding->interleave > 0 || range.encoding->transposed)) return {};
  if (IsView(range)) return {};
  const Unit unit = UnitOf(range);
  const uint64_t begin = first / unit.elements,
                 end = (first + n + unit.elements - 1) / unit.elements;
  return {range.offset + begin * unit.bytes, (end - begin) * unit.bytes};
}

const char* EncodingFault(const Range& range) {
  if (!range.encoding) return nullptr;
  const Encoding& encoding = *range.encoding;
  if (!IsFloat(range.dtype)) return "encoded elements are no floats";
  if ((encoding.kind == EncodingKind::kCodes) != encoding.codes.has_value())
    return "an encoding of codes has none";
  if (encoding.codes) return CodesFault(range);
  if (const char* fault = IsView(range) ? ViewFault(range) : nullptr) return fault;
  if ((encoding.kind == EncodingKind::kBlocks) != (encoding.blocks != BlockFormat::kNone))
    return "an encoding of blocks has no format";
  if (encoding.row == 0 || range.count % encoding.row != 0) return "encoded rows are not whole";
  if (encoding.row % UnitOf(range).elements != 0) return "an encoded row is not of whole blocks";
  if (encoding.interleave == 0) return nullptr;
  if (encoding.transposed) return "transposed rows are interleaved";
  if (encoding.interleave % 2 != 0 || range.count / encoding.row % encoding.interleave != 0)
    return "interleaved rows are not in whole groups";
  return nullptr;
}

template <class T>
void LoadRange(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
               RangeBytes& bytes) {
  if (!range.encoding) return LoadStored(range, first, n, out, kernels, bytes);
  const Encoding& encoding = *range.encoding;
  if (encoding.codes) return LoadCodes(range, first, n, out, kernels, bytes);
  if (IsView(range)) {
    LoadView(range, first, n, out, kernels, bytes);
  } else if (encoding.transposed) {
    LoadTransposed(range, first, n, out, kernels, bytes);
  } else if (encoding.interleave == 0) {
    LoadStored(range, first, n, out, kernels, bytes);
  } else {
    for (size_t done = 0; done < n;) {
      const uint64_t row = (first + done) / encoding.row, col = (first + done) % encoding.row;
      const size_t take = std::min<uint64_t>(n - done, encoding.row - col);
      LoadStored(range, StoredRow(encoding, row) * encoding.row + col, take, out + done, kernels,
                 bytes);
      done += take;
    }
  }
  if (encoding.plus != 0) {
    const T plus = static_cast<T>(encoding.plus);
    for (size_t i = 0; i < n; ++i) out[i] += plus;
  }
}

template void LoadRange<float>(const Range&, uint64_t, size_t, float*, const Kernels<float>&,
                               RangeBytes&);
template void LoadRange<double>(const Range&, uint64_t, size_t, double*, const Kernels<double>&,
                                RangeBytes&);

}  // namespace retemper
