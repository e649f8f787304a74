#include "core/foreign_file.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace retemper {
namespace {

struct Kind {
  std::string_view magic;
  const char* what;
  const char* hint;
};

constexpr char kGetWeights[] = "use the safetensors files of the model";

constexpr Kind kKinds[] = {
    {"version https://git-lfs", "is a Git LFS pointer, not the file that it points to",
     "run `git lfs pull` in the repository, or download the file again"},
    {"PK\x03\x04", "is a zip archive (a PyTorch checkpoint?), not safetensors", kGetWeights},
    {"GGUF", "is a GGUF file, not safetensors", kGetWeights},
    {"ggml", "is a GGML file, not safetensors", kGetWeights},
    {"\x89HDF\r\n", "is an HDF5 file, not safetensors", kGetWeights},
    {"\x1f\x8b", "is compressed with gzip", "decompress it first"},
    {"\x28\xb5\x2f\xfd", "is compressed with zstd", "decompress it first"},
    {"\x7f"
     "ELF",
     "is a program, not safetensors", ""},
};

}  // namespace

ForeignFile RecogniseForeignFile(std::span<const uint8_t> start) {
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  for (const Kind& kind : kKinds) {
    if (text.starts_with(kind.magic)) return {kind.what, kind.hint};
  }
  // Pickle protocols 2 to 5 open with PROTO and their number.
  if (text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) {
    return {"is a Python pickle, which could run code, and not safetensors", kGetWeights};
  }
  std::string opening;
  for (const char c : text.substr(0, 64)) {
    if (opening.empty() && std::isspace(static_cast<unsigned char>(c))) continue;
    opening.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  const auto opens_with = [&](std::string_view prefix) { return opening.starts_with(prefix); };
  if (opens_with("<!doctype html") || opens_with("<html") || opens_with("<head")) {
    return {"is an HTML page (an error page of the download?), not safetensors",
            "download the file again; private models need a token"};
  }
  if (opens_with("<?xml")) return {"is an XML text, not safetensors", "download the file again"};
  if (opens_with("{\"") || opens_with("{ \"") || opens_with("{\n")) {
    return {"is a JSON text, not safetensors",
            "did you mean the index (*.safetensors.index.json)?"};
  }
  const bool all_zero =
      !start.empty() && std::all_of(start.begin(), start.end(), [](uint8_t b) { return b == 0; });
  if (all_zero) {
    return {"begins with zeros only: its download was probably cut off", "download the file again"};
  }
  return {};
}

}  // namespace retemper
