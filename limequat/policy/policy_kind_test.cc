#include "limequat/policy/policy_kind.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/policy/testing/boot_values.h"

namespace limequat::policy {
namespace {

std::string ValuesText() { return json::Serialize(testing::Values()); }
std::string StateText() { return json::Serialize(testing::Reference()); }

TEST(PolicyKind, ByContent) {
  EXPECT_EQ(KindOfPolicy(ValuesText()), PolicyKind::kBootValues);
  EXPECT_EQ(KindOfPolicy(R"({"kind":"\u006cimequat-boot-reference"})"), PolicyKind::kBootValues);
  EXPECT_EQ(KindOfPolicy(StateText()), PolicyKind::kBootReference);
  EXPECT_EQ(KindOfPolicy(R"({"\u0068as_secureboot":true})"), PolicyKind::kBootReference);
  EXPECT_EQ(KindOfPolicy(R"({"scrtm_and_bios":[]})"), PolicyKind::kBootReference);
  for (const char* other :
       {"", "[]", "{", R"({"digests":{"/x":[]}})", R"({"digests":{"has_secureboot":[]}})",
        R"({"digests":{},"has_secureboot":1})", R"({"hashes":{},"scrtm_and_bios":1})",
        R"(["has_secureboot"])", "limequat-boot-reference has_secureboot"}) {
    EXPECT_EQ(KindOfPolicy(other), PolicyKind::kRuntimePolicy) << other;
  }
}

TEST(PolicyKind, OfSeveral) {
  const std::string values = ValuesText();
  const std::string state = StateText();
  EXPECT_EQ(KindOfPolicies(std::array<std::string_view, 2>{values, values}).value(),
            PolicyKind::kBootValues);
  EXPECT_EQ(KindOfPolicies(std::array<std::string_view, 1>{state}).value(),
            PolicyKind::kBootReference);
  const std::vector<std::array<std::string_view, 2>> mixed = {
      {values, state}, {state, values}, {values, "{}"}, {"{}", state}};
  for (const auto& texts : mixed) {
    const auto kind = KindOfPolicies(texts);
    ASSERT_FALSE(kind);
    EXPECT_EQ(kind.error().id, "policy.kind");
  }
}

}  // namespace
}  // namespace limequat::policy
