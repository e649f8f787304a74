// Matrices of float32 values in files, as jobs over them are asked for and read them.
#pragma once
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/divide_up.h"
#include "core/status.h"
#include "io/mapping.h"
#include "lowrank/panel_products.h"
#include "napi/fields.h"
#include "nn/pool.h"

namespace retemper {

struct MatrixPlace {
  uint64_t offset = 0, rows = 0, cols = 0;
};

inline MatrixPlace DecodeMatrixPlace(const Napi::Object& object) {
  const MatrixPlace place = {fields::Whole(object, "offset"),
                             fields::Whole(object, "rows", UINT32_MAX),
                             fields::Whole(object, "cols", UINT32_MAX)};
  if (place.rows == 0 || place.cols == 0)
    throw Fault(code::kUsage, "rows and cols must be positive");
  if (place.offset % sizeof(float) != 0) fields::Wrong("offset", "a multiple of 4");
  return place;
}
// { offset, rows, cols } of a field.
inline MatrixPlace DecodeMatrixPlace(const Napi::Object& owner, const char* field) {
  return DecodeMatrixPlace(fields::Object(owner, field));
}

// How many threads `threads` means.
inline unsigned DecodeThreads(const Napi::Object& object) {
  const auto threads = static_cast<unsigned>(fields::Whole(object, "threads", 1024));
  return threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
}

// The values of a matrix, mapped or read. The file outlives it.
class StoredMatrix {
 public:
  StoredMatrix(const InputFile& file, const std::string& path, const MatrixPlace& place)
      : rows_(static_cast<size_t>(place.rows)), cols_(static_cast<size_t>(place.cols)) {
    const uint64_t count = place.rows * place.cols;  // below 2^64: each is below 2^32
    if (place.offset > file.size() || count > (file.size() - place.offset) / sizeof(float))
      throw Fault(code::kBadInput, "is too short for the matrix", path);
    if (file.mapped()) {
      bytes_ = file.Mapped(place.offset);
    } else {
      copy_.resize(count);
      bytes_ = file.Read(place.offset, count * sizeof(float), copy_.data());
    }
  }
  lowrank::Dense View() const { return {reinterpret_cast<const float*>(bytes_), rows_, cols_}; }

 private:
  size_t rows_, cols_;
  std::vector<float> copy_;
  const uint8_t* bytes_ = nullptr;
};

// Writes values into a file that is there, by all threads. Throws IO, NO_SPACE.
inline void StoreValues(const std::string& path, uint64_t offset, const std::vector<float>& values,
                        nn::Pool& pool) {
  constexpr size_t kPiece = size_t{4} << 20;
  pool.Run(DivideUp(values.size(), kPiece), [&](size_t piece, unsigned) {
    const size_t first = piece * kPiece, count = std::min(kPiece, values.size() - first);
    errno = 0;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset + first * sizeof(float)));
    file.write(reinterpret_cast<const char*>(values.data() + first),
               static_cast<std::streamsize>(count * sizeof(float)));
    file.close();
    if (file.fail())
      throw Fault(errno == ENOSPC ? code::kNoSpace : code::kIo, "cannot be written", path);
  });
}

// The values of a made matrix, for JavaScript.
inline Napi::Float32Array Floats(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

}  // namespace retemper
