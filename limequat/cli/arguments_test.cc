#include "limequat/cli/arguments.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/cli/usage.h"

namespace limequat::cli {
namespace {

template <class T>
void ExpectUsageError(const Result<T>& result, std::string_view text) {
  ASSERT_FALSE(result) << text;
  EXPECT_EQ(result.error().id, kUsageId) << text;
  EXPECT_EQ(StatusOf(result.error()), 2) << text;
}

TEST(Arguments, TextIsNeverEmptyAndHoldsNoNul) {
  EXPECT_EQ(*ParseText("-"), "-");
  ExpectUsageError(ParseText(""), "");
  ExpectUsageError(ParseText(std::string_view("a\0b", 3)), "NUL");
}

TEST(Arguments, NamesOfAgentsPoliciesAndLabelsAreIdentifiers) {
  EXPECT_EQ(*ParseAgentId("web-1"), "web-1");
  EXPECT_EQ(*ParsePolicyName("base.2"), "base.2");
  EXPECT_EQ(*ParseLabelName("web_1"), "web_1");
  for (const char* text : {"", "..", "a/b", "a b", "a\n"}) {
    ExpectUsageError(ParseAgentId(text), text);
    ExpectUsageError(ParsePolicyName(text), text);
    ExpectUsageError(ParseLabelName(text), text);
  }
}

TEST(Arguments, HostIsANameOrAnAddress) {
  const std::string label(63, 'a');
  for (const std::string& good :
       {std::string("localhost"), std::string("a.b-c.example"), std::string("192.0.2.7"),
        std::string("2001:db8::1"), std::string("0a.example"), label}) {
    EXPECT_TRUE(ParseHost(good)) << good;
  }
  const std::string long_name = label + '.' + label + '.' + label + '.' + label + ".x";
  for (const std::string& bad :
       {std::string(), std::string("-a"), std::string("a-"), std::string("a..b"), std::string("a."),
        std::string("a_b"), std::string("a b"), std::string("a\"\nlab = true"),
        std::string("300.1.1.1"), std::string("1.2.3"), std::string("1::2::3"),
        std::string("[::1]"), std::string("é"), label + "a", long_name}) {
    ExpectUsageError(ParseHost(bad), bad);
  }
}

TEST(Arguments, AddressIsNotAName) {
  EXPECT_TRUE(ParseAddress("0.0.0.0"));
  EXPECT_TRUE(ParseAddress("::"));
  ExpectUsageError(ParseAddress("localhost"), "localhost");
  ExpectUsageError(ParseAddress(std::string_view("0.0.0.0\0x", 9)), "NUL");
}

TEST(Arguments, OperatorNameIsSafeInACertificate) {
  EXPECT_TRUE(ParseOperatorName("Jane Doe_2@site-a.example"));
  ExpectUsageError(ParseOperatorName(""), "");
  ExpectUsageError(ParseOperatorName(std::string(65, 'a')), "too long");
  for (const char* bad : {"a/CN=b", "a,b", "a\n", "é"})
    ExpectUsageError(ParseOperatorName(bad), bad);
}

TEST(Arguments, Numbers) {
  EXPECT_EQ(*ParsePort("65535"), 65535);
  EXPECT_EQ(*ParseIncidentNumber("9223372036854775807"), 9223372036854775807);
  for (const char* bad :
       {"", "0", "65536", "-1", "+1", "1 ", " 1", "0x10", "1e3", "99999999999999999999"}) {
    ExpectUsageError(ParsePort(bad), bad);
  }
  for (const char* bad : {"", "0", "-1", "9223372036854775808", "x"}) {
    ExpectUsageError(ParseIncidentNumber(bad), bad);
  }
}

TEST(Arguments, TimeIsRfc3339) {
  EXPECT_EQ(FormatRfc3339(*ParseTime("2026-11-25T09:00:00Z")), "2026-11-25T09:00:00Z");
  ExpectUsageError(ParseTime("yesterday"), "yesterday");
  ExpectUsageError(ParseTime(""), "");
}

// "" is the nonce of no bytes, not the absence of one: it must be compared.
TEST(Arguments, EmptyNonceIsANonce) {
  ASSERT_TRUE(ParseNonce(""));
  EXPECT_TRUE(ParseNonce("")->empty());
  EXPECT_EQ(*ParseNonce("00fF"), (Bytes{0x00, 0xff}));
  ExpectUsageError(ParseNonce("0"), "0");
  ExpectUsageError(ParseNonce("0x00"), "0x00");
}

TEST(Arguments, PcrSelection) {
  const auto selection = ParsePcrSelection("sha256:0-2,10+sha1:4");
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->size(), 2U);
  for (const char* bad : {"", "sha256", "sha256:", "sha256:24", "md5:1"}) {
    ExpectUsageError(ParsePcrSelection(bad), bad);
  }
}

TEST(Arguments, BankDigestHasTheSizeOfItsBank) {
  EXPECT_EQ(ParseBankDigest("sha1:" + std::string(40, 'a'))->hex(), std::string(40, 'a'));
  for (const std::string& bad : {std::string(), std::string("sha256"), std::string("sha256:"),
                                 "sha256:" + std::string(40, 'a'), "md5:" + std::string(32, 'a'),
                                 "sha256:" + std::string(64, 'g'), std::string(64, 'a')}) {
    ExpectUsageError(ParseBankDigest(bad), bad);
  }
}

TEST(Arguments, PcrNumbers) {
  EXPECT_EQ(ParsePcrNumbers("0-7,14")->ToString(), "0-7,14");
  ExpectUsageError(ParsePcrNumbers("24"), "24");
  ExpectUsageError(ParsePcrNumbers("x"), "x");
  ExpectUsageError(ParsePcrNumbers(""), "");
}

TEST(Arguments, TemplateName) {
  EXPECT_EQ(*ParseTemplateName("ima-ng"), "ima-ng");
  EXPECT_EQ(*ParseTemplateName("d-ng|n-ng"), "d-ng|n-ng");
  for (const char* bad : {"", "ima-", "IMA-NG", "d-ng|", "x|y"}) {
    ExpectUsageError(ParseTemplateName(bad), bad);
  }
}

TEST(Arguments, ImaFormat) {
  EXPECT_EQ(*ParseImaFormat("auto"), std::nullopt);
  EXPECT_EQ(*ParseImaFormat("ascii"), ima::Format::kAscii);
  EXPECT_EQ(*ParseImaFormat("binary"), ima::Format::kBinary);
  ExpectUsageError(ParseImaFormat("text"), "text");
}

TEST(Arguments, HostAndPort) {
  EXPECT_EQ(ParseHostAndPort("h.example:9002")->host, "h.example");
  EXPECT_EQ(ParseHostAndPort("h.example:9002")->port, 9002);
  EXPECT_EQ(ParseHostAndPort("[2001:db8::1]:80")->host, "2001:db8::1");
  for (const char* bad :
       {"", "h", "h:", ":1", "h:0", "2001:db8::1:80", "[h]:1", "[]:1", "[::1]", "h:1:2"}) {
    ExpectUsageError(ParseHostAndPort(bad), bad);
  }
}

// What somebody typed, or a script put there, appears in the message.
TEST(Arguments, MessagesAreSafeToShow) {
  const auto port = ParsePort("1\x1b[2J");
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().message.find('\x1b'), std::string::npos);
}

TEST(Usage, StandardInputIsReadOnce) {
  EXPECT_TRUE(CheckOneStandardInput({"-", "a", ""}));
  const Status twice = CheckOneStandardInput({"-", "a", "-"});
  ASSERT_FALSE(twice);
  EXPECT_EQ(StatusOf(twice.error()), 2);
}

}  // namespace
}  // namespace limequat::cli
