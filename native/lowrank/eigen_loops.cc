// The loops on each instruction set.
#include "lowrank/eigen_loops.h"

#include <string_view>

#include "cpu/kernels.h"

namespace retemper::lowrank {

namespace {

#define RETEMPER_LOOPS "lowrank/eigen_loops-inl.h"
#include "lowrank/loops_by_target-inl.h"

}  // namespace

const EigenLoops& ChooseEigenLoops() { return ChooseLoops(); }

}  // namespace retemper::lowrank
