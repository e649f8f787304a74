// Only in builds that count lines (RETEMPER_COVERAGE): a process that SIGTERM ends writes its
// counts too, as one that returns does. Test runners end their processes in this way.
#include <csignal>

extern "C" void __gcov_dump(void);

namespace {

void WriteCounts(int signal) {
  std::signal(signal, SIG_DFL);
  __gcov_dump();
  std::raise(signal);
}

[[gnu::constructor]] void WriteCountsAtTheEnd() { std::signal(SIGTERM, WriteCounts); }

}  // namespace
