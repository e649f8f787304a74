// RETEMPER_HD marks a function that both the CPU loops and the CUDA loops compile: the same source,
// the same bits.
#pragma once

#ifdef __CUDACC__
#define RETEMPER_HD __host__ __device__ inline
#else
#define RETEMPER_HD inline
#endif
