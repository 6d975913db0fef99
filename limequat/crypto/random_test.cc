#include "limequat/crypto/random.h"

#include <array>
#include <cctype>
#include <set>

#include <gtest/gtest.h>

namespace limequat::crypto {
namespace {

TEST(RandomBytes, GivesAsManyAsAsked) {
  // getrandom(2) may give fewer than asked above 256 bytes.
  for (const std::size_t count : {0U, 1U, 16U, 256U, 257U, 1U << 20U}) {
    EXPECT_EQ(RandomBytes(count).size(), count);
  }
}

TEST(RandomBytes, NeverGivesTheSameTwice) {
  std::set<Bytes> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(RandomBytes(16));
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(RandomBytes, FillsTheWholeLength) {
  // A tail of 64 zeros has a probability of 2^-512.
  const Bytes bytes = RandomBytes(100'000);
  EXPECT_NE(Bytes(bytes.end() - 64, bytes.end()), Bytes(64));
}

TEST(RandomAlphanumeric, UsesEveryCharacterEvenly) {
  constexpr int kDraws = 62 * 10'000;
  std::array<int, 128> count{};
  const std::string text = RandomAlphanumeric(kDraws);
  ASSERT_EQ(text.size(), std::size_t{kDraws});
  for (const char c : text) {
    ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(c))) << c;
    ++count[static_cast<std::size_t>(c)];
  }
  // Ten standard deviations (of 100). With modulo bias the first eight letters of the
  // alphabet would be drawn 12,100 times.
  for (std::size_t c = 0; c < count.size(); ++c) {
    if (std::isalnum(static_cast<int>(c)) == 0) continue;
    EXPECT_NEAR(count[c], 10'000, 1'000) << c;
  }
}

TEST(RandomAlphanumeric, GivesAsManyAsAsked) {
  EXPECT_EQ(RandomAlphanumeric(0), "");
  EXPECT_EQ(RandomAlphanumeric(20).size(), 20U);
  EXPECT_NE(RandomAlphanumeric(20), RandomAlphanumeric(20));
}

}  // namespace
}  // namespace limequat::crypto
