// JavaScript values as those of C++, checked: native code never trusts what the JavaScript side
// promised. Each function takes a value and its name, or an object and the name of its field. A
// wrong one is a Fault with code USAGE that names it.
#pragma once
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/status.h"
#include "napi/napi_setup.h"

namespace retemper::fields {

[[noreturn]] inline void Wrong(const char* name, const std::string& expected) {
  throw Fault(code::kUsage, std::string(name) + " must be " + expected);
}

inline bool Has(const Napi::Object& object, const char* field) {
  return !object.Get(field).IsUndefined();
}

inline Napi::Object Object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) Wrong(name, "an object");
  return value.As<Napi::Object>();
}
inline Napi::Object Object(const Napi::Object& object, const char* field) {
  return Object(object.Get(field), field);
}

inline double Number(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) Wrong(name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}
inline double Number(const Napi::Object& object, const char* field) {
  return Number(object.Get(field), field);
}
inline float Float(const Napi::Object& object, const char* field) {
  const double number = Number(object, field);
  if (!std::isfinite(number)) Wrong(field, "a finite number");
  return static_cast<float>(number);
}

inline constexpr uint64_t kMostWhole = 9007199254740991u;  // that a double holds without a gap
// A whole number up to `most`.
inline uint64_t Whole(const Napi::Value& value, const char* name, uint64_t most = kMostWhole) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= static_cast<double>(most)) || number != std::floor(number)) {
    Wrong(name, "a whole number from 0 to " + std::to_string(most));
  }
  return static_cast<uint64_t>(number);
}
inline uint64_t Whole(const Napi::Object& object, const char* field, uint64_t most = kMostWhole) {
  return Whole(object.Get(field), field, most);
}
inline uint32_t Index(const Napi::Value& value, const char* name) {
  return static_cast<uint32_t>(Whole(value, name, UINT32_MAX));
}
inline uint32_t Index(const Napi::Object& object, const char* field) {
  return Index(object.Get(field), field);
}

inline std::string String(const Napi::Value& value, const char* name) {
  if (!value.IsString()) Wrong(name, "a string");
  return value.As<Napi::String>().Utf8Value();
}
inline std::string String(const Napi::Object& object, const char* field) {
  return String(object.Get(field), field);
}

inline bool Bool(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) Wrong(name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}
inline bool Bool(const Napi::Object& object, const char* field) {
  return Bool(object.Get(field), field);
}

// A number below 2^64 as text, which a double could not hold.
inline uint64_t Decimal(const Napi::Object& object, const char* field) {
  const std::string text = String(object, field);
  uint64_t value = 0;
  bool right = !text.empty();
  for (const char c : text) {
    right = right && c >= '0' && c <= '9' && !__builtin_mul_overflow(value, uint64_t{10}, &value) &&
            !__builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value);
  }
  if (!right) Wrong(field, "decimal digits");
  return value;
}

inline Dtype DtypeAt(const Napi::Object& object, const char* field) {
  const std::optional<Dtype> dtype = DtypeNamed(String(object, field));
  if (!dtype) Wrong(field, "a dtype");
  return *dtype;
}

// One of these names, as what it stands for.
template <class T>
T OneOf(const Napi::Object& object, const char* field,
        std::initializer_list<std::pair<const char*, T>> choices) {
  const std::string name = String(object, field);
  std::string known;
  size_t left = choices.size();
  for (const auto& [choice, meaning] : choices) {
    if (name == choice) return meaning;
    --left;
    known += std::string(choice) + (left > 1 ? ", " : left == 1 ? " or " : "");
  }
  Wrong(field, known);
}

// decode(), whose faults say whose fields they name.
template <class Decode>
auto Of(const char* owner, Decode decode) {
  try {
    return decode();
  } catch (Fault& fault) {
    fault.message = std::string(owner) + "'s " + fault.message;
    throw;
  }
}

// decode(value) of a field, where there is one.
template <class Decode>
auto Optional(const Napi::Object& object, const char* field, Decode decode)
    -> std::optional<decltype(decode(object.Get(field)))> {
  if (!Has(object, field)) return std::nullopt;
  return decode(object.Get(field));
}

// decode(value) of each element of an array.
template <class Decode>
auto List(const Napi::Value& value, const char* name, Decode decode)
    -> std::vector<decltype(decode(value))> {
  if (!value.IsArray()) Wrong(name, "an array");
  const auto array = value.As<Napi::Array>();
  std::vector<decltype(decode(value))> list;
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    list.push_back(decode(array.Get(i)));
  }
  return list;
}
template <class Decode>
auto List(const Napi::Object& object, const char* field, Decode decode) {
  return List(object.Get(field), field, decode);
}
inline std::vector<double> Numbers(const Napi::Object& object, const char* field) {
  return List(object, field, [&](const Napi::Value& each) { return Number(each, field); });
}

template <class T>
struct TypedArrayOf;
template <>
struct TypedArrayOf<float> {
  static constexpr napi_typedarray_type kType = napi_float32_array;
  static constexpr const char* kName = "a Float32Array";
};
template <>
struct TypedArrayOf<double> {
  static constexpr napi_typedarray_type kType = napi_float64_array;
  static constexpr const char* kName = "a Float64Array";
};
template <>
struct TypedArrayOf<int32_t> {
  static constexpr napi_typedarray_type kType = napi_int32_array;
  static constexpr const char* kName = "an Int32Array";
};
template <>
struct TypedArrayOf<uint32_t> {
  static constexpr napi_typedarray_type kType = napi_uint32_array;
  static constexpr const char* kName = "a Uint32Array";
};
template <>
struct TypedArrayOf<uint8_t> {
  static constexpr napi_typedarray_type kType = napi_uint8_array;
  static constexpr const char* kName = "a Uint8Array";
};

// A typed array's elements, where they lie.
template <class T>
std::span<T> Elements(const Napi::Value& value, const char* name) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) !=
          napi_ok ||
      type != TypedArrayOf<T>::kType) {
    Wrong(name, TypedArrayOf<T>::kName);
  }
  return {static_cast<T*>(data), length};
}
// A copy of them.
template <class T>
std::vector<T> Copied(const Napi::Object& object, const char* field) {
  const std::span<T> elements = Elements<T>(object.Get(field), field);
  return {elements.begin(), elements.end()};
}

}  // namespace retemper::fields
