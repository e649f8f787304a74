#include "engine/open_inputs.h"

#include <algorithm>
#include <thread>

namespace retemper {

namespace {
Reading ReadingOf(ReadingChoice choice) {
  switch (choice) {
    case ReadingChoice::kMap:
      return Reading::kMap;
    case ReadingChoice::kPread:
      return Reading::kPread;
    case ReadingChoice::kDirect:
      return Reading::kDirect;
    case ReadingChoice::kUncached:
      return Reading::kUncached;
    default:
      return Reading::kAuto;
  }
}

}  // namespace

std::vector<InputFile> OpenInputs(const Plan& plan) {
  std::vector<InputFile> inputs;
  inputs.reserve(plan.inputs.size());
  for (const InputSpec& spec : plan.inputs) {
    inputs.push_back(InputFile::Open(spec.path, FileIdentity{spec.size, spec.inode, spec.mtime_ns},
                                     ReadingOf(plan.reading)));
  }
  return inputs;
}

unsigned WorkerCount(unsigned asked) {
  if (asked > 0) return std::min(asked, 1024u);
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace retemper
