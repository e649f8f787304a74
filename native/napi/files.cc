#include "napi/files.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/sha256.h"
#include "core/status.h"
#include "io/file.h"
#include "io/file_lock.h"
#include "io/mapping.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "napi/job.h"

namespace retemper {
namespace {

std::vector<std::string> PathsArgument(const Napi::CallbackInfo& info) {
  return fields::List(info[0], "paths",
                      [](const Napi::Value& path) { return fields::String(path, "a path"); });
}

std::vector<std::string> Hash(const std::vector<std::string>& paths,
                              const std::atomic<bool>& cancelled, const Job::Report& report) {
  constexpr size_t kBlock = size_t{1} << 20;
  // Every file is looked at before the first is read, so that a missing one is known at once. They
  // are opened again one by one: a checkpoint may have more shards than a process may have open
  // files.
  std::vector<FileIdentity> identities;
  uint64_t total = 0, done = 0;
  for (const std::string& path : paths) {
    identities.push_back(File::OpenForReading(path).Identity());
    total += identities.back().size;
  }
  std::vector<uint8_t> block(kBlock);
  std::vector<std::string> digests;
  for (size_t i = 0; i < paths.size(); ++i) {
    const File file = File::OpenForReading(paths[i]);
    Sha256 hash;
    for (uint64_t offset = 0; offset < identities[i].size;) {
      if (cancelled.load(std::memory_order_relaxed)) {
        throw Fault(code::kCancelled, "hashing was cancelled");
      }
      const auto size =
          static_cast<size_t>(std::min<uint64_t>(kBlock, identities[i].size - offset));
      file.ReadAt(offset, block.data(), size);
      hash.Update(block.data(), size);
      offset += size;
      done += size;
      report(static_cast<double>(done), static_cast<double>(total));
    }
    if (file.Identity() != identities[i]) {
      throw Fault(code::kBadInput, "changed while it was read", paths[i]);
    }
    digests.push_back(hash.FinishHex());
  }
  return digests;
}

}  // namespace

Napi::Value ReadBytes(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::string path = fields::String(info[0], "path");
    const uint64_t begin = fields::Whole(info[1], "begin");
    const uint64_t end = fields::Whole(info[2], "end");
    const File file = File::OpenForReading(path);
    const uint64_t size = file.Identity().size;
    if (begin > end || end > size) {
      throw Fault(code::kBadInput,
                  "has no bytes [" + std::to_string(begin) + ", " + std::to_string(end) +
                      "): it has " + std::to_string(size),
                  path);
    }
    Napi::Uint8Array bytes = Napi::Uint8Array::New(info.Env(), static_cast<size_t>(end - begin));
    file.ReadAt(begin, bytes.Data(), bytes.ByteLength());
    return bytes;
  });
}

Napi::Value HashFiles(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto body = [paths = PathsArgument(info)](const std::atomic<bool>& cancelled,
                                              const Job::Report& report) -> Job::Result {
      return [digests = Hash(paths, cancelled, report)](Napi::Env env) -> Napi::Value {
        Napi::Array result = Napi::Array::New(env, digests.size());
        for (uint32_t i = 0; i < digests.size(); ++i) result[i] = digests[i];
        return result;
      };
    };
    return Job::Start(info.Env(), info[1], std::move(body));
  });
}

Napi::Value IsMapped(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const InputFile file = InputFile::Open(fields::String(info[0], "path"), std::nullopt);
    return Napi::Boolean::New(info.Env(), file.mapped());
  });
}

Napi::Value Exchange(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    ExchangePaths(fields::String(info[0], "a"), fields::String(info[1], "b"));
    return info.Env().Undefined();
  });
}

Napi::Value LockFile(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::string path = fields::String(info[0], "path");
    // The handle owns the lock: its functions give it back, or the loss of the handle (its
    // environment ended). It is made first: nothing can fail once the lock is had.
    auto owned = std::make_shared<std::optional<FileLock>>();
    Napi::Object handle = Napi::Object::New(info.Env());
    const auto set = [&](const char* name, void (FileLock::*end)()) {
      handle.Set(name, Napi::Function::New(info.Env(), [owned, end](const Napi::CallbackInfo&) {
                   if (*owned) ((**owned).*end)();
                 }));
    };
    set("release", &FileLock::Release);
    set("releaseAndKeep", &FileLock::ReleaseAndKeep);
    try {
      *owned = FileLock::TryLock(path);
    } catch (const LocksNotOffered&) {
      return info.Env().Undefined();
    }
    if (!*owned) return info.Env().Null();
    return handle;
  });
}

}  // namespace retemper
