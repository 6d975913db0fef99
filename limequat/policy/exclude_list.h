#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/policy/expression.h"

namespace limequat::policy {

// Limits of a list; beyond them it is refused.
inline constexpr std::size_t kMaxExcludes = 4096;
inline constexpr std::size_t kMaxExpression = 16'384;            // bytes of one expression
inline constexpr std::size_t kMaxExcludeTrials = 400'000;        // see WhatIsLeft
inline constexpr std::size_t kMaxCompiledExcludes = 64U << 20U;  // bytes of all, compiled

// Whether an exclude expression takes a path out of the appraisal. A limit that was
// hit counts as not excluded, and is told apart so that it can be reported (A10).
enum class Exclusion { kNo, kExcluded, kLimitHit };

// Whether exclude expressions leave any place to be appraised where programs lie.
enum class Leftover { kNothing, kSomething };

// The exclude expressions of a policy: regular expressions of Python's `re`, matched
// from the beginning of a path and not necessarily to its end (`re.match`).
//
// Keylime matches `(e1)|(e2)|...`; here each expression stands for itself. That is
// the same except for what one expression could do to another: numbers of groups
// count from the expression's own beginning (what its author meant), flags such as
// `(?i)` at the beginning are valid and end with the expression (Python 3.11 refuses
// them in the joined form), and an invalid expression is refused when it is read,
// where Keylime ignores the whole list at each appraisal (quirk Q19).
//
// Expression tells what an expression may hold. A path that is not UTF-8 is excluded by
// nothing: Python never sees one.
class ExcludeList {
 public:
  // kMalformed ("policy.exclude", with the expression's number and place), or
  // ("policy.limit") for too many, too long or too large expressions. Hostile input.
  static Result<ExcludeList> Compile(std::span<const std::string> expressions);

  ExcludeList();
  ExcludeList(ExcludeList&&) noexcept;
  ExcludeList& operator=(ExcludeList&&) noexcept;
  ~ExcludeList();

  // Whether any expression matches; `path` is hostile. Time is bounded by match and
  // depth limits for each expression. Knows nothing of `boot_aggregate`.
  Exclusion Match(std::string_view path) const;

  // Whether anything is left that is worth the name (attack A10): a path in one of the folders
  // where an ordinary system has programs, or one of `listed`, which calls its argument with
  // the paths that a policy lists, until it answers false. The names in those folders are made
  // from `seed`, which keeps an author from writing around them; pass a hash of what is judged.
  // `boot_aggregate` is always left and does not count, and neither does a path directly in `/`.
  //
  // Asked when a policy is read, so that it ends soon whatever the expressions are: lower
  // limits hold than in Match, and at most kMaxExcludeTrials expressions are tried in
  // all. kMalformed ("policy.exclude") beyond: expressions that take so long for ordinary
  // paths are not taken at all.
  using Listed = std::function<void(const std::function<bool(std::string_view)>&)>;
  Result<Leftover> WhatIsLeft(std::string_view seed, const Listed& listed = {}) const;
  // The same of several lists together, where what any of them excludes is excluded.
  static Result<Leftover> WhatTheyLeave(std::span<const ExcludeList* const> lists,
                                        std::string_view seed, const Listed& listed = {});

 private:
  class Trial;
  std::vector<Expression> expressions_;
};

}  // namespace limequat::policy
