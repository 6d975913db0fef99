#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/utf8.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"

namespace limequat::json {

namespace {

constexpr std::size_t kShownName = 200;

}  // namespace

// Takes the parser's events and builds the tree. An event that is refused leaves
// its reason in `refusal` and stops the parser.
class TreeBuilder {
 public:
  using ErrorCode = boost::json::error_code;
  using Text = boost::json::string_view;

  // Sizes are bounded by the size of the document.
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  explicit TreeBuilder(std::size_t max_values) : values_left_(max_values) {}

  Value TakeRoot() { return std::move(root_); }
  // Between two parts of a string.
  void AddByte(char byte) { gathered_ += byte; }
  std::optional<Error> refusal;

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }

  bool on_object_begin(ErrorCode& code) { return Open(Object(), code); }
  bool on_array_begin(ErrorCode& code) { return Open(Array(), code); }
  bool on_object_end(std::size_t, ErrorCode& code) { return Close(code); }
  bool on_array_end(std::size_t, ErrorCode& code) { return Close(code); }

  bool on_key_part(Text part, std::size_t, ErrorCode&) { return Gather(part); }
  bool on_key(Text part, std::size_t, ErrorCode&) {
    Gather(part);
    open_.back().name = std::exchange(gathered_, {});
    return true;
  }
  bool on_string_part(Text part, std::size_t, ErrorCode&) { return Gather(part); }
  bool on_string(Text part, std::size_t, ErrorCode& code) {
    Gather(part);
    return Add(std::exchange(gathered_, {}), code);
  }

  bool on_number_part(Text, ErrorCode&) { return true; }
  bool on_int64(std::int64_t number, Text, ErrorCode& code) { return Add(number, code); }
  bool on_uint64(std::uint64_t number, Text, ErrorCode& code) { return Add(number, code); }
  bool on_double(double, Text text, ErrorCode& code) {
    // The parser's own conversion is off by an ulp here and there and turns 1e400
    // into infinity.
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) {
      return Refuse("json.syntax", "a number that no double can hold", code);
    }
    return Add(number, code);
  }
  bool on_bool(bool truth, ErrorCode& code) { return Add(truth, code); }
  bool on_null(ErrorCode& code) { return Add(nullptr, code); }
  bool on_comment_part(Text, ErrorCode&) { return true; }
  bool on_comment(Text, ErrorCode&) { return true; }

 private:
  // An array or object whose end has not been seen, and the name of the member that
  // is being read.
  struct Container {
    Value value;
    std::string name;
  };

  bool Refuse(std::string_view id, std::string message, ErrorCode& code) {
    refusal = Malformed(id, std::move(message));
    code = boost::json::error::exception;
    return false;
  }

  bool Gather(Text part) {
    gathered_.append(part.data(), part.size());
    return true;
  }

  bool Count(ErrorCode& code) {
    if (values_left_ == 0) return Refuse("json.limit", "too many values", code);
    --values_left_;
    return true;
  }

  bool Add(Value value, ErrorCode& code) { return Count(code) && Place(std::move(value), code); }

  bool Open(Value empty, ErrorCode& code) {
    if (!Count(code)) return false;
    open_.push_back(Container{std::move(empty), {}});
    return true;
  }

  bool Close(ErrorCode& code) {
    Value finished = std::move(open_.back().value);
    open_.pop_back();
    return Place(std::move(finished), code);
  }

  bool Place(Value value, ErrorCode& code) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Container& container = open_.back();
    if (Array* array = container.value.as_array()) {
      array->push_back(std::move(value));
      return true;
    }
    Object& object = *container.value.as_object();
    if (object.Append(std::move(container.name), std::move(value)) == Object::Added::kDuplicate) {
      return Refuse("json.duplicate",
                    fmt::format("the member \"{}\" twice in one object",
                                EscapeForDisplay(container.name, kShownName)),
                    code);
    }
    return true;
  }

  Value root_;
  std::vector<Container> open_;
  std::string gathered_;
  std::size_t values_left_;
};

