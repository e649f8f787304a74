// A pull parser for the JSON of safetensors headers: strict (RFC 8259), exact integers, no
// recursion, no tree. It knows JSON, safetensors_header.cc knows what the values mean.
// Written by hand, unlike the rest of the project's JSON: a header may be 100 MB of hostile text
// with 64-bit offsets, which is checked while it is read, without a tree of the whole.
#pragma once
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>

namespace retemper {

// A violation of the grammar; `position` is the byte offset in the JSON text.
struct JsonError : std::exception {
  JsonError(size_t position, std::string message)
      : position(position), message(std::move(message)) {}
  const char* what() const noexcept override { return message.c_str(); }

  size_t position;
  std::string message;
};

class JsonReader {
 public:
  // Deepest nesting that SkipValue follows: as deep as serde_json, which the reference reader uses.
  static constexpr int kMaxDepth = 127;

  // The whole text is checked to be UTF-8 (no overlong forms, no surrogates). It must outlive the
  // reader.
  explicit JsonReader(std::span<const uint8_t> text);

  // Skips white space, then takes `wanted` or fails.
  void Expect(char wanted);
  // Skips white space, then takes `wanted` if it is next.
  bool Take(char wanted);
  bool TakeNull();
  // Nothing but white space is left.
  void ExpectEnd();
  // A string, decoded to UTF-8. Lone surrogates are errors; \u0000 is left for the caller to judge.
  std::string String();
  // An integer in [0, 2^64) exactly: no sign, fraction, exponent or leading zero.
  uint64_t Unsigned();
  // Any value, checked and dropped.
  void SkipValue();

  size_t position() const { return position_; }
  [[noreturn]] void Fail(const std::string& message) const;

 private:
  void SkipSpace();
  int Peek() const { return position_ < text_.size() ? text_[position_] : -1; }
  uint32_t HexDigits();
  void AppendEscape(std::string* out);
  void SkipNumber();
  void TakeWord(const char* word);

  std::span<const uint8_t> text_;
  size_t position_ = 0;
};

}  // namespace retemper
