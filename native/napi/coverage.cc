// Only in builds that count lines (RETEMPER_COVERAGE): a process that SIGTERM ends writes its
// counts too, as one that returns does. Test runners end their processes in this way.
#include <signal.h>

#include <csignal>

extern "C" void __gcov_dump(void);

namespace {

void WriteCounts(int signal) {
  std::signal(signal, SIG_DFL);
  __gcov_dump();
  std::raise(signal);
}

// A process that has a handler of its own ends as it says, which is in an ordinary way.
[[gnu::constructor]] void WriteCountsAtTheEnd() {
  struct sigaction present {};
  const bool known = sigaction(SIGTERM, nullptr, &present) == 0;
  if (known && (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL) {
    std::signal(SIGTERM, WriteCounts);
  }
}

}  // namespace
