// Mutates valid headers with a fixed seed: the parser either rejects with BAD_INPUT or returns a
// layout that covers the file exactly, whatever the bytes are. Meant for AddressSanitizer and
// UBSan; the number of rounds is bounded.
#include <random>
#include <string>
#include <vector>

#include "core/safetensors_header.h"
#include "tests/check.h"

namespace retemper {
namespace {

constexpr int kRounds = 60'000;

const std::vector<std::string> kSeeds = {
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]}})",
    R"({"é😀":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"\u0061\n":{"shape":[1,0,7],"data_offsets":[1,1],"dtype":"F64","x":[{"y":[null,true]},-1.5e3]}} )",
    R"({"w":{"dtype":"I64","shape":[9007199254740991,0],"data_offsets":[0,0]}})",
    "{}",
};

const std::vector<std::string> kTokens = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "null",
    "true",
    "-",
    "0",
    "1e9",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740993",
    "4194305",
    "F32",
    "F4",
    "\"dtype\"",
    "\"shape\"",
    "\"data_offsets\"",
    "__metadata__",
    "[[[[[[[[",
    "\xFF",
    "\xED\xA0\x80",
    std::string(1, '\0'),
    "\xEF\xBB\xBF",
};

class Mutator {
 public:
  std::string Next() {
    std::string text = kSeeds[Below(kSeeds.size())];
    for (size_t i = Below(6); i-- > 0;) Mutate(&text);
    return text;
  }
  size_t Below(size_t bound) { return static_cast<size_t>(random_() % bound); }

 private:
  void Mutate(std::string* text) {
    const size_t at = Below(text->size() + 1);
    const size_t length = std::min(Below(20), text->size() - at);
    switch (Below(6)) {
      case 0:
        text->insert(at, kTokens[Below(kTokens.size())]);
        break;
      case 1:
        text->erase(at, length);
        break;
      case 2:
        if (at < text->size()) (*text)[at] = static_cast<char>(random_());
        break;
      case 3:
        text->insert(Below(text->size() + 1), text->substr(at, length));
        break;
      case 4:
        text->replace(at, length, kTokens[Below(kTokens.size())]);
        break;
      default:
        if (at < text->size()) (*text)[at] = static_cast<char>((*text)[at] ^ (1 << Below(8)));
    }
  }

  std::mt19937_64 random_{20240229};
};

// What the engine relies on.
void CheckPromises(const SafetensorsHeader& header, uint64_t file_size) {
  uint64_t covered = header.data_offset;
  for (const HeaderTensor& tensor : header.tensors) {
    CHECK_EQ(tensor.begin, covered);
    CHECK(tensor.end >= tensor.begin);
    uint64_t bytes = DtypeBytes(tensor.dtype);
    CHECK(bytes > 0);
    for (const uint64_t dimension : tensor.shape) bytes *= dimension;
    CHECK_EQ(bytes, tensor.end - tensor.begin);
    covered = tensor.end;
  }
  CHECK_EQ(covered, file_size);
}

TEST("accepts or rejects every mutated header, and keeps its promises for those it accepts") {
  Mutator mutator;
  int accepted = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = mutator.Next();
    // An exact copy on the heap, so that one byte read too far is seen.
    const std::vector<uint8_t> json(text.begin(), text.end());
    const uint64_t sizes[] = {0, 1, 16, 22, mutator.Below(64)};
    for (const uint64_t data : sizes) {
      const uint64_t file_size = kHeaderPrefixBytes + json.size() + data;
      try {
        CheckPromises(ParseSafetensorsHeader(json, file_size), file_size);
        ++accepted;
      } catch (const Fault& fault) {
        CHECK_EQ(fault.code, code::kBadInput);
        CHECK(!fault.message.empty());
      }
    }
  }
  CHECK(accepted > kRounds / 20);  // the mutations do not all break the header at once
  CHECK(accepted < kRounds * 2);
}

TEST("accepts or rejects any first bytes of a file") {
  std::mt19937_64 random(7);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint8_t> start(random() % 40);
    for (uint8_t& byte : start) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : 0);
    const uint64_t file_size = start.size() + random() % 100;
    try {
      const uint64_t length = HeaderLength(start, file_size);
      CHECK(length >= 1 && length <= file_size - kHeaderPrefixBytes);
    } catch (const Fault& fault) {
      CHECK_EQ(fault.code, code::kBadInput);
    }
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
