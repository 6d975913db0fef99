#pragma once

#include <expected>
#include <type_traits>
#include <utility>

#include "limequat/base/error.h"

namespace limequat {

// A value or the Error that prevented it. Dropping a Result is diagnosed by both
// compilers: the class, unlike std::expected of libstdc++ 12, is nodiscard.
//
// Result<bool> does not compile: made from another Result it would turn an error
// into `true`. Use an enumeration that names both answers.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
  static_assert(!std::is_same_v<std::remove_cv_t<T>, bool>,
                "Result<bool> is ambiguous: use an enumeration");

 public:
  using std::expected<T, Error>::expected;

  // An Error converts without std::unexpected around it: `return Malformed(...);`
  Result(Error error) : std::expected<T, Error>(std::unexpected(std::move(error))) {}
};

// Success without a value, or the Error that prevented it.
using Status = Result<void>;

}  // namespace limequat
