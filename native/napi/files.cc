#include "napi/files.h"

#include <string>

#include "core/status.h"
#include "io/file.h"
#include "napi/arguments.h"
#include "napi/errors.h"

namespace retemper {

Napi::Value ReadBytes(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::string path = StringArgument(info, 0, "path");
    const uint64_t begin = OffsetArgument(info, 1, "begin");
    const uint64_t end = OffsetArgument(info, 2, "end");
    const File file = File::OpenForReading(path);
    const uint64_t size = file.Identity().size;
    if (begin > end || end > size) {
      throw Fault(code::kBadInput,
                  "has no bytes [" + std::to_string(begin) + ", " + std::to_string(end) +
                      "): it has " + std::to_string(size),
                  path);
    }
    Napi::Uint8Array bytes = Napi::Uint8Array::New(info.Env(), end - begin);
    file.ReadAt(begin, bytes.Data(), bytes.ByteLength());
    return bytes;
  });
}

}  // namespace retemper
