#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/json/value.h"

namespace limequat::json {

// Reads the members of one object with their types. The first problem is kept:
// later reads return empty values (integers: the least allowed), and status() gives kMalformed
// ("json.member") that names the member and what was found. So a message is read in one run of
// assignments and checked once.
//
//   ObjectReader in(value, "registration");
//   message.ip = in.OptionalString("ip");
//   message.aik = in.Base64("aik_tpm");
//   if (Status status = in.status(); !status) return status.error();
//
// Optional… treat an absent member and null alike (nullopt); a wrong type is an
// error in both. Unknown members are ignored unless NoOthers is called.
class ObjectReader {
 public:
  // `value` must outlive the reader. Not an object: status() says so.
  ObjectReader(const Value& value, std::string_view what);

  std::string String(std::string_view name);
  std::optional<std::string> OptionalString(std::string_view name);
  std::int64_t Int(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<std::int64_t> OptionalInt(std::string_view name, std::int64_t least,
                                          std::int64_t most);
  bool Bool(std::string_view name);
  std::optional<bool> OptionalBool(std::string_view name);
  Bytes Base64(std::string_view name);  // strict base64 in a string
  std::optional<Bytes> OptionalBase64(std::string_view name);
  std::vector<std::string> Strings(std::string_view name);  // array of strings
  std::optional<std::vector<std::string>> OptionalStrings(std::string_view name);
  const Object* ObjectMember(std::string_view name);  // nullptr after an error
  const Object* OptionalObject(std::string_view name);
  const Array* ArrayMember(std::string_view name);
  // The raw member, or nullptr if absent.
  const Value* Any(std::string_view name);

  // Records that `name` has a wrong value, in the reader's own words.
  void Fail(std::string_view name, std::string_view why);
  // An error for every member that no call above has read.
  void NoOthers();

  Status status() const;

 private:
  // The member, or nullptr: absent (an error if `required`), null and not
  // `required`, or after an error.
  enum class Presence { kRequired, kOptional };
  const Value* Get(std::string_view name, Presence presence);
  void WrongType(std::string_view name, std::string_view needed, const Value& found);
  std::int64_t IntOf(std::string_view name, const Value& value, std::int64_t least,
                     std::int64_t most);
  std::string StringOf(std::string_view name, const Value& value);
  bool BoolOf(std::string_view name, const Value& value);
  Bytes Base64Of(std::string_view name, const Value& value);
  std::vector<std::string> StringsOf(std::string_view name, const Value& value);
  const Object* ObjectOf(std::string_view name, const Value& value);

  const Object* object_ = nullptr;
  std::string what_;
  std::vector<std::string> read_;
  std::optional<Error> error_;
};

}  // namespace limequat::json
