// Only in the addon that is published, which is linked against an older glibc than it is compiled
// with: the one symbol that GCC's headers and static libstdc++ use and that glibc has since 2.32
// only.

extern "C" {

/// glibc sets it while a process has one thread, and counters of references are then not atomic.
/// False is always right: every count is atomic, as it was before glibc had the symbol.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;  // NOLINT

}  // extern "C"
