#include "limequat/policy/device_mapper_policy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/utf8.h"

namespace limequat::policy {

namespace {

constexpr std::size_t kShownValue = 160;

std::optional<bool> BooleanIn(std::string_view text) {
  constexpr std::array<std::string_view, 6> kYes = {"y", "yes", "t", "true", "on", "1"};
  constexpr std::array<std::string_view, 6> kNo = {"n", "no", "f", "false", "off", "0"};
  std::string lower(text.substr(0, std::string_view("false").size() + 1));
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (std::ranges::find(kYes, lower) != kYes.end()) return true;
  if (std::ranges::find(kNo, lower) != kNo.end()) return false;
  return std::nullopt;
}

std::optional<std::int64_t> NumberIn(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool MatchesAll(const Expression& expression, std::string_view text) {
  return IsUtf8(text) && expression.Match(text) == Expression::Answer::kYes;
}

void Compare(std::string_view what, std::optional<std::string_view> value,
             const DeviceReference& reference, std::vector<std::string>& out) {
  if (reference.Accepts(value)) return;
  out.push_back(fmt::format("{} is {}, the rule says {}", EscapeForDisplay(what, kShownValue),
                            value ? "'" + EscapeForDisplay(*value, kShownValue) + "'" : "absent",
                            reference.shown()));
}

void Compare(std::string_view what, std::optional<std::uint64_t> value,
             const DeviceReference& reference, std::vector<std::string>& out) {
  if (!value) return Compare(what, std::optional<std::string_view>(), reference, out);
  const std::string text = std::to_string(*value);
  Compare(what, std::optional<std::string_view>(text), reference, out);
}

// The text of one value of a row; nullopt if it has none of that name.
std::optional<std::string> ValueIn(const ima::DeviceMapperTarget& target, std::string_view name) {
  if (name == "target_index") return std::to_string(target.index);
  if (name == "target_begin") return std::to_string(target.begin);
  if (name == "target_len") return std::to_string(target.length);
  if (name == "target_name") return target.type;
  if (name == "target_version") return target.version;
  for (const auto& [key, value] : target.attributes) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace

bool DeviceReference::Accepts(std::optional<std::string_view> value) const {
  if (std::holds_alternative<Anything>(value_)) return true;
  if (!value || std::holds_alternative<Nothing>(value_)) return false;
  if (const bool* boolean = std::get_if<bool>(&value_)) return BooleanIn(*value) == *boolean;
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return NumberIn(*value) == *number;
  return MatchesAll(std::get<Expression>(value_), *value);
}

std::vector<std::string> DeviceRule::Objections(const ima::DeviceMapperDevice& device) const {
  std::vector<std::string> out;
  Compare("name", std::optional<std::string_view>(device.name), device_name, out);
  Compare("uuid", std::optional<std::string_view>(device.uuid), device_uuid, out);
  Compare("major", device.major, major, out);
  Compare("minor", device.minor, minor, out);
  Compare("minor_count", device.minor_count, minor_count, out);
  return out;
}

std::vector<std::string> DeviceRule::Objections(std::uint64_t index,
                                                const ima::DeviceMapperTarget& target) const {
  if (index >= targets.size()) {
    return {fmt::format("there is a row {}, the rule has {}", index, targets.size())};
  }
  std::vector<std::string> out;
  for (const auto& [key, reference] : targets[index]) {
    const std::optional<std::string> value = ValueIn(target, key);
    Compare(key, value ? std::optional<std::string_view>(*value) : std::nullopt, reference, out);
  }
  return out;
}

const DeviceRule* DeviceMapperPolicy::RuleFor(std::string_view key) const {
  const auto fits = [&](const DeviceRule& rule) {
    return (match_on == Key::kName ? rule.device_name : rule.device_uuid).Accepts(key);
  };
  const auto found = std::ranges::find_if(rules, fits);
  return found == rules.end() ? nullptr : &*found;
}

const DeviceRule* DeviceMapperPolicy::Find(std::string_view rule) const {
  const auto found = std::ranges::find(rules, rule, &DeviceRule::name);
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace limequat::policy
