// The one exception of native code. Its code is one of the codes of lib/errors.ts, so the border
// only copies it.
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace retemper {

namespace code {
inline constexpr char kInternal[] = "INTERNAL";
inline constexpr char kUsage[] = "USAGE";
inline constexpr char kBadInput[] = "BAD_INPUT";
inline constexpr char kIncompatible[] = "INCOMPATIBLE";
inline constexpr char kNoSpace[] = "NO_SPACE";
inline constexpr char kIo[] = "IO";
inline constexpr char kOutOfMemory[] = "OUT_OF_MEMORY";
inline constexpr char kDevice[] = "DEVICE";
inline constexpr char kOutputExists[] = "OUTPUT_EXISTS";
inline constexpr char kCancelled[] = "CANCELLED";
}  // namespace code

// A failure with its facts. `message` says what was wrong without repeating `file` or `tensor`
// (RetemperError puts them in front); `hint` says what the user can do. Empty strings mean "not
// known".
struct Fault : std::exception {
  Fault(std::string code, std::string message, std::string file = {}, std::string tensor = {},
        std::string hint = {})
      : code(std::move(code)),
        message(std::move(message)),
        file(std::move(file)),
        tensor(std::move(tensor)),
        hint(std::move(hint)) {}
  const char* what() const noexcept override { return message.c_str(); }

  std::string code;
  std::string message;
  std::string file;
  std::string tensor;
  std::string hint;
};

}  // namespace retemper
