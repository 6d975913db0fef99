#include "limequat/ima/list.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/testing/list_parts.h"

namespace limequat::ima {
namespace {

using testing::DigestField;
using ::testing::HasSubstr;
using testing::kFileDigest;
using testing::kTemplateDigest;
using testing::Line;
using testing::NameField;
using testing::TemplateData;

Line SigLine(std::string_view signature) {
  return {.name = "ima-sig",
          .fields = "sha256:" + kFileDigest + " /bin/sig " + std::string(signature)};
}

Bytes GoodData() {
  return TemplateData({DigestField("sha256", Bytes(32, 0xaa)), NameField("/usr/bin/true")});
}

// One binary record, in parts that a test can exchange.
struct Record {
  std::uint32_t pcr = 10;
  Bytes digest = Bytes(20, 0x11);
  std::string name = "ima-ng";
  Bytes data = GoodData();

  Bytes bytes() const {
    ByteWriter out;
    out.U32Le(pcr).Raw(digest).SizedU32Le(AsBytes(name)).SizedU32Le(data);
    return out.Take();
  }
};

Result<std::optional<Entry>> First(ByteView list, Format format) {
  return ListReader(list, format).Next();
}

// The identifier of the error that the first record gives; "" if there is none.
std::string AsciiError(std::string_view text) {
  const auto entry = First(AsBytes(text), Format::kAscii);
  return entry ? "" : entry.error().id;
}
std::string BinaryError(ByteView bytes) {
  const auto entry = First(bytes, Format::kBinary);
  return entry ? "" : entry.error().id;
}

TEST(ListFormat, IsDetected) {
  EXPECT_EQ(DetectFormat({}), Format::kAscii);
  EXPECT_EQ(DetectFormat(AsBytes(Line().text())), Format::kAscii);
  EXPECT_EQ(DetectFormat(Record().bytes()), Format::kBinary);
  EXPECT_EQ(FormatName(Format::kAscii), "ascii");
  EXPECT_EQ(FormatName(Format::kBinary), "binary");
}

TEST(AsciiList, EmptyHasNoRecords) {
  ListReader reader({}, Format::kAscii);
  const auto entry = reader.Next();
  ASSERT_TRUE(entry);
  EXPECT_FALSE(entry->has_value());
}

TEST(AsciiList, ImaNg) {
  const std::string text = Line().text();
  ListReader reader(AsBytes(text), Format::kAscii);
  const auto next = reader.Next();
  ASSERT_TRUE(next && *next);
  const Entry& entry = **next;
  EXPECT_EQ(entry.index, 0U);
  EXPECT_EQ(entry.pcr, 10U);
  EXPECT_EQ(HexEncode(entry.template_digest), kTemplateDigest);
  EXPECT_EQ(entry.template_name, "ima-ng");
  EXPECT_EQ(entry.digest_algorithm, "sha256");
  EXPECT_EQ(HexEncode(entry.file_digest), kFileDigest);
  EXPECT_EQ(entry.path, "/usr/bin/true");
  EXPECT_TRUE(entry.signature.empty());
  EXPECT_FALSE(entry.violation);
  EXPECT_EQ(HexEncode(entry.template_data), HexEncode(GoodData()));
  EXPECT_EQ(reader.index(), 1U);
  EXPECT_EQ(reader.offset(), text.size());
}

TEST(AsciiList, ImaSig) {
  const std::string text = SigLine("030204").text();
  ListReader reader(AsBytes(text), Format::kAscii);
  const auto next = reader.Next();
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((*next)->path, "/bin/sig");
  EXPECT_EQ(HexEncode((*next)->signature), "030204");
  EXPECT_EQ(HexEncode((*next)->template_data),
            HexEncode(TemplateData(
                {DigestField("sha256", Bytes(32, 0xaa)), NameField("/bin/sig"), {3, 2, 4}})));
}

TEST(AsciiList, AbsentSignatureIsAnEmptyFieldBehindABlank) {
  const std::string text = SigLine("").text();
  ListReader reader(AsBytes(text), Format::kAscii);
  const auto next = reader.Next();
  ASSERT_TRUE(next && *next);
  EXPECT_TRUE((*next)->signature.empty());
  EXPECT_EQ(
      HexEncode((*next)->template_data),
      HexEncode(TemplateData({DigestField("sha256", Bytes(32, 0xaa)), NameField("/bin/sig"), {}})));

  Line without_blank = SigLine("");
  without_blank.fields.pop_back();
  EXPECT_EQ(AsciiError(without_blank.text()), "ima.ascii.fields");
}

TEST(AsciiList, AnyAlgorithmIsCarriedByName) {
  for (const auto& [algorithm, digits] :
       {std::pair("md5", 32), std::pair("sm3_256", 64), std::pair("sha3-512", 128)}) {
    const std::string text =
        Line{.fields = std::string(algorithm) + ":" +
                       std::string(static_cast<std::size_t>(digits), 'c') + " /x"}
            .text();
    ListReader reader(AsBytes(text), Format::kAscii);
    const auto next = reader.Next();
    ASSERT_TRUE(next && *next) << algorithm;
    EXPECT_EQ((*next)->digest_algorithm, algorithm);
  }
}

// The type of a digest in front of its algorithm is any name, also that of an algorithm.
TEST(AsciiList, ATypeWithTheNameOfAnAlgorithm) {
  const std::string text =
      Line{.name = "ima-ngv2", .fields = "sha256:sha256:" + kFileDigest + " /x"}.text();
  ListReader reader(AsBytes(text), Format::kAscii);
  const auto next = reader.Next();
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((*next)->digest_type, "sha256");
  EXPECT_EQ((*next)->digest_algorithm, "sha256");
  EXPECT_EQ((*next)->file_digest.size(), 32U);
}

TEST(AsciiList, TemplateDigestsOfAllBanks) {
  for (const std::size_t size : {20U, 32U, 48U, 64U}) {
    EXPECT_EQ(AsciiError(Line{.digest = std::string(2 * size, 'f')}.text()), "") << size;
  }
  for (const std::size_t digits : {0U, 2U, 32U, 38U, 41U, 42U, 66U, 130U}) {
    EXPECT_EQ(AsciiError(Line{.digest = std::string(digits, 'f')}.text()),
              "ima.ascii.template_digest")
        << digits;
  }
  EXPECT_EQ(AsciiError(Line{.digest = "g" + std::string(39, 'f')}.text()),
            "ima.ascii.template_digest");
}

TEST(AsciiList, ZeroTemplateDigestIsAViolation) {
  const std::string text = Line{.digest = std::string(40, '0')}.text() +
                           Line{.digest = std::string(39, '0') + "1"}.text();
  ListReader reader(AsBytes(text), Format::kAscii);
  const auto first = reader.Next();
  ASSERT_TRUE(first && *first);
  EXPECT_TRUE((*first)->violation);
  const auto second = reader.Next();
  ASSERT_TRUE(second && *second);
  EXPECT_FALSE((*second)->violation);
}

TEST(AsciiList, PcrNumbers) {
  EXPECT_EQ(AsciiError(Line{.pcr = " 8"}.text()), "");
  EXPECT_EQ(AsciiError(Line{.pcr = "23"}.text()), "");
  for (const std::string_view pcr :
       {"", "24", "010", "08", "-1", "1a", "a", "  8", "100", "line"}) {
    EXPECT_EQ(AsciiError(Line{.pcr = std::string(pcr)}.text()), "ima.ascii.pcr") << pcr;
  }
}

TEST(AsciiList, FileDigests) {
  const auto error = [](const std::string& digest) {
    return AsciiError(Line{.fields = digest + " /x"}.text());
  };
  EXPECT_EQ(error("sha512:" + std::string(128, 'a')), "");
  EXPECT_EQ(error(kFileDigest), "ima.ascii.file_digest");              // no algorithm
  EXPECT_EQ(error(":" + kFileDigest), "ima.ascii.file_digest");        // an empty one
  EXPECT_EQ(error("SHA256:" + kFileDigest), "ima.ascii.file_digest");  // kernels write lower case
  EXPECT_EQ(error("ima:sha256:" + kFileDigest), "ima.ascii.file_digest");
  EXPECT_EQ(error(std::string(33, 'x') + ":" + kFileDigest), "ima.ascii.file_digest");
  EXPECT_EQ(error("sha256:"), "ima.ascii.file_digest");
  EXPECT_EQ(error("sha256:" + std::string(62, 'a')), "ima.ascii.file_digest");
  EXPECT_EQ(error("unknown:" + std::string(128, 'a')), "");
  EXPECT_EQ(error("unknown:" + std::string(130, 'a')), "ima.ascii.file_digest");
  EXPECT_EQ(error("sha256:abc"), "ima.ascii.file_digest");
  EXPECT_EQ(error("sha256:zz"), "ima.ascii.file_digest");
}

TEST(AsciiList, TooFewFields) {
  EXPECT_EQ(AsciiError("10 " + kTemplateDigest + "\n"), "ima.ascii.fields");
  EXPECT_EQ(AsciiError("10 " + kTemplateDigest + " ima-ng\n"), "ima.ascii.fields");
  EXPECT_EQ(AsciiError("10 " + kTemplateDigest + " ima-ng sha256:" + kFileDigest + "\n"),
            "ima.ascii.fields");
  EXPECT_EQ(AsciiError("10\n"), "ima.ascii.pcr");
}

// Kernels write '_' for a blank in a name; should one not, the fields around it still
// say where the name begins and ends.
TEST(AsciiList, BlanksBelongToTheOnlyName) {
  const auto path = [](const Line& line) {
    const std::string text = line.text();
    ListReader reader(AsBytes(text), Format::kAscii);
    const auto next = reader.Next();
    return next && *next ? std::string((*next)->path) : next.error().id;
  };
  const std::string digest = "sha256:" + kFileDigest;
  EXPECT_EQ(path({.fields = digest + " /a b"}), "/a b");
  EXPECT_EQ(path({.fields = digest + " /a "}), "/a ");
  EXPECT_EQ(path({.fields = digest + "  "}), " ");
  EXPECT_EQ(path(SigLine("03 04")), "/bin/sig 03");
  EXPECT_EQ(path({.name = "n-ng|d-ng", .fields = "/a b " + digest}), "/a b");
}

TEST(AsciiList, BlanksBetweenTwoNamesAreNotGuessed) {
  EXPECT_EQ(AsciiError(Line{.name = "n|sig|n-ng", .fields = "/a 03 /b"}.text()), "");
  EXPECT_EQ(AsciiError(Line{.name = "n|sig|n-ng", .fields = "/a 03 /b "}.text()),
            "ima.ascii.ambiguous");
  EXPECT_EQ(AsciiError(Line{.name = "n|n-ng", .fields = "/a b /b"}.text()), "ima.ascii.ambiguous");
  EXPECT_EQ(AsciiError(Line{.name = "n|n-ng", .fields = "/a"}.text()), "ima.ascii.fields");
}

TEST(AsciiList, NulInsideANameIsRefused) {
  EXPECT_EQ(
      AsciiError(
          Line{.fields = "sha256:" + kFileDigest + " /a" + std::string(1, '\0') + "b"}.text()),
      "ima.ascii.path");
}

TEST(AsciiList, SignatureMustBeHexadecimal) {
  EXPECT_EQ(AsciiError(SigLine("0").text()), "ima.ascii.signature");
  EXPECT_EQ(AsciiError(SigLine("0x").text()), "ima.ascii.signature");
}

TEST(AsciiList, LimitOfARecord) {
  const std::string fits(kMaxTemplateData - 200, 'n');
  EXPECT_EQ(AsciiError(Line{.fields = "sha256:" + kFileDigest + " " + fits}.text()), "");
  const std::string too_long(kMaxTemplateData, 'n');
  EXPECT_EQ(AsciiError(Line{.fields = "sha256:" + kFileDigest + " " + too_long}.text()),
            "ima.ascii.length");
  EXPECT_EQ(AsciiError(std::string(2 * kMaxTemplateData + 1, 'n') + "\n"), "ima.ascii.length");
}

TEST(AsciiList, LastLineWithoutLineFeedIsTruncated) {
  std::string text = Line().text() + Line().text();
  text.pop_back();
  ListReader reader(AsBytes(text), Format::kAscii);
  ASSERT_TRUE(reader.Next());
  const auto second = reader.Next();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().id, "ima.truncated");
  EXPECT_EQ(second.error().code, ErrorCode::kMalformed);
}

TEST(AsciiList, OtherTemplatesAreUnsupportedByName) {
  const auto entry = First(AsBytes(Line{.name = "not-ima"}.text()), Format::kAscii);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(entry.error().id, "ima.template");
  EXPECT_THAT(entry.error().message, HasSubstr("not-ima"));
}

TEST(AsciiList, Attack_A15_TemplateNameIsEscapedInMessages) {
  const auto entry = First(AsBytes(Line{.name = "ev\x1b[31mil"}.text()), Format::kAscii);
  ASSERT_FALSE(entry);
  EXPECT_THAT(entry.error().message, HasSubstr("ev\\x1b[31mil"));
}

TEST(ListReader, ErrorsNameTheRecordAndStay) {
  const std::string good = Line().text();
  const std::string text = good + "nonsense\n" + good;
  ListReader reader(AsBytes(text), Format::kAscii);
  reader.NumberFrom(40);
  const auto first = reader.Next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->index, 40U);
  for (int again = 0; again < 2; ++again) {
    const auto second = reader.Next();
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message,
                HasSubstr("record 41 at offset " + std::to_string(good.size())));
  }
  EXPECT_EQ(reader.index(), 1U);
  EXPECT_EQ(reader.offset(), good.size());
}

