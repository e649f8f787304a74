// The input files of a plan.
#pragma once

#include <vector>

#include "core/plan.h"
#include "io/mapping.h"

namespace retemper {

// Opens them as the plan says how they are read. Throws BAD_INPUT when one is another file than
// when its header was read.
std::vector<InputFile> OpenInputs(const Plan& plan);

// How many threads compute: as many as asked for, or one a processor.
unsigned WorkerCount(unsigned asked);

}  // namespace retemper
