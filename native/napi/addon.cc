// The native addon: one instance for each JS environment (main thread, worker thread), no globals.
// lib/addon/surface.ts is its typed description; test/addon/surface.test.ts compares the two.
#include "napi/changes.h"
#include "napi/files.h"
#include "napi/lowrank.h"
#include "napi/merge.h"
#include "napi/napi_setup.h"
#include "napi/nn.h"
#include "napi/spectrum.h"

namespace retemper {
namespace {

class RetemperAddon : public Napi::Addon<RetemperAddon> {
 public:
  RetemperAddon(Napi::Env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod<&RetemperAddon::Describe>("describe", kExported),
                             Method<ReadHeader>("readHeader"),
                             Method<StartMerge>("merge"),
                             Method<HashFiles>("hashFiles"),
                             Method<StartCompare>("compare"),
                             Method<StartChanges>("changes"),
                             Method<StartFactorise>("factorise"),
                             Method<StartProject>("project"),
                             Method<StartKeepSafeDelta>("keepSafeDelta"),
                             Method<StartSelfProject>("selfProject"),
                             Method<StartSpectrum>("spectrum"),
                             Method<ReadBytes>("readBytes"),
                             Method<IsMapped>("isMapped"),
                             Method<Exchange>("exchange"),
                             Method<LockFile>("lockFile"),
                             Method<OpenRuntime>("openRuntime"),
                         });
  }

 private:
  using Function = Napi::Value (*)(const Napi::CallbackInfo&);
  static constexpr napi_property_attributes kExported = napi_default_jsproperty;

  template <Function kFunction>
  Napi::Value Call(const Napi::CallbackInfo& info) {
    return kFunction(info);
  }
  template <Function kFunction>
  static Napi::ClassPropertyDescriptor<RetemperAddon> Method(const char* name) {
    return InstanceMethod<&RetemperAddon::Call<kFunction>>(name, kExported);
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