TEST(BinaryList, ImaNg) {
  const Bytes list = Record().bytes();
  ListReader reader(list, Format::kBinary);
  const auto next = reader.Next();
  ASSERT_TRUE(next && *next);
  const Entry& entry = **next;
  EXPECT_EQ(entry.pcr, 10U);
  EXPECT_EQ(HexEncode(entry.template_digest), kTemplateDigest);
  EXPECT_EQ(entry.template_name, "ima-ng");
  EXPECT_EQ(entry.digest_algorithm, "sha256");
  EXPECT_EQ(HexEncode(entry.file_digest), kFileDigest);
  EXPECT_EQ(entry.path, "/usr/bin/true");
  EXPECT_EQ(HexEncode(entry.template_data), HexEncode(GoodData()));
  EXPECT_EQ(reader.offset(), list.size());
  const auto end = reader.Next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST(BinaryList, ImaSig) {
  const Bytes list =
      Record{
          .name = "ima-sig",
          .data = TemplateData({DigestField("sha1", Bytes(20, 1)), NameField("/a b\nc"), {3, 2}})}
          .bytes();
  ListReader reader(list, Format::kBinary);
  const auto next = reader.Next();
  ASSERT_TRUE(next && *next);
  // The binary form knows where a name ends, whatever is in it.
  EXPECT_EQ((*next)->path, "/a b\nc");
  EXPECT_EQ(HexEncode((*next)->signature), "0302");
}

TEST(BinaryList, DigestSizeComesFromTheFirstRecord) {
  using crypto::HashAlgorithm;
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    Record record;
    record.digest = ToBytes(crypto::Hash(hash, record.data).bytes());
    Bytes list = record.bytes();
    Append(list, record.bytes());
    ListReader reader(list, Format::kBinary);
    for (int i = 0; i < 2; ++i) {
      const auto next = reader.Next();
      ASSERT_TRUE(next && *next) << crypto::HashName(hash);
      EXPECT_EQ(Bytes((*next)->template_digest.begin(), (*next)->template_digest.end()),
                record.digest);
    }
  }
}

