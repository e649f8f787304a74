// Where weights of an open merge lie: packed once for all who ask, what was made in its own place,
// with the bytes and products of stored rows.
#include "virtual/weight_room.h"

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "nn/block_matmul.h"
#include "tests/check.h"
#include "tests/nn_random.h"

namespace retemper {
namespace {

constexpr BlockFormat kFormat = BlockFormat::kQ8_0;

// Stored rows with scales that are finite.
std::vector<uint8_t> RandomRows(size_t bytes, uint64_t seed) {
  test::Random random(seed);
  std::vector<uint8_t> rows(bytes);
  for (uint8_t& byte : rows) byte = static_cast<uint8_t>(random.Next());
  for (size_t at = 0; at < bytes; at += FactsOf(kFormat).bytes) rows[at + 1] = 0x20;
  return rows;
}

nn::BlockRows RowsAt(const uint8_t* data, size_t out, size_t in) {
  nn::BlockRows rows;
  rows.data = data;
  rows.format = kFormat;
  rows.out = out;
  rows.in = in;
  return rows;
}

std::vector<float> Product(nn::Pool& pool, const nn::BlockRows& rows) {
  test::Random random(7);
  const std::vector<float> x = random.Normals(rows.in);
  std::vector<float> y(rows.out);
  const nn::BlockLinear layer = {rows, nullptr, y.data(), rows.out};
  nn::BlockMatMul(nn::ChooseBlockKernel(), pool, {&layer, 1}, x.data(), rows.in, 1);
  return y;
}

void CheckRows(const nn::BlockRows& packed, const uint8_t* stored) {
  std::vector<uint8_t> row(packed.RowBytes());
  for (size_t o = 0; o < packed.out; ++o) {
    nn::UnpackBlockRow(nn::ChooseBlockKernel(), packed, o, row.data());
    CHECK(std::memcmp(row.data(), stored + o * row.size(), row.size()) == 0);
  }
}

// What a room dropped of files.
struct Dropped {
  std::vector<std::pair<const uint8_t*, size_t>> all;
  WeightRoom::Drop Drop() {
    return [this](const uint8_t* data, size_t bytes) { all.push_back({data, bytes}); };
  }
};

const WeightRoom::Drop kKeeps = [](const uint8_t*, size_t) {};

TEST("rows of a file are packed once, with their bytes and products, and dropped") {
  nn::Pool pool(3);
  Dropped dropped;
  WeightRoom room(pool, true, dropped.Drop());
  for (const size_t out : {1u, 16u, 37u, 96u}) {
    const std::vector<uint8_t> file = RandomRows(out * 68, out);
    const nn::BlockRows stored = RowsAt(file.data(), out, 64);
    const nn::BlockRows packed = room.Pack(stored);
    CHECK(packed.packed && packed.data != stored.data);
    CHECK_EQ(reinterpret_cast<uintptr_t>(packed.data) % 64, 0u);
    CheckRows(packed, file.data());
    CHECK(Product(pool, packed) == Product(pool, stored));
    CHECK(room.Pack(stored).data == packed.data);
    CHECK(dropped.all.back() == std::pair(file.data(), file.size()));
  }
}

TEST("rows that are stored in turn are packed in order") {
  nn::Pool pool(2);
  WeightRoom room(pool, true, kKeeps);
  const std::vector<uint8_t> file = RandomRows(32 * 34, 3);
  nn::BlockRows stored = RowsAt(file.data(), 32, 32);
  stored.interleave = 8;
  const nn::BlockRows packed = room.Pack(stored);
  CHECK_EQ(packed.interleave, 0u);
  CHECK(Product(pool, packed) == Product(pool, stored));
}

TEST("without taking over, all stays where it is") {
  nn::Pool pool(1);
  Dropped dropped;
  WeightRoom room(pool, false, dropped.Drop());
  const std::vector<uint8_t> file = RandomRows(16 * 34, 4);
  const nn::BlockRows same = room.Pack(RowsAt(file.data(), 16, 32));
  CHECK(!same.packed && same.data == file.data());
  CHECK(room.Copy(file.data(), file.size()) == file.data());
  CHECK(dropped.all.empty());
}

TEST("what is no blocks is copied once") {
  nn::Pool pool(2);
  Dropped dropped;
  WeightRoom room(pool, true, dropped.Drop());
  const std::vector<uint8_t> file =
      RandomRows(20'000'000 / 34 * 34, 5);  // pieces of several threads
  const uint8_t* const copy = room.Copy(file.data(), file.size());
  CHECK(copy != file.data());
  CHECK(std::memcmp(copy, file.data(), file.size()) == 0);
  CHECK(room.Copy(file.data(), file.size()) == copy);
  CHECK_EQ(dropped.all.size(), 1u);
}

// A matrix that was made, with room for the last panel.
struct MadeMatrix {
  std::vector<uint8_t> stored;
  uint8_t* data;

  MadeMatrix(WeightRoom& room, size_t out, size_t in)
      : stored(RandomRows(out * in / 32 * 34, out)) {
    const size_t bytes = nn::PackedBlockBytes(nn::ChooseBlockKernel(), RowsAt(nullptr, out, in));
    LargePages pages = AllocateLargePages(bytes);
    data = pages.get();
    std::memcpy(data, stored.data(), stored.size());
    room.Keep(std::move(pages), {{data, stored.size(), bytes}});
  }
};

TEST("what was made is packed in its place, the last panel too") {
  nn::Pool pool(3);
  WeightRoom room(pool, true, kKeeps);
  for (const size_t out : {5u, 32u, 77u}) {
    const MadeMatrix made(room, out, 96);
    const nn::BlockRows packed = room.Pack(RowsAt(made.data, out, 96));
    CHECK(packed.packed && packed.data == made.data);
    CheckRows(packed, made.stored.data());
    CHECK(Product(pool, packed) == Product(pool, RowsAt(made.stored.data(), out, 96)));
    CHECK(room.Pack(RowsAt(made.data, out, 96)).data == made.data);
  }
}

TEST("parts of what was made are packed in their places, or elsewhere where they do not fit") {
  nn::Pool pool(2);
  WeightRoom room(pool, true, kKeeps);
  const MadeMatrix made(room, 150, 64);
  // 96 rows are whole panels of every kernel and a multiple of 64 bytes; 7 rows are neither.
  const size_t cuts[] = {0, 96, 103, 150};
  for (const size_t place : {2, 0, 1}) {
    const size_t first = cuts[place], out = cuts[place + 1] - first;
    const nn::BlockRows packed = room.Pack(RowsAt(made.data + first * 68, out, 64));
    CHECK(packed.packed);
    CHECK_EQ(packed.data == made.data + first * 68, place == 0);
    CheckRows(packed, made.stored.data() + first * 68);
  }
  // Packed rows are not stored rows of other matrices.
  for (const auto& [first, out] : {std::pair(0, 95), {0, 97}, {1, 3}, {90, 40}, {102, 2}}) {
    CHECK_FAULT(code::kInternal, "cut in two ways",
                room.Pack(RowsAt(made.data + first * 68, static_cast<size_t>(out), 64)));
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