namespace {

// Finds the escapes of a document that stand for bytes. What is found in text that is no JSON
// does not matter: the parser is given the text in front of it first, and refuses that.
class ByteEscapes {
 public:
  static constexpr std::size_t kSize = 6;  // "\udcff"

  explicit ByteEscapes(std::string_view text) : text_(text) {}

  // Where the next one begins, or the end of the text.
  std::size_t Next() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') in_string_ = !in_string_;
      if (c != '\\' || !in_string_) {
        ++at_;
        continue;
      }
      const std::uint32_t unit = UnitAt(at_);
      const std::size_t begin = at_;
      // The second half of a pair goes with the first.
      const bool is_pair = unit >= 0xd800 && unit < 0xdc00 && IsTrailing(UnitAt(at_ + kSize));
      at_ += unit == kNone ? 2 : is_pair ? 2 * kSize : kSize;
      if (unit >= 0xdc80 && unit <= 0xdcff) return begin;
    }
    return text_.size();
  }
  // The byte that the escape at `begin` stands for.
  char ByteAt(std::size_t begin) const { return static_cast<char>(UnitAt(begin) & 0xff); }

 private:
  static constexpr std::uint32_t kNone = 0x10000;

  static bool IsTrailing(std::uint32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

  // What "\uXXXX" at `begin` says; kNone if nothing of the kind is there.
  std::uint32_t UnitAt(std::size_t begin) const {
    if (begin + kSize > text_.size() || !text_.substr(begin).starts_with("\\u")) return kNone;
    const char* const digits = text_.data() + begin + 2;
    std::uint32_t unit = 0;
    const auto [end, failure] = std::from_chars(digits, digits + 4, unit, 16);
    return failure == std::errc() && end == digits + 4 ? unit : kNone;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool in_string_ = false;
};

using Parser = boost::json::basic_parser<TreeBuilder>;

Error ErrorOf(Parser& parser, boost::json::error_code code, std::size_t at, std::size_t max_depth) {
  if (auto& refusal = parser.handler().refusal) {
    return std::move(*refusal).In(fmt::format("JSON at byte {}", at));
  }
  if (code == boost::json::error::too_deep) {
    return Malformed("json.limit", fmt::format("JSON at byte {}: deeper than {}", at, max_depth));
  }
  return Malformed("json.syntax", fmt::format("JSON at byte {}: {}", at, code.message()));
}

enum class Escapes { kText, kBytes };

Result<Value> ParseAs(std::string_view text, const ParseLimits& limits, Escapes escapes) {
  if (text.size() > limits.max_bytes) {
    return Malformed("json.limit", fmt::format("{} bytes of JSON; the limit is {}", text.size(),
                                               limits.max_bytes));
  }
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  Parser parser(options, limits.max_values);
  ByteEscapes bytes(text);
  std::size_t from = 0;
  while (true) {
    const std::size_t to = escapes == Escapes::kBytes ? bytes.Next() : text.size();
    const bool is_last = to == text.size();
    boost::json::error_code code;
    const std::size_t read = parser.write_some(!is_last, text.data() + from, to - from, code);
    if (!code && read < to - from) code = boost::json::error::extra_data;
    if (code) return ErrorOf(parser, code, from + read, limits.max_depth);
    if (is_last) return parser.handler().TakeRoot();
    parser.handler().AddByte(bytes.ByteAt(to));
    from = to + ByteEscapes::kSize;
  }
}

}  // namespace

Result<Value> Parse(std::string_view text, const ParseLimits& limits) {
  return ParseAs(text, limits, Escapes::kText);
}

Result<Value> ParseWithEscapedBytes(std::string_view text, const ParseLimits& limits) {
  // The halves of a character on both sides of an escape must not become one: what is not
  // UTF-8 is left to the parser, which refuses it.
  const bool any = text.find("\\u") != std::string_view::npos && IsUtf8(text);
  return ParseAs(text, limits, any ? Escapes::kBytes : Escapes::kText);
}

}  // namespace limequat::json
