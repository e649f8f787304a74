// readHeader: a safetensors header in columns.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/safetensors_header.h"
#include "io/file.h"
#include "napi/errors.h"
#include "napi/fields.h"
#include "napi/files.h"

namespace retemper {
namespace {

SafetensorsHeader Load(const File& file, uint64_t size) {
  constexpr uint64_t kStartBytes = 512;  // enough to tell what a file is that is not safetensors
  try {
    uint8_t start[kStartBytes];
    const auto start_size = static_cast<size_t>(std::min(size, kStartBytes));
    file.ReadAt(0, start, start_size);
    const uint64_t length = HeaderLength({start, start_size}, size);
    std::vector<uint8_t> json(length);
    file.ReadAt(kHeaderPrefixBytes, json.data(), json.size());
    return ParseSafetensorsHeader(json, size);
  } catch (Fault& fault) {
    if (fault.file.empty()) fault.file = file.path();
    throw;
  }
}

Napi::Array ShapeArray(Napi::Env env, const std::vector<uint64_t>& shape) {
  Napi::Array array = Napi::Array::New(env, shape.size());
  for (uint32_t i = 0; i < shape.size(); ++i) array[i] = static_cast<double>(shape[i]);
  return array;
}

// Defines an own property even where the key is "__proto__".
void DefineString(Napi::Object object, const std::string& key, const std::string& value) {
  object.DefineProperty(Napi::PropertyDescriptor::Value(
      Napi::String::New(object.Env(), key), Napi::String::New(object.Env(), value),
      static_cast<napi_property_attributes>(napi_enumerable | napi_writable | napi_configurable)));
}

}  // namespace

Napi::Value ReadHeader(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&]() -> Napi::Value {
    const File file = File::OpenForReading(fields::String(info[0], "path"));
    const FileIdentity identity = file.Identity();
    const SafetensorsHeader header = Load(file, identity.size);

    Napi::Object metadata = Napi::Object::New(env);
    for (const auto& [key, value] : header.metadata) DefineString(metadata, key, value);

    const size_t count = header.tensors.size();
    Napi::Array names = Napi::Array::New(env, count), dtypes = Napi::Array::New(env, count),
                shapes = Napi::Array::New(env, count), begins = Napi::Array::New(env, count),
                ends = Napi::Array::New(env, count);
    for (uint32_t i = 0; i < count; ++i) {
      const Napi::HandleScope scope(env);  // a million tensors must not pile up handles
      const HeaderTensor& tensor = header.tensors[i];
      names[i] = tensor.name;
      dtypes[i] = tensor.dtype;
      shapes[i] = ShapeArray(env, tensor.shape);
      begins[i] = static_cast<double>(tensor.begin);
      ends[i] = static_cast<double>(tensor.end);
    }

    Napi::Object result = Napi::Object::New(env);
    result.Set("size", static_cast<double>(identity.size));
    result.Set("inode", std::to_string(identity.inode));
    result.Set("mtimeNs", std::to_string(identity.mtime_ns));
    result.Set("dataOffset", static_cast<double>(header.data_offset));
    result.Set("metadata", metadata);
    result.Set("names", names);
    result.Set("dtypes", dtypes);
    result.Set("shapes", shapes);
    result.Set("begins", begins);
    result.Set("ends", ends);
    return result;
  });
}

}  // namespace retemper
