#include "limequat/policy/exclude_list.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <ranges>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/utf8.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/policy/python_expression.h"

namespace limequat::policy {

namespace {

// A path of ordinary length comes nowhere near these. They bound what an expression
// such as (a+)+$ costs to some milliseconds.
constexpr std::uint32_t kMatchLimit = 200'000;
// For paths of ordinary length, when a policy is read.
constexpr std::uint32_t kTrialMatchLimit = 10'000;
// How many listed paths are tried before expressions count as excluding everything.
constexpr std::size_t kPathsTried = 10'000;
constexpr std::uint32_t kDepthLimit = 20'000;
constexpr std::uint32_t kHeapLimitKib = 8192;

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Code = std::unique_ptr<pcre2_code, Free<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Free<pcre2_compile_context_free>>;

// What each thread needs to match; only that an expression matches is of interest.
struct Matcher {
  MatchData data{pcre2_match_data_create(1, nullptr)};
  MatchContext context{pcre2_match_context_create(nullptr)};

  explicit Matcher(std::uint32_t match_limit) {
    LQ_CHECK(data != nullptr && context != nullptr);
    pcre2_set_match_limit(context.get(), match_limit);
    pcre2_set_depth_limit(context.get(), kDepthLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  }

  int Match(const pcre2_code* code, std::string_view path, std::uint32_t options) const {
    return pcre2_match(code, AsBytes(path).data(), path.size(), 0, options | PCRE2_NO_UTF_CHECK,
                       data.get(), context.get());
  }
};

Result<Code> CompileOne(const std::string& expression) {
  LQ_ASSIGN_OR_RETURN(const std::string pattern, PcreFromPython(expression));
  const CompileContext context(pcre2_compile_context_create(nullptr));
  LQ_CHECK(context != nullptr);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int number = 0;
  std::size_t offset = 0;
  constexpr std::uint32_t kOptions =
      PCRE2_ANCHORED | PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  Code code(pcre2_compile(AsBytes(pattern).data(), pattern.size(), kOptions, &number, &offset,
                          context.get()));
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> text{};
    pcre2_get_error_message(number, text.data(), text.size());
    const std::string_view all = AsText(ByteView(text));
    return Malformed("policy.exclude", std::string(all.substr(0, all.find('\0'))));
  }
  // Not available everywhere (a system may forbid executable memory): slower then.
  static_cast<void>(pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE));
  return code;
}

std::size_t SizeOf(const pcre2_code* code) {
  std::size_t size = 0;
  std::size_t jit_size = 0;
  static_cast<void>(pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size));
  static_cast<void>(pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit_size));
  return size + jit_size;
}

Exclusion MatchOne(const Matcher& matcher, const pcre2_code* code, std::string_view path) {
  int result = matcher.Match(code, path, 0);
  // The interpreter's stack is on the heap, and bounded by a limit of ours.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = matcher.Match(code, path, PCRE2_NO_JIT);
  if (result >= 0) return Exclusion::kExcluded;
  return result == PCRE2_ERROR_NOMATCH ? Exclusion::kNo : Exclusion::kLimitHit;
}

}  // namespace

struct ExcludeList::Expression {
  Code code;
};

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
    auto code = CompileOne(expression);
    if (!code) {
      return std::move(code).error().In(
          fmt::format("exclude expression {} ('{}')", number, EscapeForDisplay(expression, 128)));
    }
    size += SizeOf(code->get());
    if (size > kMaxCompiledExcludes) {
      return Malformed("policy.limit", "the exclude expressions are too large when compiled");
    }
    list.expressions_.push_back(
        std::make_unique<const Expression>(Expression{.code = *std::move(code)}));
  }
  return list;
}

Exclusion ExcludeList::Match(std::string_view path) const {
  if (expressions_.empty() || !IsUtf8(path)) return Exclusion::kNo;
  thread_local const Matcher matcher(kMatchLimit);
  Exclusion answer = Exclusion::kNo;
  for (const auto& expression : expressions_) {
    const Exclusion one = MatchOne(matcher, expression->code.get(), path);
    if (one == Exclusion::kExcluded) return one;
    if (one == Exclusion::kLimitHit) answer = one;
  }
  return answer;
}

// A number of paths, tried one after the other with low limits and one budget.
class ExcludeList::Trial {
 public:
  explicit Trial(const ExcludeList& list) : list_(list) {}

  // Whether `path` is excluded. False once something went wrong.
  bool Excludes(std::string_view path) {
    if (error_ || !IsUtf8(path)) return false;
    return std::ranges::any_of(std::views::iota(0UZ, list_.expressions_.size()),
                               [&](std::size_t i) { return Matches(i, path); });
  }
  // Whether each expression comes to an end on `path`.
  void TryAll(std::string_view path) {
    for (std::size_t i = 0; i < list_.expressions_.size(); ++i) Matches(i, path);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  bool Matches(std::size_t number, std::string_view path) {
    thread_local const Matcher matcher(kTrialMatchLimit);
    if (error_) return false;
    if (left_ == 0) {
      error_ = Malformed("policy.exclude",
                         "the exclude expressions take too long: too many of them are tried in "
                         "vain before one matches");
      return false;
    }
    --left_;
    const Exclusion found = MatchOne(matcher, list_.expressions_[number]->code.get(), path);
    if (found == Exclusion::kLimitHit) {
      error_ = Malformed("policy.exclude",
                         fmt::format("exclude expression {} takes too long, for example on '{}'",
                                     number + 1, EscapeForDisplay(path, 128)));
    }
    return found == Exclusion::kExcluded;
  }

  const ExcludeList& list_;
  std::size_t left_ = kMaxExcludeTrials;
  std::optional<Error> error_;
};

Result<Leftover> ExcludeList::WhatIsLeft(std::string_view seed, const Listed& listed) const {
  constexpr std::array<std::string_view, 24> kFolders = {
      "/",     "/usr/bin/",  "/usr/sbin/",   "/usr/lib/", "/usr/lib/x86_64-linux-gnu/",
      "/bin/", "/sbin/",     "/lib/",        "/lib64/",   "/usr/libexec/",
      "/etc/", "/opt/",      "/srv/",        "/home/",    "/root/",
      "/var/", "/var/lib/",  "/tmp/",        "/run/",     "/usr/local/bin/",
      "/mnt/", "/dev/shm/a", "/usr/share/x", "/boot/"};
  const std::string name = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(seed)).hex();
  Trial trial(*this);
  trial.TryAll("/usr/lib/python3/dist-packages/a_package/__pycache__/a_module.cpython-311.pyc");
  trial.TryAll("/var/lib/containers/storage/overlay/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/diff");
  std::size_t part = 0;
  bool nothing = std::ranges::all_of(kFolders, [&](std::string_view folder) {
    // Names of letters, of digits and letters, with a dot, longer and shorter.
    const std::string random = name.substr(part, 8 + part);
    ++part;
    return trial.Excludes(fmt::format("{}program", folder)) &&
           trial.Excludes(fmt::format("{}{}", folder, random)) &&
           trial.Excludes(fmt::format("{}lib{}.so.{}", folder, random, part));
  });
  if (nothing && listed) {
    std::size_t tried = 0;
    listed([&](std::string_view path) {
      nothing = path == ima::kBootAggregate || trial.Excludes(path);
      return nothing && ++tried < kPathsTried;
    });
  }
  if (trial.error()) return *trial.error();
  return nothing ? Leftover::kNothing : Leftover::kSomething;
}

}  // namespace limequat::policy
