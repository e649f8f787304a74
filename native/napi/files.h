// The addon's functions that deal with files as bytes, as addon.cc exports them
// (lib/addon/surface.ts).
#pragma once
#include "napi/napi_setup.h"

namespace retemper {

Napi::Value ReadHeader(const Napi::CallbackInfo& info);
Napi::Value ReadBytes(const Napi::CallbackInfo& info);
Napi::Value HashFiles(const Napi::CallbackInfo& info);
Napi::Value IsMapped(const Napi::CallbackInfo& info);
Napi::Value Exchange(const Napi::CallbackInfo& info);
Napi::Value LockFile(const Napi::CallbackInfo& info);

}  // namespace retemper
