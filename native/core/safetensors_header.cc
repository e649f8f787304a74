#include "core/safetensors_header.h"

#include <algorithm>
#include <optional>

#include "core/foreign_file.h"
#include "core/safetensors_json.h"
#include "core/status.h"

namespace retemper {
namespace {

struct DtypeInfo {
  const char* name;
  uint64_t bytes;  // 0: smaller than a byte, not supported
};

constexpr DtypeInfo kDtypes[] = {
    {"BOOL", 1},    {"U8", 1},          {"I8", 1},          {"F8_E5M2", 1}, {"F8_E4M3", 1},
    {"F8_E8M0", 1}, {"F8_E4M3FNUZ", 1}, {"F8_E5M2FNUZ", 1}, {"I16", 2},     {"U16", 2},
    {"F16", 2},     {"BF16", 2},        {"I32", 4},         {"U32", 4},     {"F32", 4},
    {"C64", 8},     {"F64", 8},         {"I64", 8},         {"U64", 8},     {"F4", 0},
    {"F6_E2M3", 0}, {"F6_E3M2", 0},
};

constexpr uint64_t kMaxJsInteger = (uint64_t{1} << 53) - 1;
constexpr char kDamaged[] = "the file is damaged or was made by a faulty writer: get it again";

// A name for messages: hostile names may be megabytes long.
std::string Shortened(const std::string& name) {
  constexpr size_t kLongest = 200;
  if (name.size() <= kLongest) return name;
  size_t end = kLongest;
  while ((static_cast<uint8_t>(name[end]) & 0xC0) == 0x80) --end;  // do not cut a character
  return name.substr(0, end) + "...";
}

[[noreturn]] void Reject(const std::string& message, const std::string& tensor = {},
                         const char* hint = kDamaged) {
  throw Fault(code::kBadInput, message, {}, Shortened(tensor), hint);
}

std::string Text(uint64_t number) { return std::to_string(number); }

std::string ShapeText(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i == 8) return text + ", ...]";
    text += (i == 0 ? "" : ", ") + Text(shape[i]);
  }
  return text + "]";
}

bool MultiplyOverflows(uint64_t a, uint64_t b, uint64_t* product) {
  return __builtin_mul_overflow(a, b, product);
}

bool IsJsonSpace(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

const char* ReadDtype(JsonReader* json, const std::string& tensor) {
  const std::string dtype = json->String();
  for (const DtypeInfo& info : kDtypes) {
    if (dtype == info.name && info.bytes != 0) return info.name;
  }
  Reject("unsupported dtype " + Shortened(dtype), tensor, "");
}

std::vector<uint64_t> ReadShape(JsonReader* json, const std::string& tensor) {
  std::vector<uint64_t> shape;
  json->Expect('[');
  if (json->Take(']')) return shape;
  do {
    shape.push_back(json->Unsigned());
    if (shape.back() > kMaxJsInteger) {
      Reject("a dimension of " + Text(shape.back()) + " is too large", tensor);
    }
  } while (json->Take(','));
  json->Expect(']');
  return shape;
}

// One entry {"dtype": ..., "shape": [...], "data_offsets": [begin, end]} with each field once;
// other fields are ignored, as the reference does. begin and end are left relative to the data
// section.
void ReadTensor(JsonReader* json, HeaderTensor* tensor) {
  bool has_dtype = false, has_shape = false, has_offsets = false;
  const auto once = [&](bool* seen, const char* field) {
    if (*seen) Reject(std::string("has the field \"") + field + "\" twice", tensor->name);
    *seen = true;
  };
  json->Expect('{');
  if (!json->Take('}')) {
    do {
      const std::string field = json->String();
      json->Expect(':');
      if (field == "dtype") {
        once(&has_dtype, "dtype");
        tensor->dtype = ReadDtype(json, tensor->name);
      } else if (field == "shape") {
        once(&has_shape, "shape");
        tensor->shape = ReadShape(json, tensor->name);
      } else if (field == "data_offsets") {
        once(&has_offsets, "data_offsets");
        json->Expect('[');
        tensor->begin = json->Unsigned();
        json->Expect(',');
        tensor->end = json->Unsigned();
        json->Expect(']');
      } else {
        json->SkipValue();
      }
    } while (json->Take(','));
    json->Expect('}');
  }
  if (!has_dtype) Reject("has no dtype", tensor->name);
  if (!has_shape) Reject("has no shape", tensor->name);
  if (!has_offsets) Reject("has no data_offsets", tensor->name);
}

void ReadMetadata(JsonReader* json, SafetensorsHeader* header) {
  if (json->TakeNull()) return;
  json->Expect('{');
  if (json->Take('}')) return;
  do {
    std::string key = json->String();
    json->Expect(':');
    header->metadata.emplace_back(std::move(key), json->String());
  } while (json->Take(','));
  json->Expect('}');
}

void ReadJson(std::span<const uint8_t> text, SafetensorsHeader* header) {
  std::optional<std::string> current;  // the tensor being read, for messages
  try {
    JsonReader json(text);
    bool has_metadata = false;
    json.Expect('{');
    if (!json.Take('}')) {
      do {
        std::string name = json.String();
        if (name.find('\0') != std::string::npos) json.Fail("a tensor's name contains NUL");
        json.Expect(':');
        if (name == "__metadata__") {
          if (has_metadata) Reject("the header has __metadata__ twice");
          has_metadata = true;
          ReadMetadata(&json, header);
        } else {
          current = name;
          header->tensors.emplace_back().name = std::move(name);
          ReadTensor(&json, &header->tensors.back());
          current.reset();
        }
      } while (json.Take(','));
      json.Expect('}');
    }
    json.ExpectEnd();
  } catch (const JsonError& error) {
    Reject("the header is not valid at byte " + Text(error.position) + ": " + error.message,
           current.value_or(""));
  }
}

// Sorting, not hashing: no choice of names can make it slow.
template <typename Items, typename NameOf>
const std::string* FindDuplicate(const Items& items, NameOf name_of) {
  std::vector<const std::string*> names;
  names.reserve(items.size());
  for (const auto& item : items) names.push_back(&name_of(item));
  std::sort(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a < *b; });
  for (size_t i = 1; i < names.size(); ++i) {
    if (*names[i - 1] == *names[i]) return names[i];
  }
  return nullptr;
}

