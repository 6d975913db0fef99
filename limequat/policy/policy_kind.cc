#include "limequat/policy/policy_kind.h"

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {

namespace {

bool IsBootReference(std::string_view text) {
  constexpr std::string_view kSecureBoot = "has_secureboot";
  constexpr std::string_view kFirmware = "scrtm_and_bios";
  // Escapes (\u0068) spell any word.
  if (text.find(kSecureBoot) == std::string_view::npos &&
      text.find(kFirmware) == std::string_view::npos &&
      text.find("\\u") == std::string_view::npos) {
    return false;
  }
  const auto document = json::Parse(text, {.max_bytes = kMaxBootReferenceBytes});
  const json::Object* object = document ? document->as_object() : nullptr;
  return object != nullptr && (object->Contains(kSecureBoot) || object->Contains(kFirmware)) &&
         !object->Contains("digests") && !object->Contains("hashes");
}

}  // namespace

std::string_view PolicyKindName(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kRuntimePolicy:
      return "a runtime policy";
    case PolicyKind::kBootValues:
      return "boot reference values";
    case PolicyKind::kBootReference:
      return "a reference state";
  }
  return "a runtime policy";
}

PolicyKind KindOfPolicy(std::string_view text) {
  if (IsBootValues(text)) return PolicyKind::kBootValues;
  return IsBootReference(text) ? PolicyKind::kBootReference : PolicyKind::kRuntimePolicy;
}

Result<PolicyKind> KindOfPolicies(std::span<const std::string_view> texts) {
  LQ_CHECK(!texts.empty());
  const PolicyKind kind = KindOfPolicy(texts.front());
  for (std::size_t i = 1; i < texts.size(); ++i) {
    const PolicyKind other = KindOfPolicy(texts[i]);
    if (other == kind) continue;
    return Malformed("policy.kind",
                     fmt::format("document 1 is {} and document {} is {}: they have nothing in "
                                 "common",
                                 PolicyKindName(kind), i + 1, PolicyKindName(other)));
  }
  return kind;
}

}  // namespace limequat::policy
