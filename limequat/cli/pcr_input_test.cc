#include "limequat/cli/pcr_input.h"

#include <array>

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

// In the order in which they are preferred.
constexpr std::array kBanks = {HashAlgorithm::kSha256,   HashAlgorithm::kSha384,
                               HashAlgorithm::kSha512,   HashAlgorithm::kSm3_256,
                               HashAlgorithm::kSha3_256, HashAlgorithm::kSha3_384,
                               HashAlgorithm::kSha3_512, HashAlgorithm::kSha1};

TEST(ImaPcrOf, IsOfTheBestBankThatHasIt) {
  tpm::PcrValues values;
  for (auto bank = kBanks.rbegin(); bank != kBanks.rend(); ++bank) {
    values.Set(10, Digest(*bank));
    const Digest* pcr = ImaPcrOf(values);
    ASSERT_NE(pcr, nullptr);
    EXPECT_EQ(pcr->algorithm(), *bank);
  }
}

TEST(ImaPcrOf, NoOtherPcr) {
  tpm::PcrValues values;
  values.Set(9, Digest(HashAlgorithm::kSha256));
  EXPECT_EQ(ImaPcrOf(values), nullptr);
}

}  // namespace
}  // namespace limequat::cli
