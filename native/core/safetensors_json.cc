#include "core/safetensors_json.h"

#include <bitset>
#include <cstring>

namespace retemper {
namespace {

// Position of the first byte that is not part of valid UTF-8, or the size of the text.
size_t FindInvalidUtf8(std::span<const uint8_t> text) {
  const size_t size = text.size();
  size_t i = 0;
  while (i < size) {
    uint64_t eight;
    if (size - i >= sizeof eight) {  // most headers are ASCII
      std::memcpy(&eight, &text[i], sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    const uint8_t lead = text[i];
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // The range of the second byte rules out overlong forms, surrogates and code points above
    // U+10FFFF.
    size_t length;
    uint8_t low = 0x80, high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      length = 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      length = 4;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return i;
    }
    if (size - i < length || text[i + 1] < low || text[i + 1] > high) return i;
    for (size_t k = 2; k < length; ++k) {
      if ((text[i + k] & 0xC0) != 0x80) return i;
    }
    i += length;
  }
  return size;
}

void AppendUtf8(uint32_t point, std::string* out) {
  if (point < 0x80) {
    out->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (point >> 6)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else if (point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (point >> 12)));
    out->push_back(static_cast<char>(0x80 | ((point >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (point >> 18)));
    out->push_back(static_cast<char>(0x80 | ((point >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((point >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  }
}

bool IsDigit(int c) { return c >= '0' && c <= '9'; }

}  // namespace

JsonReader::JsonReader(std::span<const uint8_t> text) : text_(text) {
  const size_t invalid = FindInvalidUtf8(text);
  if (invalid < text.size()) throw JsonError(invalid, "invalid UTF-8");
  if (text.size() >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF) {
    throw JsonError(0, "a byte order mark is not allowed");
  }
}

void JsonReader::Fail(const std::string& message) const { throw JsonError(position_, message); }

void JsonReader::SkipSpace() {
  for (int c = Peek(); c == ' ' || c == '\n' || c == '\t' || c == '\r'; c = Peek()) ++position_;
}

bool JsonReader::Take(char wanted) {
  SkipSpace();
  if (Peek() != static_cast<uint8_t>(wanted)) return false;
  ++position_;
  return true;
}

void JsonReader::Expect(char wanted) {
  if (!Take(wanted)) {
    Fail(std::string("expected '") + wanted + (Peek() < 0 ? "' but the header ends" : "'"));
  }
}

void JsonReader::TakeWord(const char* word) {
  const size_t length = std::strlen(word);
  if (text_.size() - position_ < length || std::memcmp(&text_[position_], word, length) != 0) {
    Fail("expected a value");
  }
  position_ += length;
}

bool JsonReader::TakeNull() {
  SkipSpace();
  if (Peek() != 'n') return false;
  TakeWord("null");
  return true;
}

void JsonReader::ExpectEnd() {
  SkipSpace();
  if (position_ != text_.size()) Fail("unexpected characters after the header");
}

std::string JsonReader::String() {
  Expect('"');
  std::string out;
  for (;;) {
    const size_t start = position_;
    int c = Peek();
    while (c != '"' && c != '\\' && c >= 0x20) {
      ++position_;
      c = Peek();
    }
    out.append(reinterpret_cast<const char*>(text_.data()) + start, position_ - start);
    if (c < 0) Fail("a string does not end");
    if (c < 0x20) Fail("a control character in a string");
    ++position_;
    if (c == '"') return out;
    AppendEscape(&out);
  }
}

uint32_t JsonReader::HexDigits() {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const int c = Peek();
    const int lower = c | 0x20;
    if (IsDigit(c)) {
      value = value * 16 + static_cast<uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<uint32_t>(lower - 'a' + 10);
    } else {
      Fail("four hexadecimal digits must follow \\u");
    }
    ++position_;
  }
  return value;
}

void JsonReader::AppendEscape(std::string* out) {
  const int c = Peek();
  ++position_;
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out->push_back(static_cast<char>(c));
      return;
    case 'b':
      out->push_back('\b');
      return;
    case 'f':
      out->push_back('\f');
      return;
    case 'n':
      out->push_back('\n');
      return;
    case 'r':
      out->push_back('\r');
      return;
    case 't':
      out->push_back('\t');
      return;
    case 'u':
      break;
    default:
      --position_;
      Fail("unknown escape in a string");
  }
  uint32_t point = HexDigits();
  if (point >= 0xDC00 && point <= 0xDFFF) Fail("a lone surrogate in a string");
  if (point >= 0xD800 && point <= 0xDBFF) {
    if (Peek() != '\\') Fail("a lone surrogate in a string");
    ++position_;
    if (Peek() != 'u') Fail("a lone surrogate in a string");
    ++position_;
    const uint32_t second = HexDigits();
    if (second < 0xDC00 || second > 0xDFFF) Fail("a lone surrogate in a string");
    point = 0x10000 + ((point - 0xD800) << 10) + (second - 0xDC00);
  }
  AppendUtf8(point, out);
}

uint64_t JsonReader::Unsigned() {
  SkipSpace();
  const size_t start = position_;
  if (!IsDigit(Peek())) {
    Fail(Peek() == '-' ? "a negative number where a size is expected" : "expected a whole number");
  }
  uint64_t value = 0;
  for (int c = Peek(); IsDigit(c); c = Peek()) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) Fail("a number does not fit 64 bits");
    value = value * 10 + digit;
    ++position_;
  }
  if (text_[start] == '0' && position_ - start > 1) Fail("a number with a leading zero");
  const int next = Peek();
  if (next == '.' || next == 'e' || next == 'E')
    Fail("a fraction where a whole number is expected");
  return value;
}

void JsonReader::SkipNumber() {
  if (Peek() == '-') ++position_;
  const size_t start = position_;
  while (IsDigit(Peek())) ++position_;
  if (position_ == start) Fail("expected a value");
  if (text_[start] == '0' && position_ - start > 1) Fail("a number with a leading zero");
  if (Peek() == '.') {
    ++position_;
    if (!IsDigit(Peek())) Fail("digits must follow the point");
    while (IsDigit(Peek())) ++position_;
  }
  if (Peek() == 'e' || Peek() == 'E') {
    ++position_;
    if (Peek() == '+' || Peek() == '-') ++position_;
    if (!IsDigit(Peek())) Fail("digits must follow the exponent");
    while (IsDigit(Peek())) ++position_;
  }
}

void JsonReader::SkipValue() {
  std::bitset<kMaxDepth> in_object;
  size_t depth = 0;
  const auto member = [&] {  // the key of an object's member
    String();
    Expect(':');
  };
  for (;;) {
    SkipSpace();
    bool opened = false;
    switch (const int c = Peek(); c) {
      case '{':
      case '[': {
        ++position_;
        const bool object = c == '{';
        if (Take(object ? '}' : ']')) break;
        if (depth == kMaxDepth) Fail("nested too deeply");
        in_object[depth++] = object;
        if (object) member();
        opened = true;
        break;
      }
      case '"':
        String();
        break;
      case 't':
        TakeWord("true");
        break;
      case 'f':
        TakeWord("false");
        break;
      case 'n':
        TakeWord("null");
        break;
      default:
        SkipNumber();
    }
    if (opened) continue;
    // A value is complete: go on in its container, or leave containers that end here.
    for (;;) {
      if (depth == 0) return;
      if (Take(',')) {
        if (in_object[depth - 1]) member();
        break;
      }
      Expect(in_object[depth - 1] ? '}' : ']');
      --depth;
    }
  }
}

}  // namespace retemper
