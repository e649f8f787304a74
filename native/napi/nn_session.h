// What the functions of a runtime share: the session that everything on the native side belongs to,
// and typed arrays where they lie.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "nn/context.h"
#include "virtual/virtual_tensors.h"

namespace retemper {

struct Session {
  std::unique_ptr<nn::Context> context;   // null once closed
  std::shared_ptr<VirtualTensors> merge;  // the context's maker, where one was opened
  std::vector<std::shared_ptr<const void>> operations;
  std::vector<std::unique_ptr<nn::PagedCache>> caches;  // null where disposed of

  nn::Context& Open() {
    if (!context) throw Fault(code::kUsage, "the runtime is closed");
    return *context;
  }
  nn::PagedCache& CacheOf(uint64_t id) {
    if (id >= caches.size() || !caches[id]) {
      throw Fault(code::kUsage, "the cache was disposed of, or is of another model");
    }
    return *caches[id];
  }
  void Close() {
    caches.clear();
    operations.clear();
    merge.reset();
    context.reset();
  }
};
using SessionPtr = std::shared_ptr<Session>;

// A typed array's elements, where they lie.
template <class T>
struct Span {
  T* data;
  size_t size;
};
template <class T>
Span<T> SpanOf(const Napi::Value& value, const char* name) {
  const std::span<T> elements = fields::Elements<T>(value, name);
  return {elements.data(), elements.size()};
}
inline Span<float> Floats(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return SpanOf<float>(info[index], name);
}
inline Span<int32_t> Ints(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return SpanOf<int32_t>(info[index], name);
}

// The rows of [rows, features].
inline size_t RowsOf(const Span<float>& x, size_t features, const char* name) {
  if (features == 0 || x.size % features != 0) {
    throw Fault(code::kUsage, std::string(name) + " has " + std::to_string(x.size) +
                                  " values, which are no rows of " + std::to_string(features));
  }
  return x.size / features;
}
inline void CheckSize(const Span<float>& y, size_t rows, size_t features, const char* name) {
  size_t size = 0;
  if (!__builtin_mul_overflow(rows, features, &size) && y.size == size) return;
  throw Fault(code::kUsage, std::string(name) + " has " + std::to_string(y.size) +
                                " values, expected " + std::to_string(rows) + " x " +
                                std::to_string(features));
}
inline void CheckApart(const Span<float>& y, const Span<float>& x) {
  if (y.data < x.data + x.size && x.data < y.data + y.size) {
    throw Fault(code::kUsage, "an operation cannot write to what it reads");
  }
}

// A function of JavaScript over an open session. body(context, info).
template <class Body>
Napi::Function Bind(Napi::Env env, const SessionPtr& session, Body body) {
  return Napi::Function::New(
      env, [session, body = std::move(body)](const Napi::CallbackInfo& info) -> Napi::Value {
        return Guarded(info.Env(), [&]() -> Napi::Value { return body(session->Open(), info); });
      });
}

// The function of an operation, which the session keeps. body(context, operation, info).
template <class Operation, class Body>
Napi::Value Keep(Napi::Env env, const SessionPtr& session, Operation&& made, Body body) {
  auto owned = std::make_shared<Operation>(std::move(made));
  const Operation* operation = owned.get();
  session->operations.push_back(std::move(owned));
  return Bind(env, session,
              [operation, body = std::move(body)](nn::Context& context,
                                                  const Napi::CallbackInfo& info) -> Napi::Value {
                body(context, *operation, info);
                context.CheckFaults();
                return info.Env().Undefined();
              });
}

}  // namespace retemper
