// Keys and values of the sequences in work, in pages that forks of a sequence share.
//
// A page holds kPagePositions positions of all layers and heads. Of each layer and key/value head
// it holds the keys transposed, [head_dim, kPagePositions], and the values, [kPagePositions,
// value_stride]: the layouts that attention multiplies by. Codes of 8 bits have the scales of both
// after them, [2, kPagePositions]. A full page never changes, so forks count references to it; the
// last, partial one is copied.
//
// Not safe for several threads, except that KeysOf and ValuesOf may be used by all once room is
// made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/divide_up.h"
#include "nn/vector_kernels.h"

namespace retemper::nn {

struct CacheLayer {
  size_t kv_heads = 0;
  size_t head_dim = 0;
  bool operator==(const CacheLayer&) const = default;
};

// Rows of a step that append the positions [begin, begin + count) to one slot.
struct CacheRun {
  size_t slot = 0;
  size_t begin = 0;
  size_t count = 0;
  size_t row = 0;  // the first one's place in the step
};

class PagedCache {
 public:
  // Any `slots` sequences with `tokens` positions in all fit. Throws OUT_OF_MEMORY.
  PagedCache(std::vector<CacheLayer> layers, size_t slots, size_t tokens, CacheElements elements);

  // Of one position, and of everything.
  static size_t BytesOfToken(const std::vector<CacheLayer>& layers, CacheElements elements);
  size_t bytes() const { return pages_ * page_bytes_; }

  size_t layers() const { return layers_.size(); }
  const CacheLayer& layer(size_t index) const { return layers_[index]; }
  size_t slots() const { return sequences_.size(); }
  CacheElements elements() const { return elements_; }

  // Makes room for what a layer is about to append. Throws, before anything changes, USAGE where a
  // run does not begin where its slot ends, and OUT_OF_MEMORY when no pages are left.
  void Extend(size_t layer, const std::vector<CacheRun>& runs);
  // Makes the empty slot `to` begin with `length` positions of `from`. Throws USAGE and
  // OUT_OF_MEMORY as above.
  void Fork(size_t from, size_t to, size_t length);
  // Forgets a sequence; an empty slot stays empty. Throws USAGE for a slot that does not exist.
  void Release(size_t slot);

  // A page of a slot: `page` counts kPagePositions positions each.
  uint8_t* KeysOf(size_t slot, size_t page, size_t layer, size_t kv_head) {
    return Place(slot, page, layer) + kv_head * HeadBytes(layer);
  }
  uint8_t* ValuesOf(size_t slot, size_t page, size_t layer, size_t kv_head) {
    return KeysOf(slot, page, layer, kv_head) + KeyBytes(layer);
  }
  // Of codes: the scales of a page's keys, then those of its values.
  float* ScalesOf(size_t slot, size_t page, size_t layer, size_t kv_head) {
    return reinterpret_cast<float*>(ValuesOf(slot, page, layer, kv_head) + ValueBytes(layer));
  }
  size_t ValueStride(size_t layer) const { return Padded(layers_[layer].head_dim); }
  size_t free_pages() const { return free_.size(); }

 private:
  struct Sequence {
    std::vector<uint32_t> pages;
    std::vector<uint32_t> lengths;  // of each layer; the same outside of a step
  };
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };

  static size_t Padded(size_t n) { return RoundUp(n, kValueAlignment); }
  // Of one position.
  static size_t ScaleBytes(CacheElements elements) {
    return elements == CacheElements::kInt8 ? 2 * sizeof(float) : 0;
  }
  size_t KeyBytes(size_t layer) const {
    return layers_[layer].head_dim * kPagePositions * SizeOf(elements_);
  }
  size_t ValueBytes(size_t layer) const {
    return ValueStride(layer) * kPagePositions * SizeOf(elements_);
  }
  size_t HeadBytes(size_t layer) const {
    return KeyBytes(layer) + ValueBytes(layer) + ScaleBytes(elements_) * kPagePositions;
  }
  uint8_t* Place(size_t slot, size_t page, size_t layer) {
    return memory_.get() + sequences_[slot].pages[page] * page_bytes_ + layer_offsets_[layer];
  }
  Sequence& SequenceOf(size_t slot);
  uint32_t TakePage();
  [[noreturn]] void ThrowFull() const;

  std::vector<CacheLayer> layers_;
  CacheElements elements_;
  std::vector<size_t> layer_offsets_;
  size_t page_bytes_ = 0;
  size_t pages_ = 0;
  std::unique_ptr<uint8_t, Free> memory_;
  std::vector<uint32_t> free_;  // the last one was used last: its memory is there
  std::vector<uint32_t> references_;
  std::vector<Sequence> sequences_;
};

}  // namespace retemper::nn
