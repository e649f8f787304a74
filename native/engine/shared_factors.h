// The factors of low-rank products as readers take them, which the tasks of one open merge share:
// the variants of a tensor have the same adapters.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "core/plan.h"

namespace retemper {

template <class T>
struct ProductFactors {
  std::vector<T> left;   // [rows, rank]
  std::vector<T> right;  // [rank, cols], in strips; of a stack, one after the other
  bool exact_products = false;
  uint64_t id = 0;  // of all factors that there ever were
};

// From any thread. Factors stay as long as somebody has them.
class SharedFactors {
 public:
  // Those of `term`, as `load` gives them where nobody has them.
  template <class T, class Load>
  std::shared_ptr<const ProductFactors<T>> Of(const LowRank& term, Load load) {
    const Key key = {term.left.input,  term.left.offset,  term.left.count,  term.left_transposed,
                     term.right.input, term.right.offset, term.right.count, term.right_transposed};
    std::map<Key, std::weak_ptr<const ProductFactors<T>>>& known = Known<T>();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (auto factors = known[key].lock()) return factors;
    }
    const std::shared_ptr<const ProductFactors<T>> loaded = load();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (auto factors = known[key].lock()) return factors;
    known[key] = loaded;
    return loaded;
  }

 private:
  using Key = std::tuple<uint32_t, uint64_t, uint64_t, bool, uint32_t, uint64_t, uint64_t, bool>;
  template <class T>
  auto& Known() {
    if constexpr (sizeof(T) == sizeof(float)) {
      return floats_;
    } else {
      return doubles_;
    }
  }

  std::mutex mutex_;
  std::map<Key, std::weak_ptr<const ProductFactors<float>>> floats_;
  std::map<Key, std::weak_ptr<const ProductFactors<double>>> doubles_;
};

}  // namespace retemper
