#include "nn/paged_cache.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "core/divide_up.h"
#include "core/status.h"

namespace retemper::nn {
namespace {

size_t Pages(size_t positions) { return DivideUp(positions, kPagePositions); }

}  // namespace

size_t PagedCache::BytesOfToken(const std::vector<CacheLayer>& layers, CacheElements elements) {
  size_t bytes = 0;
  for (const CacheLayer& layer : layers) {
    const size_t values = layer.head_dim + Padded(layer.head_dim);
    bytes += layer.kv_heads * (values * SizeOf(elements) + ScaleBytes(elements));
  }
  return bytes;
}

PagedCache::PagedCache(std::vector<CacheLayer> layers, size_t slots, size_t tokens,
                       CacheElements elements)
    : layers_(std::move(layers)), elements_(elements) {
  for (size_t i = 0; i < layers_.size(); ++i) {
    layer_offsets_.push_back(page_bytes_);
    page_bytes_ += layers_[i].kv_heads * HeadBytes(i);
  }
  // Every sequence may leave a part of its last page empty.
  pages_ = Pages(tokens) + slots;
  size_t size = 0;
  const bool countable = pages_ <= std::numeric_limits<uint32_t>::max() &&
                         !__builtin_mul_overflow(pages_, page_bytes_, &size) &&
                         size <= std::numeric_limits<ptrdiff_t>::max() - 64;
  // Not touched here: the system gives memory when a page is first used.
  if (countable) {
    memory_.reset(
        static_cast<uint8_t*>(std::aligned_alloc(64, std::max<size_t>(RoundUp(size, 64), 64))));
  }
  if (memory_ == nullptr) {
    throw Fault(code::kOutOfMemory,
                "a cache of " + std::to_string(tokens) + " tokens needs " +
                    std::to_string(page_bytes_ / kPagePositions) +
                    " bytes each, which the system does not give",
                {}, {},
                "allow fewer tokens or sequences at once, or keep keys and values in fewer bits");
  }
  free_.resize(pages_);
  for (size_t i = 0; i < pages_; ++i) free_[i] = static_cast<uint32_t>(pages_ - 1 - i);
  references_.resize(pages_);
  sequences_.resize(slots);
  for (Sequence& sequence : sequences_) sequence.lengths.resize(layers_.size());
}

void PagedCache::ThrowFull() const {
  throw Fault(code::kOutOfMemory,
              "the cache is full: all of its " + std::to_string(pages_) + " pages of " +
                  std::to_string(kPagePositions) + " tokens are in use",
              {}, {}, "generate fewer sequences at once, or shorter ones");
}

PagedCache::Sequence& PagedCache::SequenceOf(size_t slot) {
  if (slot >= sequences_.size()) {
    throw Fault(code::kUsage, "the cache has no slot " + std::to_string(slot) + ": it has " +
                                  std::to_string(sequences_.size()));
  }
  return sequences_[slot];
}

uint32_t PagedCache::TakePage() {
  const uint32_t page = free_.back();
  free_.pop_back();
  references_[page] = 1;
  return page;
}

void PagedCache::Extend(size_t layer, const std::vector<CacheRun>& runs) {
  size_t needed = 0;
  for (const CacheRun& run : runs) {
    const Sequence& sequence = SequenceOf(run.slot);
    if (sequence.lengths[layer] != run.begin) {
      throw Fault(code::kUsage, "slot " + std::to_string(run.slot) + " holds " +
                                    std::to_string(sequence.lengths[layer]) +
                                    " positions, so position " + std::to_string(run.begin) +
                                    " cannot come next");
    }
    const size_t pages = Pages(run.begin + run.count);
    if (pages > sequence.pages.size()) needed += pages - sequence.pages.size();
  }
  if (needed > free_.size()) ThrowFull();
  for (const CacheRun& run : runs) {
    Sequence& sequence = sequences_[run.slot];
    const size_t end = run.begin + run.count;
    sequence.pages.reserve(Pages(end));
    while (sequence.pages.size() < Pages(end)) sequence.pages.push_back(TakePage());
    sequence.lengths[layer] = static_cast<uint32_t>(end);
  }
}

void PagedCache::Fork(size_t from, size_t to, size_t length) {
  const Sequence& source = SequenceOf(from);
  Sequence& fork = SequenceOf(to);
  if (from == to) throw Fault(code::kUsage, "a slot cannot be forked into itself");
  if (!fork.pages.empty()) {
    throw Fault(code::kUsage, "slot " + std::to_string(to) + " is in use; release it first");
  }
  for (const uint32_t held : source.lengths) {
    if (held < length) {
      throw Fault(code::kUsage, "slot " + std::to_string(from) + " holds " + std::to_string(held) +
                                    " positions, not " + std::to_string(length));
    }
  }
  const size_t whole = length / kPagePositions;
  const bool partial = length % kPagePositions != 0;
  if (partial && free_.empty()) ThrowFull();
  fork.pages.reserve(whole + (partial ? 1 : 0));
  for (size_t i = 0; i < whole; ++i) {
    fork.pages.push_back(source.pages[i]);
    ++references_[source.pages[i]];
  }
  if (partial) {
    fork.pages.push_back(TakePage());
    std::memcpy(memory_.get() + fork.pages.back() * page_bytes_,
                memory_.get() + source.pages[whole] * page_bytes_, page_bytes_);
  }
  std::fill(fork.lengths.begin(), fork.lengths.end(), static_cast<uint32_t>(length));
}

void PagedCache::Release(size_t slot) {
  Sequence& sequence = SequenceOf(slot);
  for (size_t i = sequence.pages.size(); i-- > 0;) {
    if (--references_[sequence.pages[i]] == 0) free_.push_back(sequence.pages[i]);
  }
  sequence.pages.clear();
  std::fill(sequence.lengths.begin(), sequence.lengths.end(), 0u);
}

}  // namespace retemper::nn
