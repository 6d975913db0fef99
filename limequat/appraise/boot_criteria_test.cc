#include "limequat/appraise/boot_criteria.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/boot_values_appraisal.h"
#include "limequat/policy/testing/boot.h"
#include "limequat/policy/testing/boot_values.h"

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

// Else a text that was never read would be taken for one that was.
TEST(BootCriteria, HashTellsAModelFromAReferenceThatBeginsLikeOne) {
  EXPECT_NE(BootCriteria::HashOf(BootPolicy::kExample, "3 abc\n{}", ""),
            BootCriteria::HashOf(BootPolicy::kExample, "{}", "abc"));
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

std::string Values() { return json::Serialize(policy::testing::Values()); }

TEST(BootCriteria, ReferenceValuesAreToldByTheirContent) {
  const auto criteria = *BootCriteria::Create(BootPolicy::kExample, Values());
  ASSERT_NE(criteria->values(), nullptr);
  EXPECT_EQ(criteria->values()->release, 3U);
  EXPECT_TRUE(criteria->compares());
  EXPECT_EQ(criteria->pcrs(), policy::PcrsOf(*criteria->values()));
  EXPECT_EQ((*BootCriteria::Create(BootPolicy::kExample, Good()))->values(), nullptr);
  const auto refused =
      BootCriteria::Create(BootPolicy::kAcceptAll, R"({"kind": "limequat-boot-reference"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "policy.boot_values");
}

TEST(BootCriteria, HashIsOfTheModelToo) {
  const auto hash = [](std::string_view model) {
    return (*BootCriteria::Create(BootPolicy::kExample, Values(), model))->hash();
  };
  EXPECT_EQ(hash("A"), hash("A"));
  EXPECT_NE(hash("A"), hash("B"));
  EXPECT_NE(hash("A"), hash(""));
}

TEST(BootCriteria, ABootIsHeldAgainstReferenceValues) {
  const auto criteria = *BootCriteria::Create(BootPolicy::kExample, Values());
  policy::testing::Boot boot;
  const auto appraise = [&] {
    const Bytes log = boot.Log();
    const auto verified = eventlog::VerifyLogByItself({.firmware = log, .user_space = {}},
                                                      crypto::HashAlgorithm::kSha256);
    Appraisal out;
    criteria->Appraise(&*verified->log, out);
    return out;
  };
  const Appraisal good = appraise();
  EXPECT_TRUE(good.policed);
  EXPECT_TRUE(AllPassed(good.findings));
  for (const std::string_view check : policy::BootValuesChecks()) {
    EXPECT_NE(FindCheck(good.findings, check), nullptr) << check;
  }
  boot.Grub("kernel_cmdline", "/vmlinuz init=/bin/sh");
  EXPECT_FALSE(AllPassed(appraise().findings));
  Appraisal nothing;
  criteria->Appraise(nullptr, nothing);
  EXPECT_EQ(FindCheck(nothing.findings, "boot.kernel")->outcome, Outcome::kNotEvaluated);
}

}  // namespace
}  // namespace limequat::appraise
