// Gives back the memory of vectors that are done with before their owner ends.
#pragma once

#include <vector>

namespace retemper {

// `values = {}` would assign an empty list, which keeps the memory.
template <class T>
void LetGo(std::vector<T>& values) {
  std::vector<T>().swap(values);
}

}  // namespace retemper
