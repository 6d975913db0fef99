#pragma once

#include <cstddef>

#include "limequat/base/check.h"

namespace limequat {

enum class Ended { kAtTheEnd, kWithAnError };

// Gives each record of `reader` and the offset of its first byte to `each`, and checks
// what every reader of this library promises: a record is not empty, an error consumes
// nothing and stays, and so does the end.
template <class Reader, class Each>
Ended ReadToEnd(Reader& reader, const Each& each) {
  while (true) {
    const std::size_t before = reader.offset();
    const auto next = reader.Next();
    if (!next) {
      LQ_CHECK(reader.offset() == before);
      LQ_CHECK(reader.Next().error().message == next.error().message);
      return Ended::kWithAnError;
    }
    if (!*next) {
      LQ_CHECK(!*reader.Next());
      return Ended::kAtTheEnd;
    }
    LQ_CHECK(reader.offset() > before);
    each(**next, before);
  }
}

}  // namespace limequat
