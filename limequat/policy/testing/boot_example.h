#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/eventlog/testing/quote.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/policy/testing/boot.h"

// For tests only: what the policy `example` objects to in a boot.
namespace limequat::policy::testing {

inline BootObjections Appraise(const Boot& boot, const json::Object& reference = Reference(),
                               crypto::HashAlgorithm bank = crypto::HashAlgorithm::kSha256) {
  const auto parsed = BootReference::Parse(json::Serialize(reference));
  EXPECT_TRUE(parsed) << parsed.error().message;
  if (!parsed) return {};
  const Bytes log = boot.Log();
  return AppraiseByExample(*parsed, eventlog::testing::VerifiedOnItsMachine(log, bank));
}

// "check: detail", one for each objection.
inline std::vector<std::string> Objections(const Boot& boot,
                                           const json::Object& reference = Reference()) {
  std::vector<std::string> texts;
  for (const Finding& finding : Appraise(boot, reference).findings) {
    EXPECT_FALSE(finding.passed());
    texts.push_back(finding.check + ": " + finding.detail);
  }
  return texts;
}

inline json::Object With(std::string_view name, json::Value value) {
  return Reference().Set(name, std::move(value));
}

inline json::Object WithKernel(std::string_view name, json::Value value) {
  return With("kernels", json::Array{json::Object(KernelReference()).Set(name, std::move(value))});
}

}  // namespace limequat::policy::testing
