#include "limequat/json/value.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "limequat/base/check.h"
#include "limequat/json/siphash.h"

namespace limequat::json {

namespace {

// Up to here comparing the names one by one is faster than hashing one.
constexpr std::size_t kSearchedLinearly = 16;
// Places of the first table; always a power of two, at least half of them free.
constexpr std::size_t kFirstPlaces = 64;

std::uint32_t NameHash(std::string_view name) { return static_cast<std::uint32_t>(HashName(name)); }

}  // namespace

Object::Object(std::initializer_list<Member> members) {
  members_.reserve(members.size());
  for (const Member& member : members) Set(member.first, member.second);
}

Object::Object(const Object& other)
    : members_(other.members_),
      index_(other.index_ == nullptr ? nullptr : std::make_unique<Index>(*other.index_)) {}
Object::Object(Object&& other) noexcept
    : members_(std::exchange(other.members_, {})), index_(std::move(other.index_)) {}
Object& Object::operator=(const Object& other) {
  if (this != &other) *this = Object(other);
  return *this;
}
Object& Object::operator=(Object&& other) noexcept {
  members_ = std::exchange(other.members_, {});
  index_ = std::move(other.index_);
  return *this;
}
Object::~Object() = default;

Object::Place& Object::PlaceOf(std::string_view name, std::uint32_t hash) const {
  const std::size_t mask = index_->size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    Place& place = (*index_)[at];
    if (place.position == 0) return place;
    if (place.hash == hash && members_[place.position - 1].first == name) return place;
  }
}

std::size_t Object::PositionOf(std::string_view name) const {
  if (index_ == nullptr) {
    const auto found = std::ranges::find(members_, name, &Member::first);
    return found == members_.end() ? kNowhere : static_cast<std::size_t>(found - members_.begin());
  }
  const Place& place = PlaceOf(name, NameHash(name));
  return place.position == 0 ? kNowhere : place.position - 1;
}

void Object::MakeIndex() {
  index_ = std::make_unique<Index>(kFirstPlaces);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const std::uint32_t hash = NameHash(members_[i].first);
    PlaceOf(members_[i].first, hash) = {.hash = hash,
                                        .position = static_cast<std::uint32_t>(i + 1)};
  }
}

void Object::GrowIndex() {
  auto index = std::make_unique<Index>(index_->size() * 2);
  const std::size_t mask = index->size() - 1;
  for (const Place& place : *index_) {
    if (place.position == 0) continue;
    std::size_t at = place.hash & mask;
    while ((*index)[at].position != 0) at = (at + 1) & mask;
    (*index)[at] = place;
  }
  index_ = std::move(index);
}

Object::Added Object::Append(std::string&& name, Value&& value) {
  if (index_ == nullptr) {
    if (PositionOf(name) != kNowhere) return Added::kDuplicate;
    members_.emplace_back(std::move(name), std::move(value));
    if (members_.size() > kSearchedLinearly) MakeIndex();
    return Added::kYes;
  }
  const std::uint32_t hash = NameHash(name);
  Place& place = PlaceOf(name, hash);
  if (place.position != 0) return Added::kDuplicate;
  LQ_CHECK(members_.size() < std::numeric_limits<std::uint32_t>::max());
  members_.emplace_back(std::move(name), std::move(value));
  place = {.hash = hash, .position = static_cast<std::uint32_t>(members_.size())};
  if (members_.size() * 2 > index_->size()) GrowIndex();
  return Added::kYes;
}

Object& Object::Set(std::string_view name, Value value) {
  const std::size_t position = PositionOf(name);
  if (position != kNowhere) {
    members_[position].second = std::move(value);
  } else {
    Append(std::string(name), std::move(value));
  }
  return *this;
}

const Value* Object::Find(std::string_view name) const {
  const std::size_t position = PositionOf(name);
  return position == kNowhere ? nullptr : &members_[position].second;
}

std::optional<std::int64_t> Value::as_int64() const {
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return *value;
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) {
    if (std::in_range<std::int64_t>(*value)) return static_cast<std::int64_t>(*value);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Value::as_uint64() const {
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) {
    if (std::in_range<std::uint64_t>(*value)) return static_cast<std::uint64_t>(*value);
  }
  return std::nullopt;
}

std::optional<double> Value::as_double() const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*value);
  return std::nullopt;
}

std::string_view Value::type_name() const {
  constexpr std::string_view kNames[] = {"null",   "boolean", "integer", "integer",
                                         "number", "string",  "array",   "object"};
  return kNames[data_.index()];
}

}  // namespace limequat::json
