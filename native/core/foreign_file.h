// What a file that is not safetensors is, from its first bytes.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace retemper {

struct ForeignFile {
  std::string what;  // "is an HTML page, ..."; empty when the file is of no known kind
  std::string hint;
};

ForeignFile RecogniseForeignFile(std::span<const uint8_t> start);

}  // namespace retemper
