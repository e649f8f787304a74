// Compiles the loops once per instruction set and picks one at run time (cpu/loops.cc says why in
// this way).
#include "lowrank/thin_products.h"

#include <string_view>

#include "cpu/kernels.h"

namespace retemper::lowrank {

namespace {

namespace first_loops {
#include "lowrank/thin_products-inl.h"
}  // namespace first_loops

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_LOOPS 1
#pragma GCC push_options
#pragma GCC target("avx2,prefer-vector-width=256")
namespace avx2_loops {
#include "lowrank/thin_products-inl.h"
}  // namespace avx2_loops
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
namespace avx512_loops {
#include "lowrank/thin_products-inl.h"
}  // namespace avx512_loops
#pragma GCC pop_options
#endif

}  // namespace

const ThinLoops& ChooseThinLoops() {
#if defined(RETEMPER_X86_LOOPS)
  const std::string_view name = ChooseTarget().name;
  if (name.starts_with("avx512")) return avx512_loops::kLoops;
  if (name.starts_with("avx2")) return avx2_loops::kLoops;
#endif
  return first_loops::kLoops;
}

}  // namespace retemper::lowrank
