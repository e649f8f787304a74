// The loops on each instruction set.
#include "lowrank/thin_products.h"

#include <string_view>

#include "cpu/kernels.h"

namespace retemper::lowrank {

namespace {

#define RETEMPER_LOOPS "lowrank/thin_products-inl.h"
#include "lowrank/loops_by_target-inl.h"

}  // namespace

const ThinLoops& ChooseThinLoops() { return ChooseLoops(); }

}  // namespace retemper::lowrank