// One kernel wrote the list: its records do not change their form on the way.
TEST(BinaryList, DigestSizeIsTakenOnce) {
  Bytes list = Record().bytes();
  Append(list, Record{.digest = Bytes(32, 0x11)}.bytes());
  ListReader reader(list, Format::kBinary);
  const auto first = reader.Next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->template_digest.size(), 20U);
  EXPECT_FALSE(reader.Next());
}

TEST(BinaryList, DigestSizeOfAListThatBeginsWithAViolation) {
  for (const std::size_t size : {20U, 32U, 48U, 64U}) {
    const Bytes list = Record{.digest = Bytes(size, 0)}.bytes();
    ListReader reader(list, Format::kBinary);
    const auto next = reader.Next();
    ASSERT_TRUE(next && *next) << size;
    EXPECT_EQ((*next)->template_digest.size(), size);
    EXPECT_TRUE((*next)->violation);
  }
}

TEST(BinaryList, CutAnywhereIsTruncated) {
  const Bytes list = Record().bytes();
  for (std::size_t size = 1; size < list.size(); ++size) {
    EXPECT_EQ(BinaryError(ByteView(list).first(size)), "ima.truncated") << size;
  }
}

TEST(BinaryList, TrailingByteIsTruncatedRecord) {
  Bytes list = Record().bytes();
  list.push_back(0x0a);
  ListReader reader(list, Format::kBinary);
  ASSERT_TRUE(reader.Next());
  const auto second = reader.Next();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().id, "ima.truncated");
}

