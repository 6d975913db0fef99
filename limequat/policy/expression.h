#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "limequat/base/result.h"

namespace limequat::policy {

// A regular expression of Python's `re` in a policy. What is invalid in Python is
// invalid here, although PCRE2 has a meaning for it: `\h`, `\Q`, `(*ACCEPT)`, `(?R)`,
// `(?|`. Not supported: the flags `a`, `L` and `x`, `\N{...}`. Classes such as `\w`
// follow Unicode in both, by slightly different tables.
class Expression {
 public:
  // Where a match must end; it begins at the beginning of the text.
  enum class Extent : std::uint8_t {
    kPrefix,  // anywhere: re.match
    kWhole,   // at the end of the text: re.fullmatch
  };
  // kMalformed ("policy.expression") with the place. Hostile input; what it compiles to
  // is bounded by PCRE2 and told by size().
  static Result<Expression> Compile(std::string_view expression, Extent extent);

  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  enum class Answer : std::uint8_t { kNo, kYes, kLimitHit };
  // How long a match may take: some milliseconds, or a twentieth of that, for many texts of
  // ordinary length.
  enum class Effort : std::uint8_t { kOrdinary, kTrial };
  // `text` is hostile and must be UTF-8. Time is bounded: what would take longer is
  // kLimitHit, which a caller takes for the answer that is safe.
  Answer Match(std::string_view text, Effort effort = Effort::kOrdinary) const;
  // Bytes, compiled.
  std::size_t size() const;

 private:
  struct Compiled;
  explicit Expression(std::unique_ptr<const Compiled> compiled);
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace limequat::policy
