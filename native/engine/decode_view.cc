#include "engine/decode_view.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace retemper {
namespace {

using View = std::vector<ViewSide>;

// Elements that are made together along a side whose elements lie together.
constexpr uint64_t kBandLength = 32;
// Elements that are read at once where a row takes only some of them.
constexpr uint64_t kMostSpan = 4096;

uint64_t Lengths(const View& view, size_t from, size_t to) {
  uint64_t product = 1;
  for (size_t side = from; side < to; ++side) product *= view[side].length;
  return product;
}

// Elements before the one with number `index` of sides [from, to), in their order.
uint64_t Place(const View& view, size_t from, size_t to, uint64_t index) {
  uint64_t place = 0;
  for (size_t side = to; side-- > from;) {
    place += index % view[side].length * view[side].stride;
    index /= view[side].length;
  }
  return place;
}

uint64_t Span(const View& view) {
  uint64_t last = 0;
  for (const ViewSide& side : view) last += (side.length - 1) * side.stride;
  return last + 1;
}

// The side whose elements lie together, if it is not the last one, which decides what lies
// together in a row; else the number of sides.
size_t TurnedSide(const View& view) {
  if (view.back().stride <= 1) return view.size();
  const auto found =
      std::find_if(view.begin(), view.end(), [](const ViewSide& side) { return side.stride == 1; });
  return static_cast<size_t>(found - view.begin());
}

// Reads stored elements of a range.
template <class T>
class Elements {
 public:
  Elements(const Range& range, const Kernels<T>& kernels, RangeBytes& bytes)
      : range_(range),
        kernels_(kernels),
        bytes_(bytes),
        size_(SizeOf(range.dtype)),
        end_(range.offset + ViewBytes(range)) {}

  // [place, place + n)
  void Load(uint64_t place, size_t n, T* out) {
    const uint64_t at = range_.offset + place * size_;
    kernels_.load(bytes_.Read(range_.input, at, n * size_, end_, 0), range_.dtype, n, out);
  }
  // place, place + stride, ...
  void LoadEach(uint64_t place, uint64_t stride, size_t n, T* out) {
    if (stride == 1) return Load(place, n, out);
    if (stride == 0) {
      Load(place, 1, out);
      std::fill_n(out + 1, n - 1, out[0]);
      return;
    }
    for (size_t done = 0; done < n;) {
      const size_t take = std::min<uint64_t>(n - done, (kMostSpan - 1) / stride + 1);
      const uint64_t at = range_.offset + (place + done * stride) * size_;
      const uint8_t* from =
          bytes_.Read(range_.input, at, ((take - 1) * stride + 1) * size_, end_, 0);
      picked_.resize(take * size_);
      for (size_t i = 0; i < take; ++i)
        std::memcpy(picked_.data() + i * size_, from + i * stride * size_, size_);
      kernels_.load(picked_.data(), range_.dtype, take, out + done);
      done += take;
    }
  }

 private:
  const Range& range_;
  const Kernels<T>& kernels_;
  RangeBytes& bytes_;
  const size_t size_;
  const uint64_t end_;
  std::vector<uint8_t> picked_;
};

// Row by row.
template <class T>
void LoadRows(const View& view, uint64_t first, size_t n, T* out, Elements<T>& elements) {
  const ViewSide row = view.back();
  while (n > 0) {
    const uint64_t col = first % row.length;
    const size_t take = std::min<uint64_t>(n, row.length - col);
    const uint64_t place = Place(view, 0, view.size() - 1, first / row.length) + col * row.stride;
    elements.LoadEach(place, row.stride, take, out);
    out += take;
    first += take;
    n -= take;
  }
}

// Side `turned` has elements that lie together: some of them at a time, with all of the sides
// behind it, are made as a band, of which the values are taken.
template <class T>
void LoadTurned(const Range& range, size_t turned, uint64_t first, size_t n, T* out,
                Elements<T>& elements, Worker::Band& band) {
  const View& view = range.encoding->view;
  const uint64_t length = view[turned].length, inner = Lengths(view, turned + 1, view.size());
  const uint64_t bands = (length + kBandLength - 1) / kBandLength;
  while (n > 0) {
    const uint64_t row = first / inner, outer = row / length, at = row % length;
    const uint64_t top = at / kBandLength * kBandLength,
                   count = std::min(kBandLength, length - top);
    const uint64_t number = outer * bands + at / kBandLength;
    T* made = static_cast<T*>(band.memory.Reserve(kBandLength * inner * sizeof(T)));
    if (band.owner != &range || band.number != number) {
      band.owner = nullptr;
      const uint64_t begin = Place(view, 0, turned, outer) + top;
      T run[kBandLength];
      for (uint64_t i = 0; i < inner; ++i) {
        elements.Load(begin + Place(view, turned + 1, view.size(), i), count, run);
        for (uint64_t r = 0; r < count; ++r) made[r * inner + i] = run[r];
      }
      band.owner = &range;
      band.number = number;
    }
    const uint64_t from = (at - top) * inner + first % inner;
    const size_t take = std::min<uint64_t>(n, count * inner - from);
    std::copy_n(made + from, take, out);
    out += take;
    first += take;
    n -= take;
  }
}

}  // namespace

uint64_t ViewBytes(const Range& range) {
  return range.count == 0 ? 0 : Span(range.encoding->view) * SizeOf(range.dtype);
}

uint64_t ViewBandBytes(const Range& range) {
  const View& view = range.encoding->view;
  const size_t turned = TurnedSide(view);
  if (turned == view.size()) return 0;
  return kBandLength * Lengths(view, turned + 1, view.size()) * sizeof(double);
}

const char* ViewFault(const Range& range) {
  constexpr uint64_t kMost = uint64_t{1} << 48;
  const Encoding& encoding = *range.encoding;
  if (encoding.kind != EncodingKind::kElements || encoding.transposed || encoding.interleave > 0)
    return "a view is of plain elements";
  uint64_t elements = 1, last = 0;
  for (const ViewSide& side : encoding.view) {
    uint64_t beyond = 0;
    if (side.length == 0 || side.stride > kMost ||
        __builtin_mul_overflow(elements, side.length, &elements) ||
        __builtin_mul_overflow(side.length - 1, side.stride, &beyond) || beyond > kMost ||
        (last += beyond) > kMost)
      return "a view's sides are none";
  }
  return elements == range.count ? nullptr : "a view has another number of elements";
}

template <class T>
void LoadView(const Range& range, uint64_t first, size_t n, T* out, const Kernels<T>& kernels,
              RangeBytes& bytes) {
  const View& view = range.encoding->view;
  const size_t turned = TurnedSide(view);
  Elements<T> elements(range, kernels, bytes);
  if (turned == view.size()) {
    LoadRows(view, first, n, out, elements);
  } else {
    LoadTurned(range, turned, first, n, out, elements, bytes.band());
  }
}

template void LoadView<float>(const Range&, uint64_t, size_t, float*, const Kernels<float>&,
                              RangeBytes&);
template void LoadView<double>(const Range&, uint64_t, size_t, double*, const Kernels<double>&,
                               RangeBytes&);

}  // namespace retemper
