// SHA-256 on every target that this machine has: known answers, and each target against the
// portable one.
#include "core/sha256.h"

#include <string>
#include <vector>

#include "tests/check.h"

namespace retemper {
namespace {

constexpr Sha256Target kAll[] = {Sha256Target::kPortable, Sha256Target::kShaNi,
                                 Sha256Target::kArmv8};

std::vector<Sha256Target> Targets() {
  std::vector<Sha256Target> targets;
  for (const Sha256Target target : kAll) {
    if (Sha256Has(target)) targets.push_back(target);
  }
  return targets;
}

std::string Hash(Sha256Target target, const std::string& message) {
  Sha256 hash(target);
  hash.Update(message.data(), message.size());
  return hash.FinishHex();
}

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 12345;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

TEST("gives the digests of FIPS 180-4's examples") {
  for (const Sha256Target target : Targets()) {
    CHECK_EQ(Hash(target, ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_EQ(Hash(target, "abc"),
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_EQ(Hash(target, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK_EQ(Hash(target, std::string(1'000'000, 'a')),
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST("gives the same digest on every target, for every length around the block size") {
  for (size_t size = 0; size <= 260; ++size) {
    const std::string message = Pattern(size);
    const std::string expected = Hash(Sha256Target::kPortable, message);
    for (const Sha256Target target : Targets()) CHECK_EQ(Hash(target, message), expected);
  }
}

TEST("gives the same digest however the message is cut into pieces") {
  const std::string message = Pattern(5000);
  for (const Sha256Target target : Targets()) {
    const std::string expected = Hash(target, message);
    for (const size_t piece : {1u, 3u, 63u, 64u, 65u, 128u, 1000u, 4999u}) {
      Sha256 hash(target);
      for (size_t at = 0; at < message.size(); at += piece) {
        hash.Update(message.data() + at, std::min(piece, message.size() - at));
        hash.Update(nullptr, 0);
      }
      CHECK_EQ(hash.FinishHex(), expected);
    }
  }
}

TEST("reads messages at any alignment") {
  const std::string message = Pattern(300);
  const std::string expected = Hash(Sha256Target::kPortable, message);
  for (const Sha256Target target : Targets()) {
    for (size_t shift = 1; shift < 16; ++shift) {
      const std::string shifted = std::string(shift, 'x') + message;
      Sha256 hash(target);
      hash.Update(shifted.data() + shift, message.size());
      CHECK_EQ(hash.FinishHex(), expected);
    }
  }
}

TEST("digests two messages at once as one after the other, wherever their blocks begin") {
  const std::string message = Pattern(3000);
  for (const Sha256Target first : Targets()) {
    for (const Sha256Target second : Targets()) {
      for (const size_t before : {size_t{0}, size_t{1}, size_t{64}, size_t{100}}) {
        for (const size_t size :
             {size_t{0}, size_t{63}, size_t{64}, size_t{127}, size_t{192}, size_t{1000}}) {
          Sha256 a(first), b(second), alone(Sha256Target::kPortable);
          a.Update(message.data(), before);
          b.Update(message.data(), 7);
          Sha256::UpdateTwo(a, message.data() + before, b, message.data() + 7, size);
          a.Update(message.data() + before + size, 500);
          alone.Update(message.data(), 7 + size);
          CHECK_EQ(a.FinishHex(),
                   Hash(Sha256Target::kPortable, message.substr(0, before + size + 500)));
          CHECK_EQ(b.FinishHex(), alone.FinishHex());
        }
      }
    }
  }
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
