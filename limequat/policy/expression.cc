#include "limequat/policy/expression.h"

#include <array>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/policy/python_expression.h"

namespace limequat::policy {

namespace {

// Text of ordinary length comes nowhere near these. They bound what an expression
// such as (a+)+$ costs to some milliseconds.
constexpr std::uint32_t kMatchLimit = 200'000;
constexpr std::uint32_t kTrialMatchLimit = 10'000;
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

  int Match(const pcre2_code* code, std::string_view text, std::uint32_t options) const {
    return pcre2_match(code, AsBytes(text).data(), text.size(), 0, options | PCRE2_NO_UTF_CHECK,
                       data.get(), context.get());
  }
};

}  // namespace

struct Expression::Compiled {
  Code code;
};

Expression::Expression(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

Result<Expression> Expression::Compile(std::string_view expression, Extent extent) {
  LQ_ASSIGN_OR_RETURN(const std::string pattern, PcreFromPython(expression));
  const CompileContext context(pcre2_compile_context_create(nullptr));
  LQ_CHECK(context != nullptr);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
#if PCRE2_MAJOR > 10 || PCRE2_MINOR >= 43
  // As in Python, and in PCRE2 before, what is looked at behind a place has one length.
  pcre2_set_max_varlookbehind(context.get(), 0);
#endif
  int number = 0;
  std::size_t offset = 0;
  constexpr std::uint32_t kOptions =
      PCRE2_ANCHORED | PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_ALT_CIRCUMFLEX;
  const std::uint32_t end = extent == Extent::kWhole ? PCRE2_ENDANCHORED : 0;
  Code code(pcre2_compile(AsBytes(pattern).data(), pattern.size(), kOptions | end, &number, &offset,
                          context.get()));
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> text{};
    pcre2_get_error_message(number, text.data(), text.size());
    const std::string_view all = AsText(ByteView(text));
    return Malformed("policy.expression", std::string(all.substr(0, all.find('\0'))));
  }
  // Not available everywhere (a system may forbid executable memory): slower then.
  static_cast<void>(pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE));
  return Expression(std::make_unique<const Compiled>(Compiled{.code = std::move(code)}));
}

std::size_t Expression::size() const {
  std::size_t size = 0;
  std::size_t jit_size = 0;
  static_cast<void>(pcre2_pattern_info(compiled_->code.get(), PCRE2_INFO_SIZE, &size));
  static_cast<void>(pcre2_pattern_info(compiled_->code.get(), PCRE2_INFO_JITSIZE, &jit_size));
  return size + jit_size;
}

Expression::Answer Expression::Match(std::string_view text, Effort effort) const {
  thread_local const Matcher ordinary(kMatchLimit);
  thread_local const Matcher trial(kTrialMatchLimit);
  const Matcher& matcher = effort == Effort::kTrial ? trial : ordinary;
  const pcre2_code* code = compiled_->code.get();
  int result = matcher.Match(code, text, 0);
  // The interpreter's stack is on the heap, and bounded by a limit of ours.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = matcher.Match(code, text, PCRE2_NO_JIT);
  if (result >= 0) return Answer::kYes;
  return result == PCRE2_ERROR_NOMATCH ? Answer::kNo : Answer::kLimitHit;
}

}  // namespace limequat::policy
