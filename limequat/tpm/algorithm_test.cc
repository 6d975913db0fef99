#include "limequat/tpm/algorithm.h"

#include <gtest/gtest.h>

namespace limequat::tpm {
namespace {

TEST(AlgorithmTest, HashesGoBothWays) {
  using crypto::HashAlgorithm;
  for (const HashAlgorithm hash :
       {HashAlgorithm::kSha1, HashAlgorithm::kSha256, HashAlgorithm::kSha384,
        HashAlgorithm::kSha512, HashAlgorithm::kSm3_256, HashAlgorithm::kSha3_256,
        HashAlgorithm::kSha3_384, HashAlgorithm::kSha3_512}) {
    EXPECT_EQ(HashOf(IdOf(hash)).has_value(), crypto::IsAvailable(hash));
    EXPECT_EQ(HashOf(IdOf(hash)).value_or(hash), hash);
    EXPECT_EQ(AlgorithmName(IdOf(hash)), crypto::HashName(hash));
  }
}

TEST(AlgorithmTest, OnlyHashesWeComputeAreHashes) {
  // Where OpenSSL was built without SM3 it is a bank that nobody can compute.
  EXPECT_EQ(HashOf(AlgorithmId::kSm3_256).has_value(),
            crypto::IsAvailable(crypto::HashAlgorithm::kSm3_256));
  EXPECT_EQ(HashOf(AlgorithmId::kNull), std::nullopt);
  EXPECT_EQ(HashOf(AlgorithmId::kRsaSsa), std::nullopt);
  EXPECT_EQ(HashOf(AlgorithmId{0x002b}), std::nullopt);  // SHAKE256-192
}

TEST(AlgorithmTest, NumbersAreThoseOfTheRegistry) {
  EXPECT_EQ(static_cast<std::uint16_t>(AlgorithmId::kSha256), 0x000b);
  EXPECT_EQ(static_cast<std::uint16_t>(AlgorithmId::kSha3_512), 0x0029);
  EXPECT_EQ(static_cast<std::uint16_t>(AlgorithmId::kRsaSsa), 0x0014);
  EXPECT_EQ(static_cast<std::uint16_t>(AlgorithmId::kEcdsa), 0x0018);
  EXPECT_EQ(static_cast<std::uint16_t>(AlgorithmId::kEcc), 0x0023);
}

TEST(AlgorithmTest, UnknownValuesAreNamedByNumber) {
  EXPECT_EQ(AlgorithmName(AlgorithmId{0x1234}), "0x1234");
  EXPECT_EQ(AlgorithmName(AlgorithmId::kRsaPss), "rsapss");
}

TEST(AlgorithmTest, NamesOfHashesAndSchemesAreUnderstood) {
  EXPECT_EQ(AlgorithmFromName("sha384"), AlgorithmId::kSha384);
  EXPECT_EQ(AlgorithmFromName("sm3_256"), AlgorithmId::kSm3_256);
  EXPECT_EQ(AlgorithmFromName("rsassa"), AlgorithmId::kRsaSsa);
  EXPECT_EQ(AlgorithmFromName("ecschnorr"), AlgorithmId::kEcSchnorr);
}

TEST(AlgorithmTest, BanksAreFoundByName) {
  EXPECT_EQ(BankFromName("sha384"), crypto::HashAlgorithm::kSha384);
  EXPECT_EQ(BankFromName("sm3_256"), HashOf(AlgorithmId::kSm3_256));
  EXPECT_EQ(BankFromName("sha3_384"), HashOf(AlgorithmId::kSha3_384));
  for (const std::string_view name : {"", "sha3-256", "rsassa", "SHA256"}) {
    EXPECT_EQ(BankFromName(name), std::nullopt) << name;
  }
}

TEST(AlgorithmTest, OtherNamesAreNot) {
  for (const std::string_view name : {"", "SHA256", "sha256 ", "rsa", "aes", "null", "0x000b"}) {
    EXPECT_EQ(AlgorithmFromName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace limequat::tpm
