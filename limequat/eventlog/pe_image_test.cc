#include "limequat/eventlog/pe_image.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/testing/pe_builder.h"

namespace limequat::eventlog {
namespace {

using crypto::HashAlgorithm;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PeBuilder;

PeBuilder Image() {
  PeBuilder builder;
  builder.Section(".text", "code").Section(".data", "data").Trailing("behind");
  return builder;
}

crypto::Digest HashOf(ByteView file) {
  const auto image = PeImage::Parse(file);
  EXPECT_TRUE(image) << image.error().message;
  return image ? image->Authenticode(HashAlgorithm::kSha256) : crypto::Digest(HashAlgorithm::kSha1);
}

std::string Refusal(ByteView file) {
  const auto image = PeImage::Parse(file);
  if (image) return "accepted";
  EXPECT_EQ(image.error().id, "eventlog.pe_image");
  return image.error().message;
}

Bytes With(Bytes file, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) file.at(at + i) = static_cast<std::uint8_t>(value >> (8 * i));
  return file;
}

// All of the file but checksum, directory entry and certificates.
TEST(PeImage, AuthenticodeLeavesOutWhatSigningChanges) {
  const Bytes file = Image().Certificates("signature").File();
  const std::size_t end = file.size() - std::string("signature").size();
  crypto::Hasher hasher(HashAlgorithm::kSha256);
  const ByteView view(file);
  hasher.Update(view.first(PeBuilder::kCheckSumAt));
  hasher.Update(view.subspan(PeBuilder::kCheckSumAt + 4,
                             PeBuilder::kDirectoryAt - PeBuilder::kCheckSumAt - 4));
  hasher.Update(view.subspan(PeBuilder::kDirectoryAt + 8, end - PeBuilder::kDirectoryAt - 8));
  EXPECT_EQ(HashOf(file), hasher.Finish());
  EXPECT_EQ(HashOf(Image().File()), HashOf(file));
  EXPECT_EQ(HashOf(Image().CheckSum(7).File()), HashOf(file));
}

TEST(PeImage, AuthenticodeIsOfEverythingElse) {
  const Bytes file = Image().File();
  const crypto::Digest hash = HashOf(file);
  for (const std::size_t at : {std::size_t{2}, PeBuilder::kOptional + 20, file.size() - 1,
                               file.size() - 8, file.size() - 12}) {
    Bytes changed = file;
    changed[at] = static_cast<std::uint8_t>(changed[at] ^ 1U);
    EXPECT_NE(HashOf(changed), hash) << at;
  }
  EXPECT_NE(HashOf(Image().Trailing("behind!").File()), hash);
}

TEST(PeImage, SectionsAreAsTheyAreLoaded) {
  const Bytes file = Image().Section(".pad", "x", 3).File();
  const auto image = PeImage::Parse(file);
  ASSERT_TRUE(image);
  ASSERT_EQ(image->sections().size(), 3U);
  EXPECT_EQ(AsText(image->Find(".data")->data), "data");
  EXPECT_EQ(image->Find(".none"), nullptr);
  EXPECT_EQ(image->Find(".pad")->Hash(HashAlgorithm::kSha256),
            crypto::Hash(HashAlgorithm::kSha256, AsBytes(std::string_view("x\0\0\0", 4))));
}

TEST(PeImage, RefusesWhatTheFileDoesNotHold) {
  const PeBuilder builder = Image();
  const Bytes file = builder.File();
  constexpr std::size_t kSections = PeBuilder::kOptional + PeBuilder::kOptionalSize;
  EXPECT_THAT(Refusal({}), HasSubstr("MZ"));
  for (std::size_t size = 0; size < builder.HeaderSize(); ++size) {
    EXPECT_NE(Refusal(ByteView(file).first(size)), "accepted") << size;
  }
  EXPECT_THAT(Refusal(With(file, 0x3c, 0xffffffff)), HasSubstr("COFF header"));
  EXPECT_THAT(Refusal(With(file, 0x40, 0)), HasSubstr("PE signature"));
  EXPECT_THAT(Refusal(With(file, PeBuilder::kOptional, 0x107)), HasSubstr("magic"));
  EXPECT_THAT(Refusal(With(file, PeBuilder::kOptional + 60, 0xffffffff)), HasSubstr("headers"));
  EXPECT_THAT(Refusal(With(file, PeBuilder::kOptional + 60, 64)),
              HasSubstr("longer than they say"));
  EXPECT_THAT(Refusal(With(file, PeBuilder::kDirectoryAt + 4, 1000)), HasSubstr("certificates"));
  EXPECT_THAT(Refusal(With(file, kSections + 20, 0xfffffff0)), HasSubstr("section"));
  EXPECT_THAT(Refusal(With(file, kSections + 8, 0x7fffffff)), HasSubstr("zeros"));
}

// Sections may lie over each other; what is hashed stays bounded by the file.
TEST(PeImage, RefusesSectionsThatAddUpToMoreThanTheFile) {
  Bytes file = Image().File();
  constexpr std::size_t kSections = PeBuilder::kOptional + PeBuilder::kOptionalSize;
  for (const std::size_t section : {kSections, kSections + 40}) {
    file = With(With(file, section + 16, static_cast<std::uint32_t>(file.size())), section + 20, 0);
  }
  EXPECT_THAT(Refusal(file), HasSubstr("larger than the file"));
  PeBuilder many;
  for (std::size_t i = 0; i <= kMaxPeSections; ++i) many.Section("s", "x");
  EXPECT_THAT(Refusal(many.File()), HasSubstr("at most 256"));
}

std::vector<std::string> Measured(const PeBuilder& builder) {
  const Bytes file = builder.File();
  const auto image = PeImage::Parse(file);
  std::vector<std::string> names;
  EXPECT_TRUE(image);
  if (!image) return names;
  for (const PeSection* section : MeasuredSections(*image)) names.push_back(section->name);
  return names;
}

TEST(PeImage, TheSectionsOfAUnifiedImageAreInTheOrderOfTheStub) {
  PeBuilder builder;
  builder.Section(".sbat", "s").Section(".initrd", "i").Section(".text", "t");
  builder.Section(".cmdline", "c").Section(".linux", "l").Section(".pcrsig", "p");
  builder.Section(".uname", "u").Section(".osrel", "o");
  EXPECT_THAT(Measured(builder),
              ElementsAre(".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat"));
  builder.Section(".sdmagic", "#### LoaderInfo: systemd-stub 252.39-1 ####");
  EXPECT_THAT(Measured(builder), ElementsAre(".linux", ".osrel", ".cmdline", ".initrd"));
  EXPECT_THAT(Measured(Image()), ::testing::IsEmpty());
}

}  // namespace
}  // namespace limequat::eventlog
