// What a finished merge tells: digests of its files and facts of its tensors
// (lib/addon/nativePlan.ts, NativeMergeReport).
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

// What a merge with devices did where.
struct DeviceReport {
  std::vector<std::string> names;
  uint64_t tensors = 0;  // computed on them
  struct OnCpu {
    std::string reason;
    uint64_t tensors = 0;
  };
  std::vector<OnCpu> on_cpu;  // the others
};

struct Report {
  std::vector<std::string> sha256;
  std::vector<Facts> facts;
  uint64_t bytes_read = 0, bytes_written = 0;
  double seconds = 0;
  unsigned threads = 0;
  std::string target;
  std::optional<DeviceReport> device;
};

}  // namespace retemper
