#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/testing/pe_builder.h"
#include "limequat/policy/boot_values_maker.h"
#include "limequat/policy/testing/boot_values.h"

namespace limequat::policy {
namespace {

using crypto::HashAlgorithm;
using eventlog::testing::PeBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Hex256;
using ::testing::SizeIs;
using testing::Values;
using testing::ValuesKernel;
using testing::Without;

BootValues Parsed(const json::Object& object) {
  auto values = BootValues::Parse(json::Serialize(object));
  EXPECT_TRUE(values) << values.error().message;
  return values ? *std::move(values) : BootValues();
}

Bytes Kernel() {
  PeBuilder builder;
  return builder.Section(".text", "the next kernel").File();
}

Bytes Unified() {
  PeBuilder builder;
  builder.Section(".osrel", "ID=test").Section(".cmdline", "quiet").Section(".uname", "6.12.1");
  builder.Section(".initrd", "initrd").Section(".linux", std::string(AsText(Kernel())));
  return builder.File();
}

crypto::Digest Sha256(ByteView data) { return crypto::Hash(HashAlgorithm::kSha256, data); }

// Reference values of machines that start unified images with that many images of PCR 4.
json::Object UnifiedValues(std::size_t images) {
  json::Object kernel{{"name", "image"}, {"unified", true}};
  json::Array digests;
  for (std::size_t i = 0; i < images; ++i) digests.emplace_back(Hex256(std::to_string(i)));
  kernel.Set("images", digests);
  kernel.Set("sections", json::Array{testing::NamedHex(".linux", Hex256("old"))});
  return Values().Set("boot_path", "uki").Set("kernels", json::Array{kernel});
}

TEST(AddKernel, TheNextKernelIsMeasuredAsTheLast) {
  BootValues values = Parsed(Values());
  const Bytes file = Kernel();
  const auto notes = AddKernel(file, {.version = "6.12"}, values);
  ASSERT_TRUE(notes) << notes.error().message;
  EXPECT_THAT(*notes, SizeIs(2));
  ASSERT_THAT(values.kernels, SizeIs(2));
  const BootValuesKernel& made = values.kernels[1];
  EXPECT_EQ(made.version, "6.12");
  EXPECT_THAT(made.images, SizeIs(1));
  EXPECT_NE(made.images[0], Sha256(file));
  EXPECT_EQ(made.file, Sha256(file));
  EXPECT_EQ(made.initrds, values.kernels[0].initrds);
  EXPECT_EQ(made.command_lines[0].text, values.kernels[0].command_lines[0].text);
  EXPECT_TRUE(BootValues::Parse(WriteBootValues(values)));
}

TEST(AddKernel, InitrdAndCommandLineMayBeNew) {
  BootValues values = Parsed(Values());
  const crypto::Digest initrd = Sha256(AsBytes(std::string_view("next")));
  const auto notes =
      AddKernel(Kernel(), {.initrds = {initrd}, .command_lines = {"/vmlinuz-next ro"}}, values);
  ASSERT_TRUE(notes);
  EXPECT_THAT(*notes, ::testing::IsEmpty());
  EXPECT_THAT(values.kernels[1].initrds, ElementsAre(initrd));
  EXPECT_EQ(values.kernels[1].command_lines[0].text, "/vmlinuz-next ro");
}

TEST(AddKernel, GrubWithoutSecureBootStartsNoImage) {
  json::Object object = Values();
  object.Set("secure_boot", json::Object{{"required", false}});
  object.Set("kernels", json::Array{Without(ValuesKernel(), "images")});
  BootValues values = Parsed(object);
  ASSERT_TRUE(AddKernel(Kernel(), {}, values));
  EXPECT_THAT(values.kernels[1].images, ::testing::IsEmpty());
  EXPECT_TRUE(values.kernels[1].file.has_value());
}

TEST(AddKernel, AUnifiedImageHasItsSectionsInOrder) {
  BootValues values = Parsed(UnifiedValues(1));
  ASSERT_TRUE(AddUnifiedImage(Unified(), {}, values));
  const BootValuesKernel& made = values.kernels.at(1);
  EXPECT_EQ(made.version, "6.12.1");
  EXPECT_THAT(made.images, SizeIs(1));
  std::vector<std::string> names;
  for (const BootValuesSection& section : made.sections) names.push_back(section.name);
  EXPECT_THAT(names, ElementsAre(".linux", ".osrel", ".cmdline", ".initrd", ".uname"));
  EXPECT_EQ(made.sections[0].digest, Sha256(Kernel()));
  EXPECT_TRUE(BootValues::Parse(WriteBootValues(values)));
}

TEST(AddKernel, TheKernelInAUnifiedImageIsAnImageWhereTheLastWas) {
  BootValues values = Parsed(UnifiedValues(2));
  ASSERT_TRUE(AddUnifiedImage(Unified(), {}, values));
  BootValues plain = Parsed(Values());
  ASSERT_TRUE(AddKernel(Kernel(), {}, plain));
  ASSERT_THAT(values.kernels.at(1).images, SizeIs(2));
  EXPECT_EQ(values.kernels[1].images[1], plain.kernels[1].images[0]);
}

TEST(AddKernel, RefusesWhatIsOfTheOtherKind) {
  BootValues values = Parsed(Values());
  EXPECT_THAT(AddKernel(Unified(), {}, values).error().message, HasSubstr("add it as one"));
  EXPECT_THAT(AddUnifiedImage(Kernel(), {}, values).error().message, HasSubstr(".linux"));
  const NewKernel with_initrd{.initrds = {Sha256(Kernel())}};
  EXPECT_THAT(AddUnifiedImage(Unified(), with_initrd, values).error().message,
              HasSubstr("initrd in it"));
  EXPECT_EQ(AddKernel(AsBytes(std::string_view("no image")), {}, values).error().id,
            "eventlog.pe_image");
  EXPECT_THAT(values.kernels, SizeIs(1));
}

}  // namespace
}  // namespace limequat::policy
