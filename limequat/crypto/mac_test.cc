#include "limequat/crypto/mac.h"

#include <gtest/gtest.h>

namespace limequat::crypto {
namespace {

// RFC 4231, test cases 1, 2 and 6 (a key longer than the block); RFC 2202, case 2.
TEST(Hmac, GivesTheValuesOfTheStandards) {
  EXPECT_EQ(Hmac(HashAlgorithm::kSha256, Bytes(20, 0x0b), AsBytes("Hi There")).hex(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(
      Hmac(HashAlgorithm::kSha384, AsBytes("Jefe"), AsBytes("what do ya want for nothing?")).hex(),
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
      "8e2240ca5e69e2c78b3239ecfab21649");
  EXPECT_EQ(
      Hmac(HashAlgorithm::kSha512, AsBytes("Jefe"), AsBytes("what do ya want for nothing?")).hex(),
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
      "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  EXPECT_EQ(Hmac(HashAlgorithm::kSha256, Bytes(131, 0xaa),
                 AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))
                .hex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(
      Hmac(HashAlgorithm::kSha1, AsBytes("Jefe"), AsBytes("what do ya want for nothing?")).hex(),
      "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Hmac, TakesEmptyKeysAndMessages) {
  EXPECT_EQ(Hmac(HashAlgorithm::kSha256, {}, {}).hex(),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  EXPECT_NE(Hmac(HashAlgorithm::kSha256, {}, AsBytes("a")),
            Hmac(HashAlgorithm::kSha256, AsBytes("a"), {}));
}

TEST(ConstantTimeEqual, ComparesEverything) {
  EXPECT_TRUE(ConstantTimeEqual({}, {}));
  EXPECT_TRUE(ConstantTimeEqual(AsBytes("abc"), AsBytes("abc")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("abd")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("xbc")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("abc"), AsBytes("ab")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("ab"), AsBytes("abc")));
  EXPECT_FALSE(ConstantTimeEqual(AsBytes("a"), {}));
}

}  // namespace
}  // namespace limequat::crypto
