// A run of stored elements of an input.
#pragma once

#include <cstdint>
#include <memory>

#include "core/dtype.h"

namespace retemper {

struct Encoding;

struct Range {
  uint32_t input = 0;
  uint64_t offset = 0;
  Dtype dtype = Dtype::kF32;
  uint64_t count = 0;
  // How the bytes become numbers (of `dtype`); null: they are elements of `dtype`, in order.
  std::shared_ptr<const Encoding> encoding = nullptr;
};

}  // namespace retemper
