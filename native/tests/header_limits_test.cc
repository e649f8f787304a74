// Headers that ask for much, read in a child that may not have it: RLIMIT_AS holds memory to a
// small multiple of the header, so that what is allocated before a header is checked ends the
// child.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/safetensors_header.h"
#include "io/file.h"
#include "tests/check.h"
#include "tests/temp_folder.h"

namespace retemper {
namespace {

using test::TempFolder;

// A sanitizer's shadow takes terabytes of addresses: there the limit is left out, and its own
// checks are what is tested.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimited = false;
#else
constexpr bool kLimited = true;
#endif

uint64_t AddressSpace() {
  unsigned long long pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;  // not Linux: no limit, for nothing says what is mapped
  const int found = std::fscanf(file, "%llu", &pages);
  std::fclose(file);
  return found == 1 ? pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// Runs `body` in a child that may map `more` bytes beyond what it has; true where nothing was
// thrown but faults that the body expects.
bool Within(uint64_t more, const std::function<void()>& body) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const uint64_t now = AddressSpace();
    if (kLimited && now > 0) {
      const struct rlimit limit { now + more, now + more };
      if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(3);
    }
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// As the addon reads one: the first bytes, then the header, then its checks.
SafetensorsHeader Read(const std::string& path) {
  const File file = File::OpenForReading(path);
  const uint64_t size = file.Identity().size;
  std::vector<uint8_t> start(std::min<uint64_t>(512, size));
  file.ReadAt(0, start.data(), start.size());
  std::vector<uint8_t> json(HeaderLength(start, size));
  file.ReadAt(kHeaderPrefixBytes, json.data(), json.size());
  return ParseSafetensorsHeader(json, size);
}

std::string Prefixed(uint64_t claimed, const std::string& json) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(claimed >> (8 * i));
  return bytes + json;
}

constexpr uint64_t kMegabyte = 1 << 20;

TEST("the limit of a child holds: more than it may have cannot be had") {
  if (!kLimited || AddressSpace() == 0) return;
  CHECK(!Within(32 * kMegabyte, [] { std::vector<char>(256 * kMegabyte, 'x'); }));
  CHECK(Within(512 * kMegabyte, [] { std::vector<char>(256 * kMegabyte, 'x'); }));
}

TEST(
    "rejects a header's length that is zero, above the limit, or beyond the file, without its "
    "memory") {
  const TempFolder folder;
  for (const uint64_t claimed : {uint64_t{0}, kMaxHeaderBytes + 1, uint64_t{1} << 40,
                                 uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    const std::string path = folder.Write("claims", Prefixed(claimed, "{}"));
    CHECK(Within(16 * kMegabyte, [&] { CHECK_FAULT(code::kBadInput, "", Read(path)); }));
    // The file is as large as it says, but sparse.
    std::filesystem::resize_file(path, uint64_t{1} << 41);
    CHECK(Within(16 * kMegabyte, [&] { CHECK_FAULT(code::kBadInput, "", Read(path)); }));
  }
  const std::string path = folder.Write("short", Prefixed(kMaxHeaderBytes, "{}"));
  CHECK(Within(16 * kMegabyte, [&] { CHECK_FAULT(code::kBadInput, "", Read(path)); }));
}

TEST("reads nested JSON, long names and a million tensors in a small multiple of the header") {
  const TempFolder folder;
  const auto bounded = [&](const std::string& json, uint64_t data, const char* fault,
                           uint64_t times) {
    const std::string path = folder.Write("large", Prefixed(json.size(), json));
    std::filesystem::resize_file(path, 8 + json.size() + data);
    const uint64_t more = times * json.size() + 16 * kMegabyte;
    const bool within = Within(more, [&] {
      if (fault == nullptr) {
        Read(path);
      } else {
        const Fault found = CHECK_FAULT(code::kBadInput, fault, Read(path));
        CHECK(found.message.size() < 2000);
      }
    });
    if (!within)
      test::Fail(__FILE__, __LINE__,
                 "more than " + std::to_string(times) + " times " + json.substr(0, 60));
  };
  const auto entry = [](const std::string& name, uint64_t begin) {
    return "\"" + name + "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" +
           std::to_string(begin) + "," + std::to_string(begin + 1) + "]}";
  };
  const std::string deep(20'000'000, '[');
  bounded("{\"a\":{\"x\":" + deep, 0, "nested too deeply", 2);
  bounded("{\"a\":{\"x\":" + deep + std::string(deep.size(), ']') + "}}", 0, "nested too deeply",
          2);
  std::string objects;
  for (int i = 0; i < 4'000'000; ++i) objects += "{\"a\":";
  bounded("{\"a\":{\"x\":" + objects, 0, "nested too deeply", 2);

  std::string names = "{";
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    names += (letter == 'a' ? "" : ",") +
             entry(std::string(1'000'000, letter), static_cast<uint64_t>(letter - 'a'));
  }
  bounded(names + "}", 26, nullptr, 3);
  bounded(names + "," + entry(std::string(1'000'000, 'a'), 26) + "}", 27, "twice", 4);
  for (const std::string bad : {"\xFF", "\\u0000", "\xEF\xBB\xBF\x01", "\\ud800"}) {
    bounded(names + "," + entry(std::string(1'000'000, 'A') + bad, 26) + "}", 27, "", 4);
  }

  std::string many = "{";
  constexpr uint64_t kCount = 1'000'000;
  for (uint64_t i = 0; i < kCount; ++i) many += (i == 0 ? "" : ",") + entry(std::to_string(i), i);
  bounded(many + "}", kCount, nullptr, 8);
  bounded(many + "," + entry("0", kCount) + "}", kCount + 1, "twice", 8);
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