TEST(BinaryList, PcrNumbers) {
  EXPECT_EQ(BinaryError(Record{.pcr = 23}.bytes()), "");
  EXPECT_EQ(BinaryError(Record{.pcr = 24}.bytes()), "ima.binary.pcr");
  EXPECT_EQ(BinaryError(Record{.pcr = 0x18000000}.bytes()), "ima.binary.pcr");
  const auto big_endian = First(Record{.pcr = 0x0a000000}.bytes(), Format::kBinary);
  ASSERT_FALSE(big_endian);
  EXPECT_EQ(big_endian.error().id, "ima.binary.big_endian");
  EXPECT_EQ(big_endian.error().code, ErrorCode::kUnsupported);
}

TEST(BinaryList, TemplateNames) {
  EXPECT_EQ(BinaryError(Record{.name = ""}.bytes()), "ima.binary.template_name");
  EXPECT_EQ(BinaryError(Record{.name = std::string(255, 'x')}.bytes()), "ima.template");
  EXPECT_EQ(BinaryError(Record{.name = std::string(256, 'x')}.bytes()), "ima.binary.template_name");
  EXPECT_EQ(BinaryError(Record{.name = "ima ng"}.bytes()), "ima.binary.template_name");
  EXPECT_EQ(BinaryError(Record{.name = "ima\x7f"}.bytes()), "ima.binary.template_name");
  EXPECT_EQ(BinaryError(Record{.name = "ima-ng3"}.bytes()), "ima.template");
  ByteWriter huge;
  huge.U32Le(10).Zeros(20).U32Le(0xffffffffU).Zeros(64);
  EXPECT_EQ(BinaryError(huge.bytes()), "ima.binary.template_name");
}

