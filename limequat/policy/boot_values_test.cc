#include "limequat/policy/boot_values.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/policy/boot_values_maker.h"
#include "limequat/policy/testing/boot_values.h"

namespace limequat::policy {
namespace {

using ::testing::HasSubstr;
using testing::Hex256;
using testing::NamedHex;
using testing::Values;
using testing::ValuesKernel;
using testing::ValuesSecureBoot;
using testing::Without;

Result<BootValues> Parse(const json::Object& object) {
  return BootValues::Parse(json::Serialize(object));
}

// The message of the error, or "accepted".
std::string Refusal(const json::Object& object, std::string_view id = "policy.boot_values") {
  const auto values = Parse(object);
  if (values) return "accepted";
  EXPECT_EQ(values.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(values.error().id, id) << values.error().message;
  return values.error().message;
}

json::Object With(std::string_view name, json::Value value) {
  return Values().Set(name, std::move(value));
}
json::Object WithKernel(const json::Object& kernel) { return With("kernels", json::Array{kernel}); }

TEST(BootValues, ReadsWhatItWrites) {
  json::Object all =
      With("grub_commands", json::Array{"boot", json::Object{{"matches", "set .*"}}});
  all.Set("firmware", json::Array{json::Object{
                          {"model", "A"},
                          {"version", "1"},
                          {"pcrs", json::Object{{"0", Hex256("0")}, {"2", Hex256("2")}}}}});
  all.Set("additions", json::Array{NamedHex("credential", Hex256("c"))});
  all.Set("exit_boot_services", false);
  all.Set("user_space", json::Array{json::Object{{"pcr", 11}, {"text", "ready"}},
                                    json::Object{{"pcr", 15}, {"matches", "machine-id:.*"}},
                                    json::Object{{"pcr", 15}, {"digest", Hex256("d")}}});
  const auto values = Parse(all);
  ASSERT_TRUE(values) << values.error().message;
  const std::string text = WriteBootValues(*values);
  const auto again = BootValues::Parse(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(WriteBootValues(*again), text);
  EXPECT_EQ(values->release, 3U);
  EXPECT_EQ(values->firmware[0].model, "A");
  EXPECT_EQ(values->firmware[0].pcrs.size(), 2U);
  EXPECT_FALSE(values->exit_boot_services);
  EXPECT_EQ(values->user_space.size(), 3U);
  EXPECT_EQ(values->grub_commands->size(), 2U);
  EXPECT_EQ(values->kernels[0].version, "6.1");
}

TEST(BootValues, IsRecognisedByItsKind) {
  EXPECT_TRUE(IsBootValues(json::Serialize(Values())));
  EXPECT_TRUE(IsBootValues(json::Serialize(With("version", 2))));
  EXPECT_FALSE(IsBootValues(json::Serialize(testing::Reference())));
  EXPECT_FALSE(IsBootValues(json::Serialize(With("kind", 1))));
  EXPECT_FALSE(IsBootValues("[]"));
  EXPECT_FALSE(IsBootValues(""));
}

TEST(BootValues, NeedsItsKindAndAVersionThatIsKnown) {
  EXPECT_THAT(Refusal(With("kind", "other")), HasSubstr("kind is 'other'"));
  EXPECT_THAT(Refusal(With("version", 2)), HasSubstr("version 2"));
  for (const std::string_view name :
       {"kind", "version", "digest_algorithm", "boot_path", "firmware", "secure_boot", "kernels"}) {
    EXPECT_NE(Refusal(Without(Values(), name)), "accepted") << name;
  }
}

TEST(BootValues, RefusesMembersThatNobodyEvaluates) {
  EXPECT_THAT(Refusal(With("kernel", "x")), HasSubstr("kernel"));
  EXPECT_THAT(Refusal(WithKernel(ValuesKernel().Set("initrd", "x"))), HasSubstr("initrd"));
  EXPECT_THAT(Refusal(With("loaders", json::Array{json::Object{
                                          {"name", "a"}, {"digest", Hex256("a")}, {"sha1", ""}}})),
              HasSubstr("sha1"));
  EXPECT_THAT(
      Refusal(With("secure_boot", json::Object{{"required", false}, {"db", json::Array()}})),
      HasSubstr("db"));
}

TEST(BootValues, RefusesWeakOrUnknownAlgorithmsAndPaths) {
  EXPECT_THAT(Refusal(With("digest_algorithm", "sha1")), HasSubstr("'sha1'"));
  EXPECT_THAT(Refusal(With("digest_algorithm", "md5")), HasSubstr("'md5'"));
  EXPECT_THAT(Refusal(With("boot_path", "bios")), HasSubstr("'bios'"));
  EXPECT_THAT(Refusal(With("name", std::string(257, 'a'))), HasSubstr("long"));
}

TEST(BootValues, DigestsAreLowerCaseAndOfTheAlgorithm) {
  std::string upper = Hex256("x");
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& hex : {upper, std::string("00"), std::string(), std::string(64, 'g')}) {
    EXPECT_THAT(Refusal(With("loaders", json::Array{NamedHex("a", hex)})), HasSubstr("loaders[0]"));
    EXPECT_THAT(Refusal(WithKernel(ValuesKernel().Set("images", json::Array{hex}))),
                HasSubstr("kernels[0].images"));
  }
  EXPECT_THAT(Refusal(With("loaders", json::Array{NamedHex("", Hex256("a"))})),
              HasSubstr("no name"));
}

TEST(BootValues, FirmwareHasAValueOfPcr0AndNoneOfWhatOthersMeasure) {
  const auto firmware = [](json::Object pcrs) {
    return With("firmware", json::Array{json::Object{{"pcrs", std::move(pcrs)}}});
  };
  EXPECT_THAT(Refusal(With("firmware", json::Array())), HasSubstr("firmware"));
  EXPECT_THAT(Refusal(With("firmware", "all")), HasSubstr("firmware"));
  EXPECT_THAT(Refusal(firmware({{"2", Hex256("2")}})), HasSubstr("PCR 0"));
  for (const std::string_view pcr : {"4", "7", "00", "0-1", "x", ""}) {
    EXPECT_THAT(Refusal(firmware({{"0", Hex256("0")}, {std::string(pcr), Hex256("x")}})),
                HasSubstr("0-3,6"));
  }
  EXPECT_THAT(Refusal(firmware({{"0", 1}})), HasSubstr("pcrs.0"));
}

TEST(BootValues, KeysHaveAKindAndADigest) {
  for (const std::string_view key : {"", "x509", "x509:", "pkcs7:00", ":00", "x509:00"}) {
    EXPECT_THAT(Refusal(With("secure_boot", ValuesSecureBoot().Set("db", json::Array{key}))),
                HasSubstr("secure_boot.db"));
  }
  const std::string other = "826ca512-cf10-4ac9-b187-be01496631bd:" + Hex256("x");
  EXPECT_TRUE(Parse(With("secure_boot", ValuesSecureBoot().Set("dbx", json::Array{other}))));
}

// No check may be left out by leaving out a member.
TEST(BootValues, AKernelHasWhatItsBootPathMeasures) {
  EXPECT_THAT(Refusal(With("kernels", json::Array())), HasSubstr("empty"));
  EXPECT_THAT(Refusal(WithKernel(Without(ValuesKernel(), "images"))), HasSubstr("images"));
  EXPECT_THAT(Refusal(WithKernel(Without(ValuesKernel(), "file"))), HasSubstr("file"));
  EXPECT_THAT(Refusal(WithKernel(Without(ValuesKernel(), "initrds"))), HasSubstr("initrds"));
  EXPECT_THAT(Refusal(WithKernel(Without(ValuesKernel(), "command_lines"))),
              HasSubstr("command_lines"));
  EXPECT_THAT(Refusal(WithKernel(ValuesKernel().Set("unified", true))), HasSubstr("unified"));
  EXPECT_THAT(Refusal(WithKernel(ValuesKernel().Set("name", ""))), HasSubstr("name"));
  EXPECT_THAT(Refusal(WithKernel(
                  ValuesKernel().Set("sections", json::Array{NamedHex(".linux", Hex256("x"))}))),
              HasSubstr("sections"));
  json::Object stub = WithKernel(
      ValuesKernel().Set("command_lines", json::Array{json::Object{{"matches", "ro.*"}}}));
  EXPECT_THAT(Refusal(stub.Set("boot_path", "efi-stub")), HasSubstr("expression"));
  json::Object plain = Values();
  EXPECT_THAT(Refusal(plain.Set("boot_path", "uki")), HasSubstr("not unified"));
  json::Object unified = Without(Without(ValuesKernel(), "initrds"), "images");
  unified.Set("unified", true);
  EXPECT_THAT(Refusal(WithKernel(unified).Set("boot_path", "netboot")), HasSubstr("no images"));
  json::Object nothing = Without(Without(ValuesKernel(), "file"), "images");
  EXPECT_THAT(Refusal(WithKernel(nothing).Set("boot_path", "netboot")), HasSubstr("neither"));
}

TEST(BootValues, UserSpaceMeasuresIntoItsOwnPcrs) {
  const auto record = [](json::Object object) { return With("user_space", json::Array{object}); };
  EXPECT_THAT(Refusal(record({{"pcr", 4}, {"text", "x"}})), HasSubstr("PCR 4"));
  EXPECT_THAT(Refusal(record({{"pcr", 11}})), HasSubstr("not one of"));
  EXPECT_THAT(Refusal(record({{"pcr", 11}, {"text", "x"}, {"matches", "x"}})),
              HasSubstr("not one of"));
}

TEST(BootValues, ExpressionsAreBounded) {
  const auto lines = [](json::Array list) {
    return WithKernel(ValuesKernel().Set("command_lines", std::move(list)));
  };
  EXPECT_NE(Refusal(lines({json::Object{{"matches", "("}}}), "policy.expression"), "accepted");
  EXPECT_NE(Refusal(lines({json::Object{{"matches", std::string(20000, 'a')}}}), "policy.limit"),
            "accepted");
  EXPECT_NE(
      Refusal(lines(json::Array(kMaxBootValuesExpressions + 1, json::Object{{"matches", "a"}})),
              "policy.limit"),
      "accepted");
  EXPECT_NE(Refusal(With("kernels", json::Array(kMaxBootValuesKernels + 1, ValuesKernel())),
                    "policy.limit"),
            "accepted");
  const std::string long_text(kMaxBootValuesBytes + 1, ' ');
  EXPECT_EQ(BootValues::Parse(long_text).error().id, "policy.limit");
  EXPECT_EQ(BootValues::Parse("{").error().id, "policy.json");
}

TEST(BootValues, MergingKeepsWhatEitherAllows) {
  BootValues a = *Parse(Values());
  json::Object other = WithKernel(ValuesKernel().Set("images", json::Array{Hex256("next kernel")}));
  other.Set("release", 5);
  ASSERT_TRUE(MergeBootValues(*Parse(other), a));
  EXPECT_EQ(a.kernels.size(), 2U);
  EXPECT_EQ(a.release, 5U);
  EXPECT_EQ(a.loaders.size(), 2U);
  const json::Object line =
      WithKernel(ValuesKernel().Set("command_lines", json::Array{"/vmlinuz debug"}));
  ASSERT_TRUE(MergeBootValues(*Parse(line), a));
  EXPECT_EQ(a.kernels.size(), 2U);
  EXPECT_EQ(a.kernels[0].command_lines.size(), 2U);
}

TEST(BootValues, MergingRefusesWhatHasOneValue) {
  const auto conflict = [](const json::Object& object) {
    BootValues values = *Parse(Values());
    const auto other = Parse(object);
    EXPECT_TRUE(other) << other.error().message;
    const Status merged = MergeBootValues(*other, values);
    return merged ? "merged" : merged.error().id;
  };
  constexpr std::string_view kId = "policy.boot_values.merge";
  EXPECT_EQ(conflict(With("name", "other")), kId);
  EXPECT_EQ(conflict(With("boot_path", "netboot")), kId);
  EXPECT_EQ(conflict(With("exit_boot_services", false)), kId);
  EXPECT_EQ(conflict(With("grub_commands", json::Array())), kId);
  EXPECT_EQ(conflict(With("secure_boot", json::Object{{"required", false}})), kId);
  EXPECT_EQ(conflict(With("firmware",
                          json::Array{json::Object{{"pcrs", json::Object{{"0", Hex256("0")}}}}})),
            kId);
}

}  // namespace
}  // namespace limequat::policy
