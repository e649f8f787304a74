// The element types that the engine reads and writes, by their safetensors names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace retemper {

enum class Dtype : uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool
};

struct DtypeFacts {
  std::string_view name;
  Dtype dtype;
  uint8_t bytes;
  bool is_float;
};

inline constexpr DtypeFacts kDtypes[] = {
    {"F64", Dtype::kF64, 8, true},    {"F32", Dtype::kF32, 4, true},
    {"F16", Dtype::kF16, 2, true},    {"BF16", Dtype::kBF16, 2, true},
    {"I64", Dtype::kI64, 8, false},   {"I32", Dtype::kI32, 4, false},
    {"I16", Dtype::kI16, 2, false},   {"I8", Dtype::kI8, 1, false},
    {"U64", Dtype::kU64, 8, false},   {"U32", Dtype::kU32, 4, false},
    {"U16", Dtype::kU16, 2, false},   {"U8", Dtype::kU8, 1, false},
    {"BOOL", Dtype::kBool, 1, false},
};

constexpr size_t SizeOf(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)].bytes; }
constexpr bool IsFloat(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)].is_float; }
constexpr std::string_view NameOf(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)].name; }

inline std::optional<Dtype> DtypeNamed(std::string_view name) {
  for (const DtypeFacts& facts : kDtypes) {
    if (facts.name == name) return facts.dtype;
  }
  return std::nullopt;
}

}  // namespace retemper