TEST(BinaryList, LimitOfARecord) {
  ByteWriter huge;
  huge.U32Le(10)
      .Raw(Bytes(20, 1))
      .SizedU32Le(AsBytes("ima-ng"))
      .U32Le(kMaxTemplateData + 1)
      .Zeros(64);
  EXPECT_EQ(BinaryError(huge.bytes()), "ima.binary.length");
}

TEST(BinaryList, DigestFields) {
  const auto error = [](const Bytes& field) {
    return BinaryError(Record{.data = TemplateData({field, NameField("/x")})}.bytes());
  };
  EXPECT_EQ(error(DigestField("unknown", Bytes(64, 1))), "");
  EXPECT_EQ(error(DigestField("unknown", Bytes(65, 1))), "ima.binary.file_digest");
  EXPECT_EQ(error(DigestField("sha256", {})), "ima.binary.file_digest");
  EXPECT_EQ(error(DigestField("", Bytes(32, 1))), "ima.binary.file_digest");
  EXPECT_EQ(error(DigestField("ima:sha256", Bytes(32, 1))), "ima.binary.file_digest");
  EXPECT_EQ(error(ToBytes("sha256:")), "ima.binary.file_digest");
  EXPECT_EQ(error(ToBytes("sha256:xx")), "ima.binary.file_digest");
  EXPECT_EQ(error(ToBytes("sha256")), "ima.binary.file_digest");
}

