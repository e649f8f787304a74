// From native failures to JS errors with {code, message, file, tensor, hint}.
#pragma once
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "core/status.h"
#include "napi/napi_setup.h"

namespace retemper {

// The Fault that stands for the exception being handled; call it in a catch block.
inline Fault CurrentFault() {
  try {
    throw;
  } catch (const Fault& fault) {
    return fault;
  } catch (const std::bad_alloc&) {
    return Fault(code::kOutOfMemory, "not enough memory", {}, {},
                 "close other programs or lower --max-memory");
  } catch (const std::length_error&) {  // a container was to be larger than any memory
    return Fault(code::kOutOfMemory, "not enough memory", {}, {},
                 "close other programs or lower --max-memory");
  } catch (const std::system_error& error) {
    return Fault(code::kInternal, error.what());
  } catch (const std::exception& error) {
    return Fault(code::kInternal, error.what());
  } catch (...) {
    return Fault(code::kInternal, "an unknown exception was thrown");
  }
}

inline Napi::Error ToJsError(Napi::Env env, const Fault& fault) {
  Napi::Error error = Napi::Error::New(env, fault.message);
  Napi::Object value = error.Value();
  value.Set("code", fault.code);
  if (!fault.file.empty()) value.Set("file", fault.file);
  if (!fault.tensor.empty()) value.Set("tensor", fault.tensor);
  if (!fault.hint.empty()) value.Set("hint", fault.hint);
  return error;
}

// The JS error that stands for the exception being handled; call it in a catch block. Where there
// is no memory for its words, it says that.
inline Napi::Error CurrentJsError(Napi::Env env) {
  try {
    return ToJsError(env, CurrentFault());
  } catch (const std::bad_alloc&) {
    Napi::Error error = Napi::Error::New(env, "not enough memory");
    error.Set("code", Napi::String::New(env, code::kOutOfMemory));
    return error;
  }
}

// Runs a synchronous native function so that only JS errors leave it.
template <typename Function>
Napi::Value Guarded(Napi::Env env, Function&& function) {
  try {
    return function();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw CurrentJsError(env);
  }
}

}  // namespace retemper
