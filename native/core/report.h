// What a finished merge tells: digests of its files and facts of its tensors (lib/plan/types.ts,
// NativeMergeReport).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retemper {

struct Facts {
  std::string name;
  uint32_t variant = 0;
  uint64_t non_finite = 0;
  std::optional<uint64_t> straight, vectors;
  std::optional<double> t, cosine, kept;
};

struct Report {
  std::vector<std::string> sha256;
  std::vector<Facts> facts;
  uint64_t bytes_read = 0, bytes_written = 0;
  double seconds = 0;
  unsigned threads = 0;
  std::string target;
};

}  // namespace retemper
