// Memory of large pages for the weights of an open merge that every step reads: what was made when
// it was opened, and what is taken over from files. Blocks lie there in the order in which products
// read them (nn::PackBlocks), each matrix once for all who multiply with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "core/large_pages.h"
#include "nn/block_matmul.h"
#include "nn/pool.h"

namespace retemper {

// Not thread-safe.
class WeightRoom {
 public:
  // A matrix that was made: its bytes, and those that it may take.
  struct Made {
    uint8_t* data;
    size_t bytes, room;
  };

  // Bytes of a mapped file, which are not read again.
  using Drop = std::function<void(const uint8_t* data, size_t bytes)>;

  // `takes_over`: weights of files are to lie here, and blocks are packed; else Pack and Copy give
  // back what they are given. They use the pool.
  WeightRoom(nn::Pool& pool, bool takes_over, Drop drop)
      : pool_(pool), takes_over_(takes_over), drop_(std::move(drop)) {}

  bool takes_over() const { return takes_over_; }
  // Keeps the pages in which matrices were made for as long as the room is there.
  void Keep(LargePages pages, const std::vector<Made>& matrices);
  // The packed form of stored rows, the same whenever it is asked for; or they themselves, where
  // there is no memory for it. What was made is packed in its place, and nobody reads it as stored
  // then: throws INTERNAL where it is cut into other matrices than before.
  nn::BlockRows Pack(const nn::BlockRows& rows);
  // Where bytes of a file lie here, the same place whenever it is asked for; or `data`, where there
  // is no memory for them.
  const uint8_t* Copy(const uint8_t* data, size_t bytes);

 private:
  struct Pages {
    LargePages bytes;
    size_t size;
  };
  using Key = std::pair<const uint8_t*, size_t>;  // where something lay, and its bytes

  // Room for `bytes` more; or null.
  uint8_t* Take(size_t bytes);
  // Where a part of what was made may become `packed` bytes; null for what was not made here, and
  // for parts that have no room for that.
  uint8_t* PlaceOfMade(const Key& part, size_t packed) const;

  nn::Pool& pool_;
  const bool takes_over_;
  const Drop drop_;
  std::vector<LargePages> kept_;
  std::map<const uint8_t*, Made> made_;
  std::vector<Pages> taken_;
  size_t used_ = 0;  // of the last of `taken_`
  std::map<Key, const uint8_t*> places_;
};

}  // namespace retemper
