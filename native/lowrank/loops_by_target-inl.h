// Compiles the file that RETEMPER_LOOPS names once per instruction set, and chooses one of its
// tables kLoops at run time (cpu/loops.cc says why in this way). No include guard; what the file
// needs is included before.

namespace first_loops {
#include RETEMPER_LOOPS
}  // namespace first_loops

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RETEMPER_X86_LOOPS 1
#pragma GCC push_options
#pragma GCC target("avx2,prefer-vector-width=256")
namespace avx2_loops {
#include RETEMPER_LOOPS
}  // namespace avx2_loops
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
namespace avx512_loops {
#include RETEMPER_LOOPS
}  // namespace avx512_loops
#pragma GCC pop_options
#endif

const auto& ChooseLoops() {
#if defined(RETEMPER_X86_LOOPS)
  const std::string_view name = ChooseTarget().name;
  if (name.starts_with("avx512")) return avx512_loops::kLoops;
  if (name.starts_with("avx2")) return avx2_loops::kLoops;
#endif
  return first_loops::kLoops;
}
