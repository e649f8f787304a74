// Fields of plain JavaScript objects, checked. A wrong one is a Fault with code USAGE that names
// it.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>

#include "core/status.h"
#include "napi/napi_setup.h"

namespace retemper::fields {

[[noreturn]] inline void Wrong(const char* field, const char* expected) {
  throw Fault(code::kUsage, std::string(field) + " must be " + expected);
}

inline Napi::Object Object(const Napi::Value& value, const char* field) {
  if (!value.IsObject()) Wrong(field, "an object");
  return value.As<Napi::Object>();
}
inline Napi::Value At(const Napi::Object& object, const char* field) { return object.Get(field); }
inline bool Has(const Napi::Object& object, const char* field) {
  return !object.Get(field).IsUndefined();
}
inline Napi::Array Array(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsArray()) Wrong(field, "an array");
  return value.As<Napi::Array>();
}
inline double Number(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsNumber()) Wrong(field, "a number");
  return value.As<Napi::Number>().DoubleValue();
}
inline float Float(const Napi::Object& object, const char* field) {
  const double number = Number(object, field);
  if (!std::isfinite(number)) Wrong(field, "a finite number");
  return static_cast<float>(number);
}
// A whole number up to `most`.
inline uint64_t Whole(const Napi::Value& value, const char* field,
                      uint64_t most = 9007199254740991u) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= static_cast<double>(most)) || number != std::floor(number)) {
    Wrong(field, "a whole number that makes sense");
  }
  return static_cast<uint64_t>(number);
}
inline uint64_t Whole(const Napi::Object& object, const char* field,
                      uint64_t most = 9007199254740991u) {
  return Whole(object.Get(field), field, most);
}
inline std::string String(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsString()) Wrong(field, "a string");
  return value.As<Napi::String>().Utf8Value();
}
inline bool Bool(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsBoolean()) Wrong(field, "a boolean");
  return value.As<Napi::Boolean>().Value();
}
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

}  // namespace retemper::fields