void CheckSize(const HeaderTensor& tensor) {
  if (tensor.begin > tensor.end) {
    Reject("its offsets are reversed: [" + Text(tensor.begin) + ", " + Text(tensor.end) + "]",
           tensor.name);
  }
  uint64_t bytes = 1;
  bool overflow = false;
  for (const uint64_t dimension : tensor.shape) {
    overflow = overflow || MultiplyOverflows(bytes, dimension, &bytes);
  }
  overflow = overflow || MultiplyOverflows(bytes, DtypeBytes(tensor.dtype), &bytes);
  // The reference counts in bits, so sizes above 2^61 bytes overflow there too.
  if (overflow || bytes > UINT64_MAX / 8) {
    Reject("the size of shape " + ShapeText(tensor.shape) + " overflows", tensor.name);
  }
  if (bytes != tensor.end - tensor.begin) {
    Reject("shape " + ShapeText(tensor.shape) + " of " + tensor.dtype + " takes " + Text(bytes) +
               " bytes, but its offsets span " + Text(tensor.end - tensor.begin),
           tensor.name);
  }
}

// Sorts the tensors by their place and checks that they cover the data section exactly.
void CheckLayout(SafetensorsHeader* header, uint64_t data_bytes) {
  std::vector<HeaderTensor>& tensors = header->tensors;
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t covered = 0;
  const HeaderTensor* previous = nullptr;
  for (const HeaderTensor& tensor : tensors) {
    if (tensor.begin < covered) {
      Reject("it overlaps tensor " + Shortened(previous->name), tensor.name);
    }
    if (tensor.begin > covered) {
      Reject(previous == nullptr
                 ? "the data starts at offset " + Text(tensor.begin) + " instead of 0"
                 : "there is a gap of " + Text(tensor.begin - covered) + " bytes before it",
             tensor.name);
    }
    covered = tensor.end;
    previous = &tensor;
  }
  if (covered > data_bytes) {
    const auto beyond = std::find_if(tensors.begin(), tensors.end(),
                                     [&](const auto& tensor) { return tensor.end > data_bytes; });
    Reject("the file is cut off: " + Text(covered - data_bytes) + " bytes are missing at its end",
           beyond->name, "download or copy the file again");
  }
  if (covered < data_bytes) {
    Reject("the file has " + Text(data_bytes - covered) + " bytes after its last tensor");
  }
}

}  // namespace

uint64_t DtypeBytes(const std::string& dtype) {
  for (const DtypeInfo& info : kDtypes) {
    if (dtype == info.name) return info.bytes;
  }
  return 0;
}

uint64_t HeaderLength(std::span<const uint8_t> start, uint64_t file_size) {
  const auto reject = [&](const std::string& message) {
    const ForeignFile foreign = RecogniseForeignFile(start);
    if (!foreign.what.empty()) Reject(foreign.what, {}, foreign.hint.c_str());
    Reject(message);
  };
  if (file_size == 0) Reject("the file is empty", {}, "download or copy the file again");
  if (file_size < kHeaderPrefixBytes || start.size() < kHeaderPrefixBytes) {
    reject("the file is too short for a safetensors header: " + Text(file_size) + " bytes");
  }
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | start[static_cast<size_t>(i)];
  if (length > kMaxHeaderBytes) {
    reject("is not a safetensors file: its header would be " + Text(length) +
           " bytes long, the limit is " + Text(kMaxHeaderBytes));
  }
  if (length > file_size - kHeaderPrefixBytes) {
    reject("the header of " + Text(length) + " bytes does not fit the file of " + Text(file_size) +
           " bytes: it is cut off or not a safetensors file");
  }
  // Some kinds of files make a plausible length; their next byte gives them away.
  if (length == 0 || (start.size() > kHeaderPrefixBytes && start[kHeaderPrefixBytes] != '{' &&
                      !IsJsonSpace(start[kHeaderPrefixBytes]))) {
    reject("is not a safetensors file: its header does not begin with '{'");
  }
  return length;
}

SafetensorsHeader ParseSafetensorsHeader(std::span<const uint8_t> json, uint64_t file_size) {
  SafetensorsHeader header;
  header.data_offset = kHeaderPrefixBytes + json.size();
  if (json.size() > kMaxHeaderBytes || header.data_offset > file_size) {
    Reject("the header does not fit the file");
  }
  ReadJson(json, &header);
  if (const std::string* name = FindDuplicate(
          header.tensors, [](const auto& t) -> auto& { return t.name; })) {
    Reject("the header names this tensor twice", *name);
  }
  if (const std::string* key = FindDuplicate(
          header.metadata, [](const auto& entry) -> auto& { return entry.first; })) {
    Reject("the metadata has the key \"" + Shortened(*key) + "\" twice");
  }
  for (const HeaderTensor& tensor : header.tensors) CheckSize(tensor);
  CheckLayout(&header, file_size - header.data_offset);
  for (HeaderTensor& tensor : header.tensors) {
    tensor.begin += header.data_offset;
    tensor.end += header.data_offset;
  }
  return header;
}

}  // namespace retemper
