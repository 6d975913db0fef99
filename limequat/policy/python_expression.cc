#include "limequat/policy/python_expression.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"

namespace limequat::policy {

namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsOctal(char c) { return c >= '0' && c <= '7'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAscii(char c) { return static_cast<std::uint8_t>(c) < 0x80; }

std::optional<std::uint32_t> HexValue(char c) {
  if (IsDigit(c)) return static_cast<std::uint32_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint32_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint32_t>(c - 'A' + 10);
  return std::nullopt;
}

constexpr std::size_t kMaxBehindReferences = 16;

// Reads an expression once from front to back, as Python's `re._parser` does.
class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  Result<std::string> Run() {
    while (!AtEnd()) LQ_RETURN_IF_ERROR(Item());
    if (!open_.empty()) return Bad("a parenthesis that is not closed");
    if (highest_condition_ >= closed_.size()) return Bad("a condition about no group");
    return std::move(out_);
  }

 private:
  // What a repetition would repeat.
  enum class Before : std::uint8_t { kNothing, kItem, kRepetition };

  // What a parenthesis began.
  struct Open {
    std::size_t group = 0;  // 0: it captures nothing
    bool looks_behind = false;
  };

  bool AtEnd() const { return at_ == in_.size(); }
  // NUL at the end: it is never what a caller looks for.
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0';
  }
  char Take() { return in_[at_++]; }
  bool TakeIf(std::string_view text) {
    if (!in_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  std::string_view TakeDigits() {
    const std::size_t start = at_;
    while (IsDigit(Peek())) ++at_;
    return in_.substr(start, at_ - start);
  }
  void PutCode(std::uint32_t code) { out_ += fmt::format("\\x{{{:x}}}", code); }
  Error Bad(std::string_view why) const {
    return Malformed("policy.expression", fmt::format("{} before position {}", why, at_));
  }

  Status Item() {
    const char c = Take();
    switch (c) {
      case '(':
        return Group();
      case ')':
        return Close();
      case '*':
      case '+':
      case '?':
        return Repeat(std::string(1, c));
      case '{':
        return Braces();
      case '|':
      case '^':
      case '$':
        out_ += c;
        before_ = Before::kNothing;
        return {};
      default:
        break;
    }
    before_ = Before::kItem;
    if (c == '\\') return Escape(/*in_class=*/false);
    if (c == '[') return Class();
    out_ += c;
    return {};
  }

  // With what follows it and makes it lazy or possessive. Python repeats no repetition and no
  // place (`^`, `\b`); PCRE2 does.
  Status Repeat(const std::string& repetition) {
    if (before_ == Before::kNothing) return Bad("nothing to repeat");
    if (before_ == Before::kRepetition) return Bad("a repetition of a repetition");
    out_ += repetition;
    if (Peek() == '?' || Peek() == '+') out_ += Take();
    before_ = Before::kRepetition;
    return {};
  }

  // Behind a backslash.
  Status Escape(bool in_class) {
    if (AtEnd()) return Bad("a backslash ends the expression");
    const char c = Take();
    if (IsDigit(c)) return Digits(c, in_class);
    if (!IsAscii(c)) {  // escaped for no reason; the code point's other bytes follow
      out_ += c;
      return {};
    }
    if (!IsLetter(c)) {
      out_ += {'\\', c};
      return {};
    }
    switch (c) {
      case 'x':
        return Code(2);
      case 'u':
        return Code(4);
      case 'U':
        return Code(8);
      case 'a':
        PutCode(0x07);
        return {};
      case 'v':
        PutCode(0x0b);
        return {};
      case 'b':
        if (in_class) {
          PutCode(0x08);
          return {};
        }
        out_ += "\\b";
        before_ = Before::kNothing;
        return {};
      case 'A':
      case 'B':
      case 'Z':
        if (in_class) return Bad("an escape that has no meaning in a class");
        before_ = Before::kNothing;
        out_ += c == 'Z' ? "\\z" : (c == 'A' ? "\\A" : "\\B");
        return {};
      default:
        if (!std::string_view("dDsSwWfnrt").contains(c)) return Bad("an unknown escape");
        out_ += {'\\', c};
        return {};
    }
  }

  // \0 and three octal digits are a code; in a class so is one octal digit. All
  // others refer to a group.
  Status Digits(char first, bool in_class) {
    const bool octal = first == '0' || (in_class && IsOctal(first)) ||
                       (IsOctal(first) && IsOctal(Peek()) && IsOctal(Peek(1)));
    if (octal) {
      auto code = static_cast<std::uint32_t>(first - '0');
      for (int i = 0; i < 2 && IsOctal(Peek()); ++i) {
        code = code * 8 + static_cast<std::uint32_t>(Take() - '0');
      }
      if (code > 0377) return Bad("an octal escape above \\377");
      PutCode(code);
      return {};
    }
    if (in_class) return Bad("an unknown escape");
    auto number = static_cast<std::size_t>(first - '0');
    if (IsDigit(Peek())) number = number * 10 + static_cast<std::size_t>(Take() - '0');
    LQ_RETURN_IF_ERROR(CheckReference(number));
    out_ += fmt::format("\\g{{{}}}", number);
    return {};
  }

  // Python refers only back, to groups that have ended; from within a look-behind, to groups in
  // front of it.
  Status CheckReference(std::size_t number) {
    if (number >= closed_.size()) return Bad("a reference to no group");
    if (!closed_[number]) return Bad("a reference to a group that is open");
    if (behind_depth_ == 0) return {};
    if (number >= behind_groups_) return Bad("a reference into the look-behind that it is in");
    // PCRE2 measures the group anew for each of them.
    if (++behind_references_ > kMaxBehindReferences) {
      return Bad("too many references in look-behinds");
    }
    return {};
  }

  // \x, \u, \U: exactly `count` hexadecimal digits.
  Status Code(int count) {
    std::uint32_t code = 0;
    for (int i = 0; i < count; ++i) {
      const auto value = HexValue(Peek());
      if (!value) return Bad("an incomplete escape");
      code = code * 16 + *value;
      ++at_;
    }
    PutCode(code);
    return {};
  }

  Status Class() {
    out_ += '[';
    if (TakeIf("^")) out_ += '^';
    if (TakeIf("]")) out_ += "\\]";
    while (!AtEnd()) {
      const char c = Take();
      if (c == '\\') {
        LQ_RETURN_IF_ERROR(Escape(/*in_class=*/true));
        continue;
      }
      if (c == '[') out_ += '\\';  // [:alpha:] is a class of its own only in PCRE2
      out_ += c;
      if (c == ']') return {};
    }
    return Bad("an unterminated class");
  }

  // A repetition, or else a brace like any other character.
  Status Braces() {
    const std::size_t start = at_;
    const std::string_view least = TakeDigits();
    const bool comma = TakeIf(",");
    const std::string_view most = comma ? TakeDigits() : std::string_view();
    if (TakeIf("}") && (comma || !least.empty())) {
      return Repeat(fmt::format("{{{}{}{}}}", least.empty() ? "0" : least, comma ? "," : "", most));
    }
    at_ = start;
    out_ += "\\{";
    before_ = Before::kItem;
    return {};
  }

  // Behind an opening parenthesis.
  Status Group() {
    if (!TakeIf("?")) {
      Begin("(", {.group = NewGroup()});
      return {};
    }
    for (const std::string_view known : {":", "=", "!", ">"}) {
      if (!TakeIf(known)) continue;
      Begin(fmt::format("(?{}", known), {});
      return {};
    }
    for (const std::string_view known : {"<=", "<!"}) {
      if (TakeIf(known)) return LookBehind(known);
    }
    if (TakeIf("P<")) return NamedGroup();
    if (TakeIf("P=")) return NamedReference();
    if (TakeIf("#")) return Comment();
    if (TakeIf("(")) return Condition();
    return Flags();
  }

  std::size_t NewGroup() {
    closed_.push_back(false);
    return closed_.size() - 1;
  }

  void Begin(std::string_view text, Open open) {
    out_ += text;
    open_.push_back(open);
    before_ = Before::kNothing;
  }

  // A closing parenthesis.
  Status Close() {
    if (open_.empty()) return Bad("a parenthesis that was not opened");
    const Open open = open_.back();
    open_.pop_back();
    if (open.group != 0) closed_[open.group] = true;
    if (open.looks_behind) --behind_depth_;
    out_ += open.looks_behind ? "))" : ")";
    before_ = Before::kItem;
    return {};
  }

  // PCRE2 lets the alternatives of a look-behind differ in length, but not those of a group
  // within; Python does neither.
  Status LookBehind(std::string_view kind) {
    if (behind_depth_++ == 0) behind_groups_ = closed_.size();
    Begin(fmt::format("(?{}(?:", kind), {.looks_behind = true});
    return {};
  }

  // Up to `end`, which is taken, too.
  Result<std::string_view> Name(char end) {
    const std::size_t found = in_.find(end, at_);
    if (found == std::string_view::npos) return Bad("a name that does not end");
    const std::string_view name = in_.substr(at_, found - at_);
    const bool word =
        std::ranges::all_of(name, [](char c) { return IsDigit(c) || IsLetter(c) || c == '_'; });
    if (name.empty() || !word) return Bad("a bad name");
    at_ = found + 1;
    return name;
  }

  Status NamedGroup() {
    LQ_ASSIGN_OR_RETURN(const std::string_view name, Name('>'));
    if (!groups_.emplace(name, closed_.size()).second) return Bad("a name that is taken");
    Begin(fmt::format("(?P<{}>", name), {.group = NewGroup()});
    return {};
  }

  Status NamedReference() {
    LQ_ASSIGN_OR_RETURN(const std::string_view name, Name(')'));
    const auto group = groups_.find(name);
    if (group == groups_.end()) return Bad("a reference to no group");
    LQ_RETURN_IF_ERROR(CheckReference(group->second));
    out_ += fmt::format("(?P={})", name);
    before_ = Before::kItem;
    return {};
  }

  // It stays, empty: what is around it must not become one. In front of a repetition PCRE2
  // wants none.
  Status Comment() {
    const bool in_front = at_ - std::string_view("(?#").size() == preamble_;
    const std::size_t end = in_.find(')', at_);
    if (end == std::string_view::npos) return Bad("an unterminated comment");
    at_ = end + 1;
    if (in_front) preamble_ = at_;
    if (before_ == Before::kNothing || !std::string_view("*+?{").contains(Peek())) out_ += "(?#)";
    return {};
  }

  // (?(1)yes|no) and (?(name)yes|no); PCRE2 would also take (?(R), (?(DEFINE), ... In a look-behind
  // it does not ask whether both branches have one length.
  Status Condition() {
    if (behind_depth_ > 0) return Bad("a condition in a look-behind");
    LQ_ASSIGN_OR_RETURN(const std::string_view name, Name(')'));
    if (!IsDigit(name.front())) {
      const auto group = groups_.find(name);
      if (group == groups_.end()) return Bad("a condition about no group");
      Begin(fmt::format("(?(<{}>)", name), {});
      return {};
    }
    std::size_t number = 0;
    const auto [stop, wrong] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (wrong != std::errc() || stop != name.data() + name.size() || number == 0) {
      return Bad("a bad condition");
    }
    highest_condition_ = std::max(highest_condition_, number);
    Begin(fmt::format("(?({})", number), {});
    return {};
  }

  std::string_view TakeFlags(std::string_view known) {
    const std::size_t start = at_;
    while (!AtEnd() && known.contains(Peek())) ++at_;
    return in_.substr(start, at_ - start);
  }

  // (?i) at the beginning, (?i:...), (?-i:...) and (?i-s:...) anywhere.
  Status Flags() {
    const std::size_t start = at_;
    std::string flags(TakeFlags("imsu"));
    std::erase(flags, 'u');  // Unicode is what is meant anyway
    const bool off = TakeIf("-");
    if (at_ == start) return Bad("an unknown or unsupported extension");
    if (off) {
      const std::string_view cleared = TakeFlags("ims");
      if (cleared.empty() || flags.find_first_of(cleared) != std::string::npos) {
        return Bad("flags that cannot be turned off");
      }
      flags += fmt::format("-{}", cleared);
    }
    if (TakeIf(":")) {
      Begin(fmt::format("(?{}:", flags), {});
      return {};
    }
    const bool in_front = start - std::string_view("(?").size() == preamble_;
    if (!in_front || off || !TakeIf(")")) {
      return Bad("flags that are not at the beginning of the expression");
    }
    preamble_ = at_;
    out_ += fmt::format("(?{})", flags);
    before_ = Before::kNothing;
    return {};
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::size_t preamble_ = 0;  // how far there are only comments and flags for all of it
  std::string out_;
  Before before_ = Before::kNothing;
  std::vector<Open> open_;
  std::vector<bool> closed_{true};  // by a group's number; 0 is the whole expression
  std::map<std::string, std::size_t, std::less<>> groups_;  // by name
  std::size_t behind_depth_ = 0;                            // of look-behinds
  std::size_t behind_groups_ = 0;  // how many groups began in front of the outermost
  std::size_t behind_references_ = 0;
  std::size_t highest_condition_ = 0;
};

}  // namespace

Result<std::string> PcreFromPython(std::string_view expression) {
  return Translator(expression).Run();
}

}  // namespace limequat::policy
