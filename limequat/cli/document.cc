#include "limequat/cli/document.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "limequat/base/escape.h"
#include "limequat/base/utf8.h"

namespace limequat::cli {

namespace {

bool IsInvisible(std::string_view character) {
  return character != "\\" && EscapeForDisplay(character) != character;
}

std::string JsonEscape(std::uint32_t value) {
  if (value < 0x10000) return fmt::format("\\u{:04x}", value);
  const std::uint32_t rest = value - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xd800U + (rest >> 10U), 0xdc00U + (rest & 0x3ffU));
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Whether `text` needs no quotes in any YAML reader, old ones too: a word or a dotted
// name that begins with a letter. Everything else is quoted rather than reasoned about.
bool IsPlainYaml(std::string_view text) {
  constexpr std::array<std::string_view, 10> kWords = {"true", "false", "null", "yes", "no",
                                                       "on",   "off",   "y",    "n",   "nan"};
  if (text.empty() || !IsLetter(text.front())) return false;
  const bool simple = std::ranges::all_of(
      text, [](char c) { return IsLetter(c) || IsDigit(c) || c == '_' || c == '.' || c == '-'; });
  if (!simple) return false;
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::ranges::find(kWords, lower) == kWords.end();
}

// As json::Serialize does: bytes that are not UTF-8 are U+FFFD.
std::string ValidUtf8(std::string_view text, bool& invisible) {
  std::string valid;
  while (!text.empty()) {
    const CodePoint point = DecodeUtf8(text);
    const std::size_t length = point.length == 0 ? 1 : point.length;
    const std::string_view character =
        point.length == 0 ? "\xef\xbf\xbd" : text.substr(0, point.length);
    invisible = invisible || IsInvisible(character);
    valid += character;
    text.remove_prefix(length);
  }
  return valid;
}

void EmitString(YAML::Emitter& out, std::string_view text) {
  if (IsPlainYaml(text)) {
    out << std::string(text);
    return;
  }
  bool invisible = false;
  const std::string valid = ValidUtf8(text, invisible);
  if (invisible) out << YAML::EscapeNonAscii;
  out << YAML::DoubleQuoted << valid;
}

void Emit(YAML::Emitter& out, const json::Value& value) {
  if (const bool* truth = value.as_bool()) {
    out << *truth;
  } else if (const auto whole = value.as_int64()) {
    out << *whole;
  } else if (const auto large = value.as_uint64()) {
    out << *large;
  } else if (const auto number = value.as_double(); number && std::isfinite(*number)) {
    // The text JSON has for it is a YAML float too.
    out << json::Serialize(value);
  } else if (const std::string* text = value.as_string()) {
    EmitString(out, *text);
  } else if (const json::Array* array = value.as_array()) {
    if (array->empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const json::Value& item : *array) Emit(out, item);
    out << YAML::EndSeq;
  } else if (const json::Object* object = value.as_object()) {
    if (object->empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [name, member] : *object) {
      out << YAML::Key;
      EmitString(out, name);
      out << YAML::Value;
      Emit(out, member);
    }
    out << YAML::EndMap;
  } else {
    // Also for numbers that JSON does not have.
    out << YAML::Null;
  }
}

}  // namespace

std::string ToJsonText(const json::Value& document) {
  // In JSON text only strings hold anything beyond ASCII.
  const std::string text = json::Pretty(document);
  std::string safe;
  safe.reserve(text.size() + 1);
  for (std::string_view rest = text; !rest.empty();) {
    const auto ascii = static_cast<std::size_t>(
        std::ranges::find_if(rest, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }) -
        rest.begin());
    safe += rest.substr(0, ascii);
    rest.remove_prefix(ascii);
    if (rest.empty()) break;
    const CodePoint point = DecodeUtf8(rest);
    const std::string_view character = rest.substr(0, std::max<std::size_t>(point.length, 1));
    safe += IsInvisible(character) ? JsonEscape(point.value) : std::string(character);
    rest.remove_prefix(character.size());
  }
  safe += '\n';
  return safe;
}

std::string ToYamlText(const json::Value& document) {
  YAML::Emitter out;
  Emit(out, document);
  return std::string(out.c_str(), out.size()) + '\n';
}

}  // namespace limequat::cli
