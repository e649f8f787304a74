// The native addon: one instance for each JS environment (main thread, worker thread), no globals.
// lib/addon/surface.ts is its typed description; test/addon/surface.test.ts compares the two.
#include "napi/files.h"
#include "napi/merge.h"
#include "napi/napi_setup.h"

namespace retemper {
namespace {

class RetemperAddon : public Napi::Addon<RetemperAddon> {
 public:
  RetemperAddon(Napi::Env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod<&RetemperAddon::Describe>("describe", napi_default_jsproperty),
                             InstanceMethod<&RetemperAddon::Call<ReadBytes>>("readBytes", napi_default_jsproperty),
                             InstanceMethod<&RetemperAddon::Call<StartMerge>>("merge", napi_default_jsproperty),
                             InstanceMethod<&RetemperAddon::Call<StartCompare>>("compare", napi_default_jsproperty),
                         });
  }

 private:
  template <Napi::Value (*kFunction)(const Napi::CallbackInfo&)>
  Napi::Value Call(const Napi::CallbackInfo& info) {
    return kFunction(info);
  }

  Napi::Value Describe(const Napi::CallbackInfo& info) {
    Napi::Object description = Napi::Object::New(info.Env());
    description.Set("version", RETEMPER_VERSION);
    DescribeEngine(info.Env(), description);
    return description;
  }
};

}  // namespace
}  // namespace retemper

using retemper::RetemperAddon;
NODE_API_ADDON(RetemperAddon)
