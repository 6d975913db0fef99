#include "limequat/ima/kernel_hash.h"

#include <utility>

#include <gtest/gtest.h>

namespace limequat::ima {
namespace {

using crypto::HashAlgorithm;

TEST(HashOfKernelName, SharedNames) {
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    EXPECT_EQ(HashOfKernelName(crypto::HashName(hash)), hash);
  }
}

TEST(HashOfKernelName, ThoseOfTheKernelWhereOpenSslHasThem) {
  for (const auto& [name, hash] :
       {std::pair("sm3", HashAlgorithm::kSm3_256), std::pair("sm3-256", HashAlgorithm::kSm3_256),
        std::pair("sm3_256", HashAlgorithm::kSm3_256),
        std::pair("sha3-256", HashAlgorithm::kSha3_256),
        std::pair("sha3-384", HashAlgorithm::kSha3_384),
        std::pair("sha3-512", HashAlgorithm::kSha3_512)}) {
    const auto found = HashOfKernelName(name);
    if (crypto::IsAvailable(hash)) {
      EXPECT_EQ(found, hash) << name;
    } else {
      EXPECT_EQ(found, std::nullopt) << name;
    }
  }
}

TEST(HashOfKernelName, OthersAreNotGuessed) {
  for (const char* name : {"", "md5", "sha224", "sha3-224", "sha3_256", "SM3", "wp256", "rmd160"}) {
    EXPECT_EQ(HashOfKernelName(name), std::nullopt) << name;
  }
}

TEST(IsStrongKernelHash, WeakAndUnknownOnesAreNot) {
  for (const char* name : {"sha224", "sha256", "sha384", "sha512", "sm3", "sm3-256", "sm3_256",
                           "sha3-256", "sha3-384", "sha3-512"}) {
    EXPECT_TRUE(IsStrongKernelHash(name)) << name;
  }
  for (const char* name : {"", "sha1", "md4", "md5", "rmd160", "tgr192", "wp512", "streebog256",
                           "sha3-224", "SHA256", "sha2"}) {
    EXPECT_FALSE(IsStrongKernelHash(name)) << name;
  }
}

}  // namespace
}  // namespace limequat::ima
