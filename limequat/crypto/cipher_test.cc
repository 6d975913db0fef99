#include "limequat/crypto/cipher.h"

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"

namespace limequat::crypto {
namespace {

constexpr std::string_view kPlaintext =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";

// SP 800-38A, F.3.13, F.3.15 and F.3.17: two blocks under the IV 00 01 … 0f. The IV
// is made the ciphertext of a block in front, by adding it to the key stream.
struct Vector {
  std::string_view key;
  std::string_view ciphertext;
};
constexpr Vector kVectors[] = {
    {"2b7e151628aed2a6abf7158809cf4f3c",
     "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"},
    {"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a"},
    {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"},
};

TEST(AesCfb128, GivesTheValuesOfTheStandard) {
  for (const Vector& vector : kVectors) {
    const Bytes key = *HexDecode(vector.key);
    Bytes plaintext = *AesCfb128EncryptZeroIv(key, Bytes(16));
    Bytes want;
    for (std::uint8_t i = 0; i < 16; ++i) {
      plaintext[i] = static_cast<std::uint8_t>(plaintext[i] ^ i);
      want.push_back(i);
    }
    Append(plaintext, *HexDecode(kPlaintext));
    Append(want, *HexDecode(vector.ciphertext));
    EXPECT_EQ(*AesCfb128EncryptZeroIv(key, plaintext), want);
    EXPECT_EQ(*AesCfb128DecryptZeroIv(key, want), plaintext);
  }
}

TEST(AesCfb128, StartsFromAZeroIv) {
  // AES-128 of a zero block under a zero key (FIPS 197 known answers).
  EXPECT_EQ(HexEncode(*AesCfb128EncryptZeroIv(Bytes(16), Bytes(16))),
            "66e94bd4ef8a2c3b884cfa59ca342b2e");
}

TEST(AesCfb128, RoundTripsEveryLength) {
  const Bytes key(16, 7);
  for (std::size_t size = 0; size <= 50; ++size) {
    const Bytes plaintext(size, 3);
    const Bytes ciphertext = *AesCfb128EncryptZeroIv(key, plaintext);
    EXPECT_EQ(ciphertext.size(), size);
    EXPECT_EQ(*AesCfb128DecryptZeroIv(key, ciphertext), plaintext);
  }
}

TEST(AesCfb128, RefusesOtherKeySizes) {
  for (const std::size_t size : {0U, 1U, 15U, 17U, 23U, 31U, 33U, 64U}) {
    const Result<Bytes> encrypted = AesCfb128EncryptZeroIv(Bytes(size), Bytes(16));
    ASSERT_FALSE(encrypted);
    EXPECT_EQ(encrypted.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(encrypted.error().id, "crypto.cipher.key");
    EXPECT_FALSE(AesCfb128DecryptZeroIv(Bytes(size), Bytes(16)));
  }
}

TEST(AesCfb128, RefusesMoreThanATpm2bHolds) {
  EXPECT_TRUE(AesCfb128EncryptZeroIv(Bytes(16), Bytes(0xffff)));
  const Result<Bytes> encrypted = AesCfb128EncryptZeroIv(Bytes(16), Bytes(0x10000));
  ASSERT_FALSE(encrypted);
  EXPECT_EQ(encrypted.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(encrypted.error().id, "crypto.cipher.size");
}

}  // namespace
}  // namespace limequat::crypto
