#include "limequat/appraise/boot_criteria.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/testing/boot.h"

namespace limequat::appraise {
namespace {

using policy::BootPolicy;

std::string Good() { return json::Serialize(policy::testing::Reference()); }

TEST(BootCriteria, HashIsOfPolicyAndReference) {
  const auto one = *BootCriteria::Create(BootPolicy::kExample, Good());
  EXPECT_EQ(one->hash(), (*BootCriteria::Create(BootPolicy::kExample, Good()))->hash());
  EXPECT_NE(one->hash(), (*BootCriteria::Create(BootPolicy::kMeasuredOnly, Good()))->hash());
  EXPECT_NE(one->hash(), (*BootCriteria::Create(BootPolicy::kExample, Good() + " "))->hash());
  EXPECT_FALSE(one->hash().IsZero());
}

TEST(BootCriteria, WhatLooksAndWhatCompares) {
  struct Case {
    BootPolicy policy;
    std::string reference;
    bool looks;
    bool compares;
  };
  for (const Case& one : {Case{BootPolicy::kExample, Good(), true, true},
                          Case{BootPolicy::kExample, "{}", false, false},
                          Case{BootPolicy::kExample, "", false, false},
                          Case{BootPolicy::kMeasuredOnly, Good(), true, false},
                          Case{BootPolicy::kAcceptAll, Good(), false, false},
                          Case{BootPolicy::kRejectAll, Good(), false, false}}) {
    const auto criteria = *BootCriteria::Create(one.policy, one.reference);
    EXPECT_EQ(criteria->looks(), one.looks) << policy::BootPolicyName(one.policy);
    EXPECT_EQ(criteria->compares(), one.compares) << policy::BootPolicyName(one.policy);
    EXPECT_EQ(criteria->pcrs(), one.looks ? policy::PcrsOf(one.policy) : tpm::PcrSet());
  }
}

TEST(BootCriteria, TextThatCannotBeReadIsRefusedWhateverThePolicy) {
  for (const BootPolicy policy : {BootPolicy::kExample, BootPolicy::kMeasuredOnly,
                                  BootPolicy::kAcceptAll, BootPolicy::kRejectAll}) {
    const auto criteria = BootCriteria::Create(policy, R"({"kernels": 7})");
    ASSERT_FALSE(criteria);
    EXPECT_EQ(criteria.error().id, "policy.boot_reference");
  }
}

}  // namespace
}  // namespace limequat::appraise
