#include "limequat/crypto/digest.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace limequat::crypto {
namespace {

constexpr HashAlgorithm kAll[] = {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                  HashAlgorithm::kSha384, HashAlgorithm::kSha512};

TEST(HashAlgorithm, HasANameAndASize) {
  EXPECT_EQ(HashName(HashAlgorithm::kSha1), "sha1");
  EXPECT_EQ(HashName(HashAlgorithm::kSha256), "sha256");
  EXPECT_EQ(HashName(HashAlgorithm::kSha384), "sha384");
  EXPECT_EQ(HashName(HashAlgorithm::kSha512), "sha512");
  EXPECT_EQ(DigestSize(HashAlgorithm::kSha1), 20U);
  EXPECT_EQ(DigestSize(HashAlgorithm::kSha256), 32U);
  EXPECT_EQ(DigestSize(HashAlgorithm::kSha384), 48U);
  EXPECT_EQ(DigestSize(HashAlgorithm::kSha512), 64U);
  for (const HashAlgorithm algorithm : kAll)
    EXPECT_EQ(HashFromName(HashName(algorithm)), algorithm);
}

TEST(HashAlgorithm, IsFoundByItsExactNameOnly) {
  for (const std::string_view name : {"", "SHA256", "sha-256", "sha256 ", "sha", "sha224", "md5"}) {
    EXPECT_EQ(HashFromName(name), std::nullopt) << name;
  }
}

// FIPS 180-4, examples.
TEST(Hash, GivesTheValuesOfTheStandard) {
  EXPECT_EQ(Hash(HashAlgorithm::kSha1, AsBytes("abc")).hex(),
            "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hash(HashAlgorithm::kSha256, AsBytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hash(HashAlgorithm::kSha384, AsBytes("abc")).hex(),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(Hash(HashAlgorithm::kSha512, AsBytes("abc")).hex(),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(Hash(HashAlgorithm::kSha256, {}).hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// FIPS 202: NIST's example values.
TEST(Hash, GivesTheValuesOfSha3) {
  const std::pair<HashAlgorithm, std::string_view> values[] = {
      {HashAlgorithm::kSha3_256,
       "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
      {HashAlgorithm::kSha3_384,
       "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2"
       "98d88cea927ac7f539f1edf228376d25"},
      {HashAlgorithm::kSha3_512,
       "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
       "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"}};
  for (const auto& [algorithm, value] : values) {
    EXPECT_EQ(2 * DigestSize(algorithm), value.size());
    if (!IsAvailable(algorithm)) continue;
    EXPECT_EQ(Hash(algorithm, AsBytes("abc")).hex(), value);
    EXPECT_EQ(HashFromName(HashName(algorithm)), std::nullopt);
  }
}

TEST(Hash, HasNoMemoryOfTheMessageBefore) {
  for (const HashAlgorithm algorithm : kAll) {
    const Digest first = Hash(algorithm, AsBytes("one"));
    Hash(algorithm, AsBytes("something else"));
    EXPECT_EQ(Hash(algorithm, AsBytes("one")), first);
  }
}

TEST(Hash, WorksInEveryThread) {
  const Digest want = Hash(HashAlgorithm::kSha256, AsBytes("x"));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int& count : wrong) {
    threads.emplace_back([&count, &want] {
      for (int i = 0; i < 1000; ++i) {
        if (Hash(HashAlgorithm::kSha256, AsBytes("x")) != want) ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST(Extend, HashesTheCurrentValueAndTheData) {
  for (const HashAlgorithm algorithm : kAll) {
    const Digest current = Hash(algorithm, AsBytes("pcr"));
    Bytes joined = ToBytes(current.bytes());
    Append(joined, AsBytes("data of any size"));
    EXPECT_EQ(Extend(current, AsBytes("data of any size")), Hash(algorithm, joined));
  }
}

// What a PCR holds after one extend with zeros; known from every TPM.
TEST(Extend, GivesTheKnownValueOfZeros) {
  EXPECT_EQ(Extend(Digest(HashAlgorithm::kSha256), Bytes(32)).hex(),
            "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
  EXPECT_EQ(Extend(Digest(HashAlgorithm::kSha1), Bytes(20)).hex(),
            "b80de5d138758541c5f05265ad144ab9fa86d1db");
}

TEST(Digest, IsZeroAfterAReset) {
  for (const HashAlgorithm algorithm : kAll) {
    const Digest zero(algorithm);
    EXPECT_TRUE(zero.IsZero());
    EXPECT_EQ(zero.bytes().size(), DigestSize(algorithm));
    EXPECT_EQ(zero.hex(), std::string(2 * DigestSize(algorithm), '0'));
  }
}

TEST(Digest, IsNotZeroIfOneBitIsSet) {
  Bytes bytes(32);
  bytes.back() = 1;
  EXPECT_FALSE(Digest::FromBytes(HashAlgorithm::kSha256, bytes)->IsZero());
}

TEST(Digest, ReadsBytesAndHexOfItsSize) {
  const Digest digest = Hash(HashAlgorithm::kSha384, AsBytes("abc"));
  EXPECT_EQ(*Digest::FromBytes(HashAlgorithm::kSha384, digest.bytes()), digest);
  EXPECT_EQ(*Digest::FromHex(HashAlgorithm::kSha384, digest.hex()), digest);
  EXPECT_EQ(Digest::FromHex(HashAlgorithm::kSha1, std::string(40, 'A'))->hex(),
            std::string(40, 'a'));
}

TEST(Digest, RefusesOtherSizes) {
  for (const HashAlgorithm algorithm : kAll) {
    for (const std::size_t size : {std::size_t{0}, DigestSize(algorithm) - 1,
                                   DigestSize(algorithm) + 1, std::size_t{1000}}) {
      const Result<Digest> bytes = Digest::FromBytes(algorithm, Bytes(size));
      ASSERT_FALSE(bytes);
      EXPECT_EQ(bytes.error().code, ErrorCode::kMalformed);
      EXPECT_EQ(bytes.error().id, "crypto.digest.size");
      const Result<Digest> hex = Digest::FromHex(algorithm, std::string(2 * size, '0'));
      ASSERT_FALSE(hex);
      EXPECT_EQ(hex.error().id, "crypto.digest.size");
    }
  }
  EXPECT_FALSE(Digest::FromHex(HashAlgorithm::kSha1, std::string(41, '0')));
}

TEST(Digest, RefusesWhatIsNoHex) {
  const Result<Digest> digest = Digest::FromHex(HashAlgorithm::kSha1, std::string(39, '0') + "g");
  ASSERT_FALSE(digest);
  EXPECT_EQ(digest.error().id, "encoding.hex");
}

TEST(Digest, DiffersFromTheSameBytesOfAnotherAlgorithm) {
  EXPECT_NE(Digest(HashAlgorithm::kSha1), Digest(HashAlgorithm::kSha256));
  EXPECT_LT(Digest(HashAlgorithm::kSha1), Digest(HashAlgorithm::kSha256));
}

TEST(Hasher, TakesAMessageInPieces) {
  for (const HashAlgorithm algorithm : kAll) {
    Hasher hasher(algorithm);
    hasher.Update(AsBytes("a")).Update({}).Update(AsBytes("bc"));
    EXPECT_EQ(hasher.Finish(), Hash(algorithm, AsBytes("abc")));
    EXPECT_EQ(hasher.Finish(), Hash(algorithm, {})) << "Finish starts a new message";
    hasher.Update(AsBytes("abc"));
    EXPECT_EQ(hasher.Finish(), Hash(algorithm, AsBytes("abc")));
  }
}

// Hash calls the provider itself, Hasher goes through EVP.
TEST(Hash, GivesWhatHasherGivesForEveryLength) {
  Bytes message;
  for (const HashAlgorithm algorithm : kAll) {
    for (std::size_t size = 0; size <= 300; ++size) {
      message.resize(size, static_cast<std::uint8_t>(size));
      const Digest want = Hasher(algorithm).Update(message).Finish();
      ASSERT_EQ(Hash(algorithm, message), want) << size;
      const Digest current = Hash(algorithm, AsBytes("pcr"));
      ASSERT_EQ(Extend(current, message),
                Hasher(algorithm).Update(current.bytes()).Update(message).Finish())
          << size;
      ASSERT_EQ(ExtendByHash(current, message), Extend(current, want.bytes())) << size;
    }
    message.clear();
  }
}

TEST(Hasher, DoesNotDisturbHash) {
  Hasher hasher(HashAlgorithm::kSha256);
  hasher.Update(AsBytes("a"));
  Hash(HashAlgorithm::kSha256, AsBytes("between"));
  hasher.Update(AsBytes("bc"));
  EXPECT_EQ(hasher.Finish(), Hash(HashAlgorithm::kSha256, AsBytes("abc")));
}

TEST(Hasher, MovesWithItsMessage) {
  Hasher first(HashAlgorithm::kSha256);
  first.Update(AsBytes("ab"));
  Hasher second = std::move(first);
  second.Update(AsBytes("c"));
  EXPECT_EQ(second.Finish(), Hash(HashAlgorithm::kSha256, AsBytes("abc")));
  Hasher third(HashAlgorithm::kSha1);
  third = std::move(second);
  EXPECT_EQ(third.Finish().algorithm(), HashAlgorithm::kSha256);
}

}  // namespace
}  // namespace limequat::crypto
