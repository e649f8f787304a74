// What the native tests need of a test framework: TEST("sentence") { ... }, CHECK, CHECK_EQ,
// CHECK_FAULT. A failed check throws, so it ends its test; the program ends with status 1 when a
// test failed or none ran.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/status.h"

namespace retemper::test {

struct Case {
  const char* sentence;
  void (*body)();
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

struct Registration {
  Registration(const char* sentence, void (*body)()) { Cases().push_back({sentence, body}); }
};

[[noreturn]] inline void Fail(const char* file, int line, const std::string& message) {
  throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + message);
}

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (actual == expected) return;
  std::ostringstream message;
  message << text << " is " << actual << ", expected " << expected;
  Fail(file, line, message.str());
}

// The fault that `function` throws; its code must be `code`, and `part` must occur in its message.
template <typename Function>
Fault ExpectFault(const char* file, int line, const char* code, const std::string& part,
                  Function&& function) {
  try {
    function();
  } catch (const Fault& fault) {
    if (fault.code != code) {
      Fail(file, line,
           "fault with code " + fault.code + " (" + fault.message + "), expected " + code);
    }
    if (fault.message.find(part) == std::string::npos) {
      Fail(file, line, "the fault says \"" + fault.message + "\", expected \"" + part + "\"");
    }
    return fault;
  }
  Fail(file, line, std::string("no fault, expected ") + code + " \"" + part + "\"");
}

// Whether this is the long form of the tests: every case, where `npm test` takes a few that stand
// for the others.
inline bool Long() {
  const char* value = std::getenv("RETEMPER_TEST_LONG");
  return value != nullptr && std::string(value) == "1";
}

inline int RunAll() {
  int failed = 0;
  for (const Case& test : Cases()) {
    try {
      test.body();
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAILED %s\n       %s\n", test.sentence, error.what());
    }
  }
  std::printf("%zu tests, %d failed\n", Cases().size(), failed);
  return failed > 0 || Cases().empty() ? 1 : 0;
}

}  // namespace retemper::test

#define RETEMPER_JOIN2(a, b) a##b
#define RETEMPER_JOIN(a, b) RETEMPER_JOIN2(a, b)
#define TEST(sentence)                                                               \
  static void RETEMPER_JOIN(TestBody, __LINE__)();                                   \
  static const ::retemper::test::Registration RETEMPER_JOIN(registration, __LINE__)( \
      sentence, &RETEMPER_JOIN(TestBody, __LINE__));                                 \
  static void RETEMPER_JOIN(TestBody, __LINE__)()
#define CHECK(condition) \
  ((condition) ? (void)0 : ::retemper::test::Fail(__FILE__, __LINE__, "not true: " #condition))
#define CHECK_EQ(actual, expected) \
  ::retemper::test::CheckEqual(__FILE__, __LINE__, #actual, actual, expected)
// CHECK_FAULT(code, part of the message, statement)
#define CHECK_FAULT(code, part, ...) \
  ::retemper::test::ExpectFault(__FILE__, __LINE__, code, part, [&] { __VA_ARGS__; })
