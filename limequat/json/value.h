#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "limequat/base/result.h"

namespace limequat::json {

class Value;

// Values in their order.
using Array = std::vector<Value>;

// Members in the order in which they were read or added, each name once. Finding
// and setting take constant time whatever the names are, so an object of a million
// hostile members is as good as one of ten.
class Object {
 public:
  using Member = std::pair<std::string, Value>;

  Object();
  Object(const Object&);
  Object(Object&&) noexcept;
  Object& operator=(const Object&);
  Object& operator=(Object&&) noexcept;
  ~Object();
  // {{"code", 200}, {"status", "Success"}}
  Object(std::initializer_list<Member> members);

  // Adds or replaces.
  Object& Set(std::string_view name, Value value);
  // nullptr if absent.
  const Value* Find(std::string_view name) const;
  bool Contains(std::string_view name) const { return Find(name) != nullptr; }
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  // Iterates over Member.
  const Member* begin() const;
  const Member* end() const;

  friend bool operator==(const Object&, const Object&);

 private:
  friend class TreeBuilder;
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  // Hash table; absent while the object is small enough to be searched from front to back.
  // The part of the hash that is kept tells most names apart without reading a member, and
  // places them anew when the table grows.
  struct Place {
    std::uint32_t hash = 0;
    std::uint32_t position = 0;  // in members_ plus one; 0: free
  };
  using Index = std::vector<Place>;

  // Adds behind the last member. kDuplicate: the name is there, and nothing has been
  // moved from.
  enum class Added { kYes, kDuplicate };
  Added Append(std::string&& name, Value&& value);
  std::size_t PositionOf(std::string_view name) const;
  // Of a name with this hash, or the free one where it would be. There is an index.
  Place& PlaceOf(std::string_view name, std::uint32_t hash) const;
  void MakeIndex();
  void GrowIndex();

  std::vector<Member> members_;
  std::unique_ptr<Index> index_;
};

// A JSON value (RFC 8259). Integers stay integers; a number with a fraction or an
// exponent, or outside 64 bits, is a double.
class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  template <class T>
    requires std::is_same_v<T, bool>
  Value(T value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(std::uint32_t value) : data_(std::int64_t{value}) {}
  Value(std::uint64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(Array value) : data_(std::move(value)) {}
  Value(Object value) : data_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  const bool* as_bool() const { return std::get_if<bool>(&data_); }
  const std::string* as_string() const { return std::get_if<std::string>(&data_); }
  const Array* as_array() const { return std::get_if<Array>(&data_); }
  const Object* as_object() const { return std::get_if<Object>(&data_); }
  Object* as_object() { return std::get_if<Object>(&data_); }
  Array* as_array() { return std::get_if<Array>(&data_); }
  // An integer of either sign that fits; nullopt for everything else, also 1.0.
  std::optional<std::int64_t> as_int64() const;
  std::optional<std::uint64_t> as_uint64() const;
  std::optional<double> as_double() const;

  // "null", "boolean", "integer", "number", "string", "array", "object".
  std::string_view type_name() const;

  friend bool operator==(const Value&, const Value&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      data_;
};

inline std::size_t Object::size() const { return members_.size(); }
inline const Object::Member* Object::begin() const { return members_.data(); }
inline const Object::Member* Object::end() const { return members_.data() + members_.size(); }
inline Object::Object() = default;
inline bool operator==(const Object& a, const Object& b) { return a.members_ == b.members_; }

// What Parse takes at most: bytes of text, levels of arrays and objects, values in all.
struct ParseLimits {
  std::size_t max_bytes = 64U << 20U;
  std::size_t max_depth = 32;
  std::size_t max_values = 4'000'000;
};

// One JSON document, strict: no comments, no trailing commas, no bytes behind it,
// valid UTF-8, and no member name twice in one object (attackers use the second).
// Hostile input; time and memory are linear in its size, bounded by `limits`.
// kMalformed ("json.syntax", "json.duplicate", "json.limit").
Result<Value> Parse(std::string_view text, const ParseLimits& limits = {});

// Compact text. Bytes of a string that are not UTF-8 (names from evidence need not
// be) are written as U+FFFD, and numbers that JSON does not have as null. Keylime's registrar
// indents by four, so Pretty(value, 4) does too.
std::string Serialize(const Value& value);
std::string Pretty(const Value& value, int indent = 2);

}  // namespace limequat::json
