#include "limequat/policy/python_expression.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

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

// Reads an expression once from front to back, as Python's `re._parser` does.
class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  Result<std::string> Run() {
    while (!AtEnd()) LQ_RETURN_IF_ERROR(Item());
    return std::move(out_);
  }

 private:
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
      case '\\':
        return Escape(/*in_class=*/false);
      case '[':
        return Class();
      case '(':
        return Group();
      case '{':
        Braces();
        return {};
      default:
        out_ += c;
        return {};
    }
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
        } else {
          out_ += "\\b";
        }
        return {};
      case 'A':
      case 'B':
      case 'Z':
        if (in_class) return Bad("an escape that has no meaning in a class");
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
    std::string number(1, first);
    if (IsDigit(Peek())) number += Take();
    out_ += fmt::format("\\g{{{}}}", number);
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
  void Braces() {
    const std::size_t start = at_;
    const std::string_view least = TakeDigits();
    const bool comma = TakeIf(",");
    const std::string_view most = comma ? TakeDigits() : std::string_view();
    if (TakeIf("}") && (comma || !least.empty())) {
      out_ += fmt::format("{{{}{}{}}}", least.empty() ? "0" : least, comma ? "," : "", most);
      return;
    }
    at_ = start;
    out_ += "\\{";
  }

  // Behind an opening parenthesis.
  Status Group() {
    if (Peek() == '*') return Bad("nothing to repeat");
    if (!TakeIf("?")) {
      out_ += '(';
      return {};
    }
    for (const std::string_view known : {":", "=", "!", ">", "<=", "<!", "P<", "P="}) {
      if (TakeIf(known)) {
        out_ += fmt::format("(?{}", known);
        return {};
      }
    }
    if (TakeIf("#")) return Comment();
    if (TakeIf("(")) return Condition();
    return Flags();
  }

  Status Comment() {
    const std::size_t end = in_.find(')', at_);
    if (end == std::string_view::npos) return Bad("an unterminated comment");
    at_ = end + 1;
    return {};
  }

  // (?(1)yes|no) and (?(name)yes|no); PCRE2 would also take (?(R), (?(DEFINE), ...
  Status Condition() {
    const std::size_t end = in_.find(')', at_);
    const std::string_view name = in_.substr(at_, end == std::string_view::npos ? end : end - at_);
    const bool word = std::ranges::all_of(
        name, [](char c) { return IsDigit(c) || IsLetter(c) || c == '_' || !IsAscii(c); });
    if (end == std::string_view::npos || name.empty() || !word) return Bad("a bad condition");
    at_ = end + 1;
    out_ += IsDigit(name.front()) ? fmt::format("(?({})", name) : fmt::format("(?(<{}>)", name);
    return {};
  }

  // (?i) at the very beginning, (?i:...) and (?-i:...) anywhere.
  Status Flags() {
    const std::size_t start = at_;
    std::string flags;
    while (std::string_view("imsu-").contains(Peek()) && !AtEnd()) {
      const char flag = Take();
      if (flag != 'u') flags += flag;  // Unicode is what is meant anyway
    }
    if (at_ == start) return Bad("an unknown or unsupported extension");
    if (TakeIf(":")) {
      out_ += fmt::format("(?{}:", flags);
      return {};
    }
    if (start != 2 || flags.contains('-') || !TakeIf(")")) {
      return Bad("flags that are not at the beginning of the expression");
    }
    out_ += fmt::format("(?{})", flags);
    return {};
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> PcreFromPython(std::string_view expression) {
  return Translator(expression).Run();
}

}  // namespace limequat::policy
