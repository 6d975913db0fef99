#include "limequat/json/reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"

namespace limequat::json {

namespace {

constexpr std::size_t kShownName = 200;

}  // namespace

ObjectReader::ObjectReader(const Value& value, std::string_view what)
    : object_(value.as_object()), what_(what) {
  if (object_ == nullptr) {
    error_ = Malformed("json.member",
                       fmt::format("{}: an object is needed, not {}", what_, value.type_name()));
  }
}

Status ObjectReader::status() const {
  if (error_) return *error_;
  return {};
}

void ObjectReader::Fail(std::string_view name, std::string_view why) {
  if (error_) return;
  error_ = Malformed("json.member", fmt::format("{}: member \"{}\": {}", what_,
                                                EscapeForDisplay(name, kShownName), why));
}

void ObjectReader::WrongType(std::string_view name, std::string_view needed, const Value& found) {
  Fail(name, fmt::format("{} is needed, not {}", needed, found.type_name()));
}

const Value* ObjectReader::Any(std::string_view name) {
  read_.emplace_back(name);
  return object_ == nullptr ? nullptr : object_->Find(name);
}

const Value* ObjectReader::Get(std::string_view name, Presence presence) {
  const Value* value = Any(name);
  if (error_) return nullptr;
  if (presence == Presence::kRequired) {
    if (value == nullptr) Fail(name, "missing");
    return value;
  }
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string ObjectReader::StringOf(std::string_view name, const Value& value) {
  if (const std::string* string = value.as_string()) return *string;
  WrongType(name, "a string", value);
  return {};
}

std::string ObjectReader::String(std::string_view name) {
  const Value* value = Get(name, Presence::kRequired);
  return value == nullptr ? std::string() : StringOf(name, *value);
}

std::optional<std::string> ObjectReader::OptionalString(std::string_view name) {
  const Value* value = Get(name, Presence::kOptional);
  if (value == nullptr) return std::nullopt;
  return StringOf(name, *value);
}

std::int64_t ObjectReader::IntOf(std::string_view name, const Value& value, std::int64_t least,
                                 std::int64_t most) {
  const std::optional<std::int64_t> number = value.as_int64();
  if (number && *number >= least && *number <= most) return *number;
  const std::string needed = fmt::format("an integer from {} to {}", least, most);
  if (number) {
    Fail(name, fmt::format("{} is needed, not {}", needed, *number));
  } else {
    WrongType(name, needed, value);
  }
  return least;
}

std::int64_t ObjectReader::Int(std::string_view name, std::int64_t least, std::int64_t most) {
  const Value* value = Get(name, Presence::kRequired);
  return value == nullptr ? least : IntOf(name, *value, least, most);
}

std::optional<std::int64_t> ObjectReader::OptionalInt(std::string_view name, std::int64_t least,
                                                      std::int64_t most) {
  const Value* value = Get(name, Presence::kOptional);
  if (value == nullptr) return std::nullopt;
  return IntOf(name, *value, least, most);
}

bool ObjectReader::BoolOf(std::string_view name, const Value& value) {
  if (const bool* truth = value.as_bool()) return *truth;
  WrongType(name, "a boolean", value);
  return false;
}

bool ObjectReader::Bool(std::string_view name) {
  const Value* value = Get(name, Presence::kRequired);
  return value != nullptr && BoolOf(name, *value);
}

std::optional<bool> ObjectReader::OptionalBool(std::string_view name) {
  const Value* value = Get(name, Presence::kOptional);
  if (value == nullptr) return std::nullopt;
  return BoolOf(name, *value);
}

Bytes ObjectReader::Base64Of(std::string_view name, const Value& value) {
  const std::string* string = value.as_string();
  if (string == nullptr) {
    WrongType(name, "a string of base64", value);
    return {};
  }
  Result<Bytes> bytes = Base64Decode(*string);
  if (bytes) return *std::move(bytes);
  Fail(name, bytes.error().message);
  return {};
}

Bytes ObjectReader::Base64(std::string_view name) {
  const Value* value = Get(name, Presence::kRequired);
  return value == nullptr ? Bytes() : Base64Of(name, *value);
}

std::optional<Bytes> ObjectReader::OptionalBase64(std::string_view name) {
  const Value* value = Get(name, Presence::kOptional);
  if (value == nullptr) return std::nullopt;
  return Base64Of(name, *value);
}

std::vector<std::string> ObjectReader::StringsOf(std::string_view name, const Value& value) {
  const Array* array = value.as_array();
  if (array == nullptr) {
    WrongType(name, "an array of strings", value);
    return {};
  }
  std::vector<std::string> strings;
  strings.reserve(array->size());
  for (const Value& element : *array) {
    const std::string* string = element.as_string();
    if (string == nullptr) {
      WrongType(name, "an array of strings", element);
      return {};
    }
    strings.push_back(*string);
  }
  return strings;
}

std::vector<std::string> ObjectReader::Strings(std::string_view name) {
  const Value* value = Get(name, Presence::kRequired);
  return value == nullptr ? std::vector<std::string>() : StringsOf(name, *value);
}

std::optional<std::vector<std::string>> ObjectReader::OptionalStrings(std::string_view name) {
  const Value* value = Get(name, Presence::kOptional);
  if (value == nullptr) return std::nullopt;
  return StringsOf(name, *value);
}

const Object* ObjectReader::ObjectOf(std::string_view name, const Value& value) {
  const Object* object = value.as_object();
  if (object == nullptr) WrongType(name, "an object", value);
  return object;
}

const Object* ObjectReader::ObjectMember(std::string_view name) {
  const Value* value = Get(name, Presence::kRequired);
  return value == nullptr ? nullptr : ObjectOf(name, *value);
}

const Object* ObjectReader::OptionalObject(std::string_view name) {
  const Value* value = Get(name, Presence::kOptional);
  return value == nullptr ? nullptr : ObjectOf(name, *value);
}

const Array* ObjectReader::ArrayMember(std::string_view name) {
  const Value* value = Get(name, Presence::kRequired);
  if (value == nullptr) return nullptr;
  const Array* array = value->as_array();
  if (array == nullptr) WrongType(name, "an array", *value);
  return array;
}

void ObjectReader::NoOthers() {
  if (object_ == nullptr) return;
  for (const auto& [name, value] : *object_) {
    if (std::ranges::find(read_, name) == read_.end()) {
      Fail(name, "unknown");
      return;
    }
  }
}

}  // namespace limequat::json
