#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/policy/device_mapper_policy_internal.h"
#include "limequat/policy/exclude_list.h"

namespace limequat::policy {

namespace {

constexpr std::string_view kError = "policy.device_mapper";
constexpr std::size_t kShown = 128;
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMostTargets = kMaxDeviceReferences;

Error Bad(std::string message) { return Malformed(kError, std::move(message)); }

// Reads rules; counts what they refer to, over all of them.
class RuleReader {
 public:
  Result<DeviceRule> Read(const std::string& name, const json::Value& value);

 private:
  // Names of devices after a rename: false means that there are none. For Keylime it
  // means names that spell `false`, "n" and "off" among them.
  enum class Meaning : std::uint8_t { kValue, kNewName };

  // A member that must be there; nothing if it is not, or what it refers to is wrong: status_
  // keeps the first error.
  DeviceReference Reference(json::ObjectReader& in, std::string_view name,
                            Meaning meaning = Meaning::kValue);
  Result<DeviceReference> ReadReference(const json::Value& value, Meaning meaning);
  Result<DeviceReference> ReadExpression(const std::string& text);
  Result<std::vector<DeviceTargetRule>> ReadTargets(json::ObjectReader& in);
  Result<DeviceTargetRule> ReadTarget(const json::Value& value);

  std::size_t references_ = 0;
  std::size_t compiled_ = 0;
  std::optional<Error> error_;
};

Result<DeviceReference> RuleReader::ReadExpression(const std::string& text) {
  if (text.size() > kMaxExpression) {
    return Malformed("policy.limit",
                     fmt::format("an expression of dm_policy has {} bytes; at most {}", text.size(),
                                 kMaxExpression));
  }
  auto compiled = Expression::Compile(text, Expression::Extent::kWhole);
  if (!compiled) {
    return Bad(fmt::format("'{}': {}", EscapeForDisplay(text, kShown), compiled.error().message));
  }
  compiled_ += compiled->size();
  if (compiled_ > kMaxCompiledExcludes) {
    return Malformed("policy.limit", "the expressions of dm_policy are too large when compiled");
  }
  return DeviceReference(*std::move(compiled), fmt::format("'{}'", EscapeForDisplay(text, kShown)));
}

Result<DeviceReference> RuleReader::ReadReference(const json::Value& value, Meaning meaning) {
  if (++references_ > kMaxDeviceReferences) {
    return Malformed("policy.limit", fmt::format("dm_policy has more than {} values and "
                                                 "expressions",
                                                 kMaxDeviceReferences));
  }
  if (value.is_null()) return DeviceReference(DeviceReference::Anything{}, "anything");
  if (const std::string* text = value.as_string()) return ReadExpression(*text);
  const bool* boolean = value.as_bool();
  if (meaning == Meaning::kNewName) {
    if (boolean != nullptr && !*boolean) {
      return DeviceReference(DeviceReference::Nothing{}, "nothing");
    }
    return Bad("a new name is an expression, null or false");
  }
  if (boolean != nullptr) return DeviceReference(*boolean, *boolean ? "yes" : "no");
  if (const auto number = value.as_int64()) {
    return DeviceReference(*number, std::to_string(*number));
  }
  return Bad(fmt::format("a value is null, a boolean, an integer or an expression, not {}",
                         value.type_name()));
}

DeviceReference RuleReader::Reference(json::ObjectReader& in, std::string_view name,
                                      Meaning meaning) {
  const json::Value* value = in.Any(name);
  if (value == nullptr) {
    in.Fail(name, "is absent");
    return {DeviceReference::Nothing{}, ""};
  }
  auto reference = ReadReference(*value, meaning);
  if (reference) return *std::move(reference);
  if (!error_) error_ = std::move(reference).error().In(EscapeForDisplay(name, kShown));
  return {DeviceReference::Nothing{}, ""};
}

Result<DeviceTargetRule> RuleReader::ReadTarget(const json::Value& value) {
  const json::Object* object = value.as_object();
  if (object == nullptr) return Bad("a target is not an object");
  DeviceTargetRule target;
  for (const auto& [name, member] : *object) {
    auto reference = ReadReference(member, Meaning::kValue);
    if (!reference) return std::move(reference).error().In(EscapeForDisplay(name, kShown));
    target.emplace_back(name, *std::move(reference));
  }
  return target;
}

Result<std::vector<DeviceTargetRule>> RuleReader::ReadTargets(json::ObjectReader& in) {
  const std::int64_t number = in.Int("num_targets", 1, kMostTargets);
  const json::Array* array = in.ArrayMember("targets");
  LQ_RETURN_IF_ERROR(in.status());
  if (array->size() != static_cast<std::uint64_t>(number)) {
    return Bad(fmt::format("num_targets is {}, and there are {}", number, array->size()));
  }
  std::vector<DeviceTargetRule> targets;
  for (const json::Value& value : *array) {
    LQ_ASSIGN_OR_RETURN(DeviceTargetRule target, ReadTarget(value));
    targets.push_back(std::move(target));
  }
  return targets;
}

// `member` is an object of `in`, or null after an error.
json::Value ValueOf(const json::Object* member) {
  return member == nullptr ? json::Value(json::Object()) : json::Value(*member);
}

Result<DeviceRule> RuleReader::Read(const std::string& name, const json::Value& value) {
  json::ObjectReader in(value, "the rule");
  const json::Value rename_value = ValueOf(in.ObjectMember("device_rename"));
  const json::Value remove_value = ValueOf(in.ObjectMember("device_remove"));
  const json::Value load_value = ValueOf(in.ObjectMember("table_load"));
  LQ_RETURN_IF_ERROR(in.status());
  json::ObjectReader rename(rename_value, "device_rename");
  json::ObjectReader remove(remove_value, "device_remove");
  json::ObjectReader load(load_value, "table_load");
  DeviceRule rule{.name = name,
                  .required = in.Bool("required"),
                  .resume_required = in.Bool("device_resume_required"),
                  .allow_removal = remove.Bool("allow_removal"),
                  .allow_clear = in.Bool("allow_clear"),
                  .allow_multiple_loads = load.Bool("allow_multiple_loads"),
                  .new_name = Reference(rename, "valid_name", Meaning::kNewName),
                  .new_uuid = Reference(rename, "valid_uuid", Meaning::kNewName),
                  .device_name = Reference(load, "name"),
                  .device_uuid = Reference(load, "uuid"),
                  .major = Reference(load, "major"),
                  .minor = Reference(load, "minor"),
                  .minor_count = Reference(load, "minor_count"),
                  .targets = {}};
  LQ_ASSIGN_OR_RETURN(rule.targets, ReadTargets(load));
  for (json::ObjectReader* reader : {&in, &rename, &remove, &load}) {
    reader->NoOthers();
    LQ_RETURN_IF_ERROR(reader->status());
  }
  if (error_) return *std::move(error_);
  return rule;
}

// Devices are told apart by an expression for all of the name or uuid.
Status CheckMatchOn(std::string_view match_on, const json::Value& rule) {
  const json::Value* load = rule.as_object()->Find("table_load");
  if (load->as_object()->Find(match_on)->as_string() == nullptr) {
    return Bad(fmt::format("match_on is {}, and {} is no expression", match_on, match_on));
  }
  return {};
}

}  // namespace

Result<std::optional<DeviceMapperPolicy>> ReadDeviceMapperPolicy(const json::Value& member) {
  if (member.is_null()) return std::optional<DeviceMapperPolicy>();
  const auto malformed = [](Error error) {
    if (error.id != "policy.limit") error.id = kError;
    return std::move(error).In("ima.dm_policy");
  };
  json::ObjectReader in(member, "it");
  in.Int("version", kVersion, kVersion);
  const std::string match_on = in.String("match_on");
  const json::Object* rules = in.ObjectMember("rules");
  in.NoOthers();
  if (const Status status = in.status(); !status) return malformed(status.error());
  if (match_on != "name" && match_on != "uuid") {
    return malformed(Bad(fmt::format("match_on is '{}'", EscapeForDisplay(match_on, kShown))));
  }
  if (rules->size() > kMaxDeviceRules) {
    return Malformed("policy.limit", fmt::format("dm_policy has {} rules; at most {}",
                                                 rules->size(), kMaxDeviceRules));
  }
  DeviceMapperPolicy policy;
  policy.match_on =
      match_on == "name" ? DeviceMapperPolicy::Key::kName : DeviceMapperPolicy::Key::kUuid;
  RuleReader reader;
  for (const auto& [name, value] : *rules) {
    auto rule = reader.Read(name, value);
    Status status = rule ? CheckMatchOn(match_on, value) : Status(rule.error());
    if (!status) {
      return malformed(
          std::move(status).error().In(fmt::format("rule '{}'", EscapeForDisplay(name, kShown))));
    }
    policy.rules.push_back(*std::move(rule));
  }
  return std::optional(std::move(policy));
}

}  // namespace limequat::policy
