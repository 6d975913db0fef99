#include "limequat/policy/exclude_list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/bytes.h"
#include "limequat/base/escape.h"
#include "limequat/base/utf8.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/policy/expression.h"

namespace limequat::policy {

namespace {

// How many listed paths are tried before expressions count as excluding everything.
constexpr std::size_t kPathsTried = 10'000;

// Where an ordinary system has programs and libraries, or anybody puts some; '*' is a name.
// Not `/` itself: next to nothing lies there, so an expression that leaves its files alone
// (`/[^/]+/`) leaves nothing to check. Nor `/etc`, `/boot`, `/mnt` and others where no program
// is expected: who checks those only lists what is there.
constexpr std::array<std::string_view, 16> kProgramFolders = {
    "/usr/bin/",       "/usr/sbin/",       "/usr/lib/*/", "/usr/libexec/", "/usr/lib64/",
    "/usr/local/bin/", "/usr/local/sbin/", "/bin/",       "/sbin/",        "/lib/*/",
    "/lib64/",         "/opt/*/",          "/home/*/",    "/root/",        "/tmp/",
    "/var/lib/*/"};

// A name of letters for one of hexadecimal digits.
std::string Letters(std::string_view hex) {
  std::string letters(hex);
  std::ranges::transform(letters, letters.begin(), [](char digit) {
    return digit >= 'a' ? digit : static_cast<char>(digit - '0' + 'g');
  });
  return letters;
}

// Whether `path` names something directly in `/`.
bool LiesInRoot(std::string_view path) { return path.rfind('/') == 0; }

}  // namespace

ExcludeList::ExcludeList() = default;
ExcludeList::ExcludeList(ExcludeList&&) noexcept = default;
ExcludeList& ExcludeList::operator=(ExcludeList&&) noexcept = default;
ExcludeList::~ExcludeList() = default;

Result<ExcludeList> ExcludeList::Compile(std::span<const std::string> expressions) {
  if (expressions.size() > kMaxExcludes) {
    return Malformed("policy.limit", fmt::format("{} exclude expressions; at most {}",
                                                 expressions.size(), kMaxExcludes));
  }
  ExcludeList list;
  std::size_t size = 0;
  for (const std::string& expression : expressions) {
    const std::size_t number = list.expressions_.size() + 1;
    if (expression.size() > kMaxExpression) {
      return Malformed("policy.limit", fmt::format("exclude expression {} has {} bytes; at most {}",
                                                   number, expression.size(), kMaxExpression));
    }
    auto compiled = Expression::Compile(expression, Expression::Extent::kPrefix);
    if (!compiled) {
      Error error = std::move(compiled).error();
      error.id = "policy.exclude";
      return std::move(error).In(
          fmt::format("exclude expression {} ('{}')", number, EscapeForDisplay(expression, 128)));
    }
    size += compiled->size();
    if (size > kMaxCompiledExcludes) {
      return Malformed("policy.limit", "the exclude expressions are too large when compiled");
    }
    list.expressions_.push_back(*std::move(compiled));
  }
  return list;
}

Exclusion ExcludeList::Match(std::string_view path) const {
  if (expressions_.empty() || !IsUtf8(path)) return Exclusion::kNo;
  Exclusion answer = Exclusion::kNo;
  for (const Expression& expression : expressions_) {
    const Expression::Answer one = expression.Match(path);
    if (one == Expression::Answer::kYes) return Exclusion::kExcluded;
    if (one == Expression::Answer::kLimitHit) answer = Exclusion::kLimitHit;
  }
  return answer;
}

// A number of paths, tried one after the other with low limits and one budget.
class ExcludeList::Trial {
 public:
  explicit Trial(std::span<const ExcludeList* const> lists) {
    for (const ExcludeList* list : lists) {
      for (const Expression& each : list->expressions_) expressions_.push_back(&each);
    }
  }

  // Whether `path` is excluded. False once something went wrong.
  bool Excludes(std::string_view path) {
    if (error_ || !IsUtf8(path)) return false;
    return std::ranges::any_of(std::views::iota(0UZ, expressions_.size()),
                               [&](std::size_t i) { return Matches(i, path); });
  }
  // Whether each expression comes to an end on `path`.
  void TryAll(std::string_view path) {
    for (std::size_t i = 0; i < expressions_.size(); ++i) Matches(i, path);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  bool Matches(std::size_t number, std::string_view path) {
    if (error_) return false;
    if (left_ == 0) {
      error_ = Malformed("policy.exclude",
                         "the exclude expressions take too long: too many of them are tried in "
                         "vain before one matches");
      return false;
    }
    --left_;
    const Expression::Answer found = expressions_[number]->Match(path, Expression::Effort::kTrial);
    if (found == Expression::Answer::kLimitHit) {
      error_ = Malformed("policy.exclude",
                         fmt::format("exclude expression {} takes too long, for example on '{}'",
                                     number + 1, EscapeForDisplay(path, 128)));
    }
    return found == Expression::Answer::kYes;
  }

  std::vector<const Expression*> expressions_;
  std::size_t left_ = kMaxExcludeTrials;
  std::optional<Error> error_;
};

Result<Leftover> ExcludeList::WhatIsLeft(std::string_view seed, const Listed& listed) const {
  const std::array<const ExcludeList*, 1> self = {this};
  return WhatTheyLeave(self, seed, listed);
}

Result<Leftover> ExcludeList::WhatTheyLeave(std::span<const ExcludeList* const> lists,
                                            std::string_view seed, const Listed& listed) {
  const std::string name = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(seed)).hex();
  Trial trial(lists);
  trial.TryAll("/usr/lib/python3/dist-packages/a_package/__pycache__/a_module.cpython-311.pyc");
  trial.TryAll("/var/lib/containers/storage/overlay/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/diff");
  std::size_t part = 0;
  bool nothing = std::ranges::all_of(kProgramFolders, [&](std::string_view place) {
    // Names of letters, of digits and letters, with a dot, longer and shorter.
    const std::string random = name.substr(part, 8 + part);
    ++part;
    std::string folder(place);
    if (const std::size_t star = folder.find('*'); star != std::string::npos) {
      folder.replace(star, 1, Letters(name.substr(part, 6)));
    }
    return trial.Excludes(fmt::format("{}{}", folder, Letters(random))) &&
           trial.Excludes(fmt::format("{}{}", folder, random)) &&
           trial.Excludes(fmt::format("{}lib{}.so.{}", folder, random, part));
  });
  if (nothing && listed) {
    std::size_t tried = 0;
    listed([&](std::string_view path) {
      nothing = path == ima::kBootAggregate || LiesInRoot(path) || trial.Excludes(path);
      return nothing && ++tried < kPathsTried;
    });
  }
  if (trial.error()) return *trial.error();
  return nothing ? Leftover::kNothing : Leftover::kSomething;
}

}  // namespace limequat::policy