TEST(BinaryList, NameFields) {
  const auto error = [](const Bytes& field) {
    return BinaryError(
        Record{.data = TemplateData({DigestField("sha1", Bytes(20, 1)), field})}.bytes());
  };
  EXPECT_EQ(error(NameField("")), "");
  EXPECT_EQ(error({}), "ima.binary.path");
  EXPECT_EQ(error(ToBytes("/x")), "ima.binary.path");
  EXPECT_EQ(error(NameField(std::string_view("/x\0y", 4))), "ima.binary.path");
}

TEST(BinaryList, TemplateDataIsConsumedExactly) {
  const Bytes digest = DigestField("sha1", Bytes(20, 1));
  const Bytes name = NameField("/x");
  EXPECT_EQ(BinaryError(Record{.data = {}}.bytes()), "ima.binary.template_data");
  EXPECT_EQ(BinaryError(Record{.data = TemplateData({digest})}.bytes()),
            "ima.binary.template_data");
  EXPECT_EQ(BinaryError(Record{.data = TemplateData({digest, name, {}})}.bytes()),
            "ima.binary.template_data");
  EXPECT_EQ(BinaryError(Record{.name = "ima-sig", .data = TemplateData({digest, name})}.bytes()),
            "ima.binary.template_data");
  EXPECT_EQ(
      BinaryError(Record{.name = "ima-sig", .data = TemplateData({digest, name, {}})}.bytes()), "");
  EXPECT_EQ(
      BinaryError(Record{.name = "ima-sig", .data = TemplateData({digest, name, {}, {}})}.bytes()),
      "ima.binary.template_data");
  // A field that claims more than there is.
  Bytes data = TemplateData({digest, name});
  data[0] = 0xff;
  EXPECT_EQ(BinaryError(Record{.data = data}.bytes()), "ima.binary.template_data");
}

TEST(ListReader, AsciiAndBinaryAgree) {
  const std::string text = SigLine("0302").text();
  const Bytes binary =
      Record{.name = "ima-sig",
             .data = TemplateData(
                 {DigestField("sha256", Bytes(32, 0xaa)), NameField("/bin/sig"), {3, 2}})}
          .bytes();
  ListReader ascii_reader(AsBytes(text), Format::kAscii);
  ListReader binary_reader(binary, Format::kBinary);
  const auto a = ascii_reader.Next();
  const auto b = binary_reader.Next();
  ASSERT_TRUE(a && *a && b && *b);
  EXPECT_TRUE(Equal((*a)->template_data, (*b)->template_data));
  EXPECT_TRUE(Equal((*a)->template_digest, (*b)->template_digest));
  EXPECT_EQ((*a)->path, (*b)->path);
}

}  // namespace
}  // namespace limequat::ima
