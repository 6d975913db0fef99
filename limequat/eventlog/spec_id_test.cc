#include "limequat/eventlog/spec_id.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/eventlog/event.h"
#include "limequat/eventlog/testing/log_builder.h"

namespace limequat::eventlog {
namespace {

using testing::SpecIdData;
using tpm::AlgorithmId;

std::string ErrorOf(ByteView data) {
  const auto spec = ParseSpecId(data);
  return spec ? "" : spec.error().id;
}

TEST(ParseSpecId, CryptoAgile) {
  Bytes data = SpecIdData();
  data.back() = 3;
  Append(data, Bytes{7, 8, 9});
  const auto spec = ParseSpecId(data);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->kind, SpecId::Kind::kCryptoAgile);
  EXPECT_EQ(spec->platform_class, 1U);
  EXPECT_EQ(spec->version_major, 2);
  EXPECT_EQ(spec->version_minor, 0);
  EXPECT_EQ(spec->errata, 105);
  EXPECT_EQ(spec->uintn_size, 2);
  ASSERT_EQ(spec->algorithms.size(), 2U);
  EXPECT_EQ(spec->algorithms[0], (DigestAlgorithm{AlgorithmId::kSha1, 20}));
  EXPECT_EQ(spec->algorithms[1], (DigestAlgorithm{AlgorithmId::kSha256, 32}));
  EXPECT_TRUE(Equal(spec->vendor_info, Bytes{7, 8, 9}));
}

TEST(ParseSpecId, ForerunnersHaveNoAlgorithmList) {
  for (const auto& [digit, kind] :
       {std::pair('0', SpecId::Kind::kBios), std::pair('2', SpecId::Kind::kEfi)}) {
    ByteWriter out;
    out.Raw(AsBytes("Spec ID Event0")).U8(static_cast<std::uint8_t>(digit)).U8(0);
    out.U32Le(0).U8(2).U8(1).U8(1).U8(0).U8(0);
    const auto spec = ParseSpecId(out.bytes());
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->kind, kind);
    ASSERT_EQ(spec->algorithms.size(), 1U);
    EXPECT_EQ(spec->algorithms[0].id, AlgorithmId::kSha1);
  }
}

TEST(ParseSpecId, Signature) {
  EXPECT_EQ(ErrorOf({}), "eventlog.spec_id.signature");
  Bytes data = SpecIdData();
  data[14] = '4';
  EXPECT_EQ(ErrorOf(data), "eventlog.spec_id.signature");
  EXPECT_FALSE(IsSpecId(data));
  data[14] = '3';
  EXPECT_TRUE(IsSpecId(data));
  data[15] = 'x';  // no NUL
  EXPECT_EQ(ErrorOf(data), "eventlog.spec_id.signature");
  EXPECT_FALSE(IsSpecId(ByteView(data).first(15)));
}

TEST(ParseSpecId, EveryTruncationIsRefused) {
  const Bytes data = SpecIdData();
  for (std::size_t size = 16; size < data.size(); ++size) {
    EXPECT_EQ(ErrorOf(ByteView(data).first(size)), "eventlog.spec_id.truncated") << size;
  }
}

TEST(ParseSpecId, AbsurdCounts) {
  constexpr std::size_t kCountAt = 24;
  for (const std::uint32_t count : {0U, 17U, 0x40000001U, 0xffffffffU}) {
    Bytes data = SpecIdData();
    for (std::size_t i = 0; i < 4; ++i) {
      data[kCountAt + i] = static_cast<std::uint8_t>(count >> (8U * i));
    }
    EXPECT_EQ(ErrorOf(data), "eventlog.spec_id.algorithms") << count;
  }
}

TEST(ParseSpecId, AsManyAlgorithmsAsAllowed) {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> algorithms;
  for (std::uint16_t i = 0; i < kMaxAlgorithms; ++i) algorithms.emplace_back(0x1000 + i, 32);
  EXPECT_EQ(ErrorOf(SpecIdData(algorithms)), "");
}

TEST(ParseSpecId, AlgorithmsOnceAndOfTheirSize) {
  EXPECT_EQ(ErrorOf(SpecIdData({{4, 20}, {4, 20}})), "eventlog.spec_id.algorithms");
  EXPECT_EQ(ErrorOf(SpecIdData({{4, 32}})), "eventlog.spec_id.algorithms");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x0b, 20}})), "eventlog.spec_id.algorithms");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x12, 31}})), "eventlog.spec_id.algorithms");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x28, 32}})), "eventlog.spec_id.algorithms");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x29, 48}})), "eventlog.spec_id.algorithms");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x12, 32}, {0x27, 32}, {0x28, 48}, {0x29, 64}, {0x0d, 64}})), "");
  // Algorithms nobody knows are carried if their size is one a digest can have.
  EXPECT_EQ(ErrorOf(SpecIdData({{0x1234, 1}})), "");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x1234, kMaxDigestBytes}})), "");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x1234, 0}})), "eventlog.spec_id.algorithms");
  EXPECT_EQ(ErrorOf(SpecIdData({{0x1234, kMaxDigestBytes + 1}})), "eventlog.spec_id.algorithms");
}

TEST(ParseSpecId, VendorInformationIsInTheEvent) {
  Bytes data = SpecIdData();
  data.back() = 1;
  EXPECT_EQ(ErrorOf(data), "eventlog.spec_id.vendor_info");
  data.push_back(7);
  const auto fits = ParseSpecId(data);
  ASSERT_TRUE(fits);
  EXPECT_TRUE(Equal(fits->vendor_info, Bytes{7}));
  EXPECT_TRUE(fits->untrusted_trailing.empty());
}

TEST(ParseSpecId, Quirk_BytesBehindTheVendorInformation) {
  Bytes data = SpecIdData();
  data.back() = 1;
  Append(data, Bytes{7, 0, 0, 0});
  const auto spec = ParseSpecId(data);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->algorithms.size(), 2U);
  EXPECT_TRUE(Equal(spec->vendor_info, Bytes{7}));
  EXPECT_TRUE(Equal(spec->untrusted_trailing, Bytes(3, 0)));
}

}  // namespace
}  // namespace limequat::eventlog
