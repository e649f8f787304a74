// Arguments of native functions, checked: native code never trusts what the JS side promised.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>

#include "napi/errors.h"
#include "napi/napi_setup.h"

namespace retemper {

inline std::string StringArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  const Napi::Value value = info[index];
  if (!value.IsString()) throw Fault(code::kUsage, std::string(name) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

inline uint64_t OffsetArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  const Napi::Value value = info[index];
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 9007199254740991.0) || number != std::floor(number)) {
    throw Fault(code::kUsage, std::string(name) + " must be a whole number of bytes");
  }
  return static_cast<uint64_t>(number);
}

}  // namespace retemper
