#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "limequat/base/utf8.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"

namespace limequat::json {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Whether `c` stands for itself.
bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// What is written for a byte that is no text.
enum class Bytes { kReplaced, kEscaped };

class Writer {
 public:
  // `indent` 0: compact.
  explicit Writer(int indent, Bytes bytes = Bytes::kReplaced) : indent_(indent), bytes_(bytes) {}

  void Write(const Value& value, int depth) {
    if (const bool* truth = value.as_bool()) {
      text_ += *truth ? "true" : "false";
    } else if (const std::string* string = value.as_string()) {
      WriteString(*string);
    } else if (const Array* array = value.as_array()) {
      WriteArray(*array, depth);
    } else if (const Object* object = value.as_object()) {
      WriteObject(*object, depth);
    } else {
      WriteNumberOrNull(value);
    }
  }

  std::string Take() { return std::move(text_); }

 private:
  void WriteNumberOrNull(const Value& value) {
    if (const auto whole = value.as_int64()) {
      fmt::format_to(std::back_inserter(text_), "{}", *whole);
    } else if (const auto large = value.as_uint64()) {
      fmt::format_to(std::back_inserter(text_), "{}", *large);
    } else if (const auto number = value.as_double(); number && std::isfinite(*number)) {
      const std::size_t start = text_.size();
      fmt::format_to(std::back_inserter(text_), "{}", *number);
      // "1" would be read back as an integer.
      if (text_.find_first_of(".e", start) == std::string::npos) text_ += ".0";
    } else {
      text_ += "null";
    }
  }

  void WriteString(std::string_view string) {
    text_ += '"';
    while (!string.empty()) {
      const auto plain =
          static_cast<std::size_t>(std::ranges::find_if_not(string, IsPlain) - string.begin());
      text_ += string.substr(0, plain);
      string.remove_prefix(plain);
      if (string.empty()) break;
      const CodePoint point = DecodeUtf8(string);
      if (point.length == 0 && bytes_ == Bytes::kEscaped) {
        fmt::format_to(std::back_inserter(text_), "\\udc{:02x}",
                       static_cast<unsigned char>(string.front()));
      } else if (point.length == 0) {
        text_ += kReplacement;
      } else {
        WriteCharacter(point.value, string.substr(0, point.length));
      }
      string.remove_prefix(point.length == 0 ? 1 : point.length);
    }
    text_ += '"';
  }

  void WriteCharacter(std::uint32_t value, std::string_view bytes) {
    switch (value) {
      case '"':
        text_ += "\\\"";
        return;
      case '\\':
        text_ += "\\\\";
        return;
      case '\b':
        text_ += "\\b";
        return;
      case '\f':
        text_ += "\\f";
        return;
      case '\n':
        text_ += "\\n";
        return;
      case '\r':
        text_ += "\\r";
        return;
      case '\t':
        text_ += "\\t";
        return;
      default:
        break;
    }
    if (value < 0x20 || value == 0x7f) {
      fmt::format_to(std::back_inserter(text_), "\\u{:04x}", value);
    } else {
      text_ += bytes;
    }
  }

  void BreakLine(int depth) {
    if (indent_ == 0) return;
    text_ += '\n';
    text_.append(static_cast<std::size_t>(indent_) * static_cast<std::size_t>(depth), ' ');
  }

  void WriteArray(const Array& array, int depth) {
    text_ += '[';
    bool first = true;
    for (const Value& value : array) {
      if (!first) text_ += ',';
      first = false;
      BreakLine(depth + 1);
      Write(value, depth + 1);
    }
    if (!first) BreakLine(depth);
    text_ += ']';
  }

  void WriteObject(const Object& object, int depth) {
    text_ += '{';
    bool first = true;
    for (const auto& [name, value] : object) {
      if (!first) text_ += ',';
      first = false;
      BreakLine(depth + 1);
      WriteString(name);
      text_ += indent_ == 0 ? ":" : ": ";
      Write(value, depth + 1);
    }
    if (!first) BreakLine(depth);
    text_ += '}';
  }

  int indent_;
  Bytes bytes_;
  std::string text_;
};

}  // namespace

std::string Serialize(const Value& value) {
  Writer writer(0);
  writer.Write(value, 0);
  return writer.Take();
}

std::string SerializeWithEscapedBytes(const Value& value) {
  Writer writer(0, Bytes::kEscaped);
  writer.Write(value, 0);
  return writer.Take();
}

std::string Pretty(const Value& value, int indent) {
  Writer writer(indent);
  writer.Write(value, 0);
  return writer.Take();
}

}  // namespace limequat::json
