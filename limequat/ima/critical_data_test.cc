#include "limequat/ima/critical_data.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace limequat::ima {
namespace {

using namespace std::string_view_literals;

// Reads a buffer of this name. The views of the result are into `buffer`.
Result<std::optional<CriticalData>> Read(std::string_view name, std::string_view buffer) {
  const std::array<FieldValue, 1> fields = {{{.field = Field::kBuf, .bytes = AsBytes(buffer)}}};
  Entry entry;
  entry.path = name;
  entry.buffer = AsBytes(buffer);
  entry.fields = fields;
  return ParseCriticalData(entry);
}

std::string ErrorOf(std::string_view name, std::string_view buffer) {
  const auto read = Read(name, buffer);
  return read ? "none" : read.error().id;
}

TEST(CriticalData, SelinuxState) {
  const CriticalData data =
      Read("selinux-state", "initialized=1;enforcing=0;network_peer_controls=x;").value().value();
  EXPECT_EQ(data.kind, CriticalDataKind::kSelinuxState);
  ASSERT_EQ(data.state.size(), 3U);
  EXPECT_EQ(data.state[1].key, "enforcing");
  EXPECT_EQ(data.state[1].value, "0");
}

TEST(CriticalData, StatesThatDoNotFit) {
  for (const std::string_view state : {"a=1"sv, "a=1;b"sv, "a;"sv, "=1;"sv, "a=1;a=0;"sv, ";"sv}) {
    EXPECT_EQ(ErrorOf("selinux-state", state), "ima.critical_data") << state;
    EXPECT_EQ(ErrorOf("kexec_load", state), "ima.critical_data") << state;
  }
  std::string many;
  for (int i = 0; i < 256; ++i) many += "k" + std::to_string(i) + "=1;";
  EXPECT_EQ(ErrorOf("selinux-state", many), "none");
  EXPECT_EQ(ErrorOf("selinux-state", many + "x=1;"), "ima.critical_data");
}

TEST(CriticalData, PolicyHash) {
  const std::string hash(32, '\x90');
  EXPECT_EQ(Read("selinux-policy-hash", hash).value()->hash.size(), 32U);
  EXPECT_EQ(ErrorOf("selinux-policy-hash", std::string(31, 'x')), "ima.critical_data");
}

TEST(CriticalData, Texts) {
  EXPECT_EQ(Read("kernel_version", "6.12.117\0"sv).value()->text, "6.12.117");
  EXPECT_EQ(Read("kexec-cmdline", "root=/dev/vda ro").value()->text, "root=/dev/vda ro");
  EXPECT_EQ(ErrorOf("kexec-cmdline", "a\0b"sv), "ima.critical_data");
}

TEST(CriticalData, OtherNamesAndFiles) {
  EXPECT_FALSE(Read("anything", "x").value());
  Entry file;
  file.path = "kernel_version";
  EXPECT_FALSE(ParseCriticalData(file).value());
  EXPECT_EQ(CriticalDataName(CriticalDataKind::kImaKexec), "ima-kexec");
}

}  // namespace
}  // namespace limequat::ima
