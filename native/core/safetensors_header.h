// The header of a safetensors file, read as if it were hostile:
// https://huggingface.co/docs/safetensors#format Pure: bytes in, columns out. It accepts what the
// reference reader (safetensors 0.8) accepts, except:
//   - duplicate tensors or metadata keys, NUL in names, tensor entries written as arrays: the
//   reference lets them pass;
//   - sub-byte dtypes (F4, F6_E2M3, F6_E3M2): named as unsupported, never reinterpreted;
//   - dimensions of 2^53 and more (of tensors without elements), which the JS side could not hold.
// It is stricter in nothing else and laxer in nothing.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace retemper {

inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr uint64_t kHeaderPrefixBytes = 8;

struct HeaderTensor {
  std::string name;
  const char* dtype = "";  // a static string, as the format spells it
  std::vector<uint64_t> shape;
  uint64_t begin = 0;  // absolute offsets in the file
  uint64_t end = 0;
};

struct SafetensorsHeader {
  uint64_t data_offset = 0;
  std::vector<std::pair<std::string, std::string>> metadata;  // in the order of the file
  std::vector<HeaderTensor> tensors;                          // in the order of their data
};

// Bytes of one element, or 0 for a dtype that is unknown or smaller than a byte.
uint64_t DtypeBytes(const std::string& dtype);

// The length of the JSON, from the first bytes of a file (up to 512 of them; fewer if the file is
// shorter). Throws BAD_INPUT for a length beyond the limit or the file, and says what a file of
// another kind is.
uint64_t HeaderLength(std::span<const uint8_t> start, uint64_t file_size);

// Parses and checks the JSON (without the 8-byte prefix) of a file of `file_size` bytes. Faults
// have code BAD_INPUT and name the tensor; the caller adds the file. Memory and time are linear in
// the size of the JSON (n log n for sorting).
SafetensorsHeader ParseSafetensorsHeader(std::span<const uint8_t> json, uint64_t file_size);

}  // namespace retemper
