// Instruction sets that only matrix products use, on top of AVX-512 or of NEON.
#pragma once

#include <vector>

namespace retemper {

// Whether this processor has AMX with bfloat16 and the system lets this process use it, which is
// asked for the first time that this is called.
bool HasAmx();

// Whether this processor has NEON's dot products of bytes (SDOT), or those of bfloat16 (BFMMLA).
bool HasNeonDot();
bool HasNeonBf16();

// Those that this machine has, slowest first, by the names that RETEMPER_FORCE_TARGET takes:
// "avx512_bf16", "amx"; "neon_dot", "neon_bf16".
std::vector<const char*> ProductTargets();

}  // namespace retemper
