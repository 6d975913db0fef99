#include "limequat/ima/template.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/template_data.h"
#include "limequat/ima/testing/write_list.h"

namespace limequat::ima {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Bytes Text(std::string_view text) {
  Bytes bytes = ToBytes(text);
  bytes.push_back(0);
  return bytes;
}
Bytes Digest(std::string_view name, std::size_t size, std::uint8_t fill = 0xaa) {
  Bytes bytes = Text(std::string(name) + ":");
  Append(bytes, Bytes(size, fill));
  return bytes;
}

// A binary record with a right SHA-1 template digest.
Bytes Record(std::string_view name, const std::vector<Bytes>& fields, bool violation = false) {
  ByteWriter data;
  for (const Bytes& field : fields) data.SizedU32Le(field);
  const auto digest = crypto::Hash(crypto::HashAlgorithm::kSha1, data.bytes());
  ByteWriter record;
  record.U32Le(10);
  if (violation) {
    record.Zeros(20);
  } else {
    record.Raw(digest.bytes());
  }
  record.SizedU32Le(AsBytes(name)).SizedU32Le(data.bytes());
  return record.Take();
}

// "" if the list can be read, or the identifier of its error.
std::string ErrorOf(ByteView list, Format format) {
  ListReader reader(list, format);
  while (true) {
    const auto next = reader.Next();
    if (!next) return next.error().id;
    if (!*next) return "";
  }
}
std::string ErrorOf(std::string_view name, const std::vector<Bytes>& fields) {
  return ErrorOf(Record(name, fields), Format::kBinary);
}
std::string AsciiError(const std::string& rest) {
  return ErrorOf(AsBytes("10 " + std::string(40, '1') + " " + rest + "\n"), Format::kAscii);
}

// Reads `record`, calls `look`, and reads the ASCII form of the entry, which must give
// the same.
template <class Look>
void ReadBothForms(const Bytes& record, Look look) {
  ListReader reader(record, Format::kBinary);
  const auto next = reader.Next();
  ASSERT_TRUE(next && *next);
  EXPECT_EQ(testing::BinaryForm(**next), record);
  look(**next);
  const std::string line = testing::AsciiForm(**next);
  ListReader ascii(AsBytes(line), Format::kAscii);
  const auto same = ascii.Next();
  ASSERT_TRUE(same && *same) << line;
  EXPECT_EQ(HexEncode((*same)->template_data), HexEncode((*next)->template_data));
  EXPECT_EQ((*same)->violation, (*next)->violation);
  EXPECT_EQ(testing::AsciiForm(**same), line);
  look(**same);
}

TEST(Template, KernelTemplates) {
  for (const auto& [name, fields] :
       std::vector<std::pair<std::string_view, std::size_t>>{{"ima", 2},
                                                             {"ima-ng", 2},
                                                             {"ima-sig", 3},
                                                             {"ima-buf", 3},
                                                             {"ima-ngv2", 2},
                                                             {"ima-sigv2", 3},
                                                             {"ima-modsig", 5},
                                                             {"evm-sig", 9}}) {
    const auto read = Template::FromName(name);
    ASSERT_TRUE(read) << name;
    EXPECT_EQ(read->fields().size(), fields) << name;
    EXPECT_EQ(read->is_legacy(), name == "ima");
  }
}

TEST(Template, CustomOnesAreTheirFields) {
  const auto read = Template::FromName("n-ng|sig|d-ng");
  ASSERT_TRUE(read);
  EXPECT_THAT(read->fields(), ElementsAre(Field::kNNg, Field::kSig, Field::kDNg));
  EXPECT_TRUE(read->Has(Field::kSig));
  EXPECT_FALSE(read->Has(Field::kBuf));
  EXPECT_FALSE(Template::FromName("d|n")->is_legacy());
  // Every field by its name.
  for (int i = 0; i <= static_cast<int>(Field::kMode); ++i) {
    const auto one = Template::FromName(FieldName(static_cast<Field>(i)));
    ASSERT_TRUE(one) << i;
    EXPECT_THAT(one->fields(), ElementsAre(static_cast<Field>(i)));
  }
}

TEST(Template, OthersAreUnsupportedByName) {
  for (const std::string_view name : {"", "not-ima", "d-ng|", "|d-ng", "d-ng||n-ng", "d-ng|x",
                                      "IMA-NG", "ima-ng2", "ima|ima-ng"}) {
    const auto read = Template::FromName(name);
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(read.error().id, "ima.template");
    EXPECT_THAT(read.error().message, HasSubstr("'" + std::string(name) + "'"));
  }
  EXPECT_EQ(AsciiError(" ima-ng sha1:" + std::string(40, 'a') + " /x"), "ima.template");
}

TEST(Template, NumberOfFieldsIsBounded) {
  std::string name = "n-ng";
  for (std::size_t i = 1; i < kMaxFields; ++i) name += "|n-ng";
  EXPECT_TRUE(Template::FromName(name));
  EXPECT_FALSE(Template::FromName(name + "|n-ng"));
}

TEST(Fields, ImaNgv2SaysWhatTheDigestIsOf) {
  for (const std::string& type : {std::string("ima"), std::string("verity")}) {
    ReadBothForms(Record("ima-ngv2", {Digest(type + ":sha256", 32), Text("/x")}),
                  [&](const Entry& entry) {
                    EXPECT_EQ(entry.digest_type, type);
                    EXPECT_EQ(entry.digest_algorithm, "sha256");
                    EXPECT_EQ(HexEncode(entry.file_digest), HexEncode(Bytes(32, 0xaa)));
                    EXPECT_EQ(entry.path, "/x");
                  });
  }
  EXPECT_EQ(ErrorOf("ima-ngv2", {Digest("sha256", 32), Text("/x")}), "ima.binary.file_digest");
  EXPECT_EQ(ErrorOf("ima-ngv2", {Digest(":sha256", 32), Text("/x")}), "ima.binary.file_digest");
  EXPECT_EQ(ErrorOf("ima-ngv2", {Digest("a:ima:sha256", 32), Text("/x")}),
            "ima.binary.file_digest");
  EXPECT_EQ(AsciiError("ima-ngv2 sha256:" + std::string(64, 'a') + " /x"), "ima.ascii.file_digest");
}

TEST(Fields, ImaSigv2) {
  ReadBothForms(Record("ima-sigv2", {Digest("verity:sha512", 64), Text("/x"), {6, 3}}),
                [](const Entry& entry) {
                  EXPECT_EQ(entry.digest_type, "verity");
                  EXPECT_EQ(HexEncode(entry.signature), "0603");
                });
}

TEST(Fields, ImaBuf) {
  ReadBothForms(Record("ima-buf", {Digest("sha256", 32), Text(".ima"), {1, 2, 3}}),
                [](const Entry& entry) {
                  EXPECT_EQ(entry.path, ".ima");
                  EXPECT_EQ(HexEncode(entry.buffer), "010203");
                  EXPECT_TRUE(entry.signature.empty());
                });
  EXPECT_EQ(AsciiError("ima-buf sha1:" + std::string(40, 'a') + " x 0g"), "ima.ascii.buffer");
}

TEST(Fields, ImaModsig) {
  ReadBothForms(
      Record("ima-modsig",
             {Digest("sha256", 32), Text("/m.ko"), {3}, Digest("sha1", 20, 0xbb), {9, 8}}),
      [](const Entry& entry) {
        ASSERT_NE(entry.Find(Field::kDModsig), nullptr);
        const NamedDigest digest = DigestOf(*entry.Find(Field::kDModsig));
        EXPECT_EQ(digest.algorithm, "sha1");
        EXPECT_EQ(HexEncode(digest.digest), HexEncode(Bytes(20, 0xbb)));
        EXPECT_EQ(HexEncode(entry.Find(Field::kModsig)->bytes), "0908");
        // The digest of the file is the other one.
        EXPECT_EQ(entry.digest_algorithm, "sha256");
      });
  ReadBothForms(Record("ima-modsig", {Digest("sha256", 32), Text("/m.ko"), {}, {}, {}}),
                [](const Entry& entry) {
                  EXPECT_TRUE(DigestOf(*entry.Find(Field::kDModsig)).algorithm.empty());
                });
  EXPECT_EQ(ErrorOf("ima-modsig", {Digest("sha256", 32), Text("/m.ko"), {}, Text("sha1"), {}}),
            "ima.binary.modsig_digest");
}

TEST(Fields, EvmSig) {
  const std::vector<Bytes> fields = {Digest("sha256", 32),
                                     Text("/f"),
                                     {5, 2},
                                     Text("security.ima|security.selinux"),
                                     {2, 0, 0, 0, 1, 0, 0, 0},
                                     {7, 8, 9},
                                     {0xe8, 3, 0, 0},
                                     {0, 0, 0, 1},
                                     {0xa4, 0x81}};
  ReadBothForms(Record("evm-sig", fields), [&](const Entry& entry) {
    ASSERT_EQ(entry.fields.size(), fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      EXPECT_EQ(HexEncode(entry.fields[i].bytes), HexEncode(fields[i])) << i;
    }
    EXPECT_TRUE(entry.signature.empty());
  });
  // Nothing is known of an owner or of attributes, as for boot_aggregate.
  ReadBothForms(Record("evm-sig", {fields[0], fields[1], {}, {}, {}, {}, {}, {}, {}}),
                [](const Entry& entry) { EXPECT_EQ(entry.path, "/f"); });
  const auto with = [&](std::size_t at, Bytes field) {
    std::vector<Bytes> changed = fields;
    changed[at] = std::move(field);
    return ErrorOf("evm-sig", changed);
  };
  EXPECT_EQ(with(3, ToBytes("no NUL")), "ima.binary.xattrs");
  EXPECT_EQ(with(4, {1, 0, 0}), "ima.binary.xattrs");
  EXPECT_EQ(with(6, {1, 0}), "ima.binary.owner");
  EXPECT_EQ(with(7, {1, 0, 0, 0, 0}), "ima.binary.owner");
  EXPECT_EQ(with(8, {1, 0, 0, 0}), "ima.binary.owner");
}

TEST(Fields, NumbersInAscii) {
  const auto error = [](const std::string& uid, const std::string& mode) {
    return AsciiError("iuid|imode " + uid + " " + mode);
  };
  EXPECT_EQ(error("4294967295", "65535"), "");
  EXPECT_EQ(error("", ""), "");
  EXPECT_EQ(error("0", "0"), "");
  EXPECT_EQ(error("4294967296", "0"), "ima.ascii.owner");
  EXPECT_EQ(error("0", "65536"), "ima.ascii.owner");
  EXPECT_EQ(error("00", "0"), "ima.ascii.owner");
  EXPECT_EQ(error("-1", "0"), "ima.ascii.owner");
  EXPECT_EQ(error("1x", "0"), "ima.ascii.owner");
}

TEST(Fields, CustomTemplates) {
  ReadBothForms(Record("n-ng|sig|d-ng", {Text("/x"), {3}, Digest("sha1", 20)}),
                [](const Entry& entry) {
                  EXPECT_EQ(entry.template_name, "n-ng|sig|d-ng");
                  EXPECT_EQ(entry.path, "/x");
                  EXPECT_EQ(entry.digest_algorithm, "sha1");
                  EXPECT_EQ(HexEncode(entry.signature), "03");
                });
  ReadBothForms(Record("d-ng|sig", {Digest("sha1", 20), {}}), [](const Entry& entry) {
    EXPECT_TRUE(entry.path.empty());
    EXPECT_EQ(entry.Find(Field::kNNg), nullptr);
  });
  ReadBothForms(Record("sig", {{}}), [](const Entry& entry) {
    EXPECT_TRUE(entry.file_digest.empty());
    EXPECT_TRUE(entry.digest_algorithm.empty());
  });
  EXPECT_EQ(AsciiError("sig 03 04"), "ima.ascii.fields");
}

TEST(Fields, OfTwoDigestsAndNamesTheNewerCount) {
  const Bytes d(20, 0x11);
  for (const std::string_view name : {"d|d-ng|d-ngv2|n|n-ng", "d-ngv2|d-ng|d|n-ng|n"}) {
    std::vector<Bytes> fields = {d, Digest("sha256", 32), Digest("ima:sha512", 64), Text("short"),
                                 Text("/long")};
    if (name.starts_with("d-ngv2")) {
      std::swap(fields[0], fields[2]);
      std::swap(fields[3], fields[4]);
    }
    ReadBothForms(Record(name, fields), [](const Entry& entry) {
      EXPECT_EQ(entry.digest_type, "ima");
      EXPECT_EQ(entry.digest_algorithm, "sha512");
      EXPECT_EQ(entry.path, "/long");
    });
  }
}

TEST(Fields, SizesOfKnownDigests) {
  for (const auto& [name, size] :
       std::vector<std::pair<std::string_view, std::size_t>>{{"md5", 16},
                                                             {"sha224", 28},
                                                             {"sm3", 32},
                                                             {"sm3-256", 32},
                                                             {"sha3-384", 48},
                                                             {"streebog512", 64},
                                                             {"wp512", 64},
                                                             {"tgr192", 24},
                                                             {"rmd320", 40}}) {
    const std::vector<Bytes> right = {Digest(name, size), Text("/x")};
    ReadBothForms(Record("ima-ng", right), [&](const Entry& entry) {
      EXPECT_EQ(entry.digest_algorithm, name);
      EXPECT_EQ(entry.file_digest.size(), size);
    });
    EXPECT_EQ(ErrorOf("ima-ng", {Digest(name, size + 1), Text("/x")}), "ima.binary.file_digest");
    EXPECT_EQ(ErrorOf("ima-ng", {Digest(name, size - 1), Text("/x")}), "ima.binary.file_digest");
  }
  // One of a kernel to come.
  EXPECT_EQ(ErrorOf("ima-ng", {Digest("sha5-640", 33), Text("/x")}), "");
}

TEST(Fields, Quirk_ViolationsOfOldKernelsHaveTwentyZeroBytes) {
  ReadBothForms(Record("ima-ng", {Digest("sha256", 20, 0), Text("/x")}, true),
                [](const Entry& entry) { EXPECT_TRUE(entry.violation); });
  EXPECT_EQ(ErrorOf("ima-ng", {Digest("sha256", 20, 1), Text("/x")}), "ima.binary.file_digest");
  EXPECT_EQ(ErrorOf("ima-ng", {Digest("sha256", 21, 0), Text("/x")}), "ima.binary.file_digest");
}

TEST(Fields, ViolationsOfEveryTemplate) {
  for (const auto& [name, fields] : std::vector<std::pair<std::string_view, std::vector<Bytes>>>{
           {"ima-ngv2", {Digest("ima:sha256", 32, 0), Text("/x")}},
           {"ima-sig", {Digest("sha256", 32, 0), Text("/x"), {}}},
           {"ima-modsig", {Digest("sha256", 32, 0), Text("/x"), {}, {}, {}}},
           {"evm-sig", {Digest("sha256", 32, 0), Text("/x"), {}, {}, {}, {}, {}, {}, {}}},
           {"d|n", {Bytes(20, 0), Text("/x")}}}) {
    ReadBothForms(Record(name, fields, true),
                  [](const Entry& entry) { EXPECT_TRUE(entry.violation); });
  }
}

// The template `ima`: what is hashed is the digest and the name padded to 256 bytes.
struct Legacy {
  Bytes digest = Bytes(20, 0xcd);
  std::string name = "/bin/sh";

  Bytes hashed() const {
    ByteWriter data;
    data.Raw(digest).Raw(AsBytes(name)).Zeros(256 - name.size());
    return data.Take();
  }
  Bytes record() const {
    ByteWriter record;
    record.U32Le(10).Raw(crypto::Hash(crypto::HashAlgorithm::kSha1, hashed()).bytes());
    record.SizedU32Le(AsBytes("ima")).Raw(digest).SizedU32Le(AsBytes(name));
    return record.Take();
  }
};

TEST(LegacyTemplate, BothForms) {
  for (const std::string& name :
       {std::string("/bin/sh"), std::string(255, 'n'), std::string("/a b")}) {
    const Legacy legacy{.digest = Bytes(20, 0xcd), .name = name};
    ReadBothForms(legacy.record(), [&](const Entry& entry) {
      EXPECT_EQ(HexEncode(entry.template_data), HexEncode(legacy.hashed()));
      EXPECT_EQ(entry.path, name);
      EXPECT_EQ(entry.digest_algorithm, "sha1");
      EXPECT_EQ(HexEncode(entry.file_digest), HexEncode(legacy.digest));
      EXPECT_EQ(CheckStatedDigest(entry), StatedDigest::kMatches);
      EXPECT_EQ(entry.fields.size(), 2U);
    });
  }
}

TEST(LegacyTemplate, PaddingDoesNotKeepTheNameBefore) {
  Bytes list = Legacy{.digest = Bytes(20, 1), .name = std::string(255, 'n')}.record();
  Append(list, Legacy().record());
  ListReader reader(list, Format::kBinary);
  ASSERT_TRUE(reader.Next());
  const auto second = reader.Next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ(HexEncode((*second)->template_data), HexEncode(Legacy().hashed()));
}

TEST(LegacyTemplate, Md5InBothForms) {
  const Legacy legacy{.digest = Bytes(16, 0xcd), .name = "/x"};
  ReadBothForms(legacy.record(), [&](const Entry& entry) {
    EXPECT_EQ(HexEncode(entry.template_data), HexEncode(legacy.hashed()));
    EXPECT_EQ(entry.digest_algorithm, "md5");
    EXPECT_EQ(entry.file_digest.size(), 16U);
    EXPECT_EQ(entry.path, "/x");
    EXPECT_EQ(CheckStatedDigest(entry), StatedDigest::kMatches);
  });
}

// As `ima_hash=md5` makes it: boot_aggregate and violations keep 20 bytes.
TEST(LegacyTemplate, Md5BesideSha1InABinaryList) {
  ByteWriter violation;
  violation.U32Le(10).Zeros(20).SizedU32Le(AsBytes("ima")).Zeros(20).SizedU32Le(AsBytes("/log"));
  Bytes list = Legacy{.digest = Bytes(20, 1), .name = "boot_aggregate"}.record();
  Append(list, Legacy{.digest = Bytes(16, 2), .name = "/a"}.record());
  Append(list, violation.bytes());
  Append(list, Legacy{.digest = Bytes(16, 3), .name = std::string(255, 'n')}.record());
  ListReader reader(list, Format::kBinary);
  std::vector<std::string> algorithms;
  for (auto next = reader.Next(); next && *next; next = reader.Next()) {
    EXPECT_NE(CheckStatedDigest(**next), StatedDigest::kDiffers);
    algorithms.emplace_back((*next)->digest_algorithm);
  }
  EXPECT_EQ(reader.offset(), list.size());
  EXPECT_EQ(algorithms, (std::vector<std::string>{"sha1", "md5", "sha1", "md5"}));
}

TEST(LegacyTemplate, NoOtherReadingIsTriedForAViolationOrANamelessRecord) {
  const auto record_with = [](std::uint8_t stated, ByteView digest) {
    ByteWriter record;
    record.U32Le(10).Raw(Bytes(20, stated)).SizedU32Le(AsBytes("ima")).Raw(digest);
    return record.SizedU32Le(AsBytes("/long")).Raw(Bytes(20, 'x')).Take();
  };
  EXPECT_EQ(ErrorOf(record_with(0, Bytes(16, 1)), Format::kBinary), "ima.binary.path");
  ByteWriter nameless;
  nameless.U32Le(10).Raw(Bytes(20, 1)).SizedU32Le(AsBytes("ima")).Zeros(20);
  nameless.SizedU32Le(Bytes(256, 'n'));
  EXPECT_EQ(ErrorOf(nameless.bytes(), Format::kBinary), "ima.binary.path");
}

TEST(LegacyTemplate, WhatDoesNotFitIsMalformed) {
  EXPECT_EQ(AsciiError("ima " + std::string(38, 'c') + " /x"), "ima.ascii.file_digest");
  EXPECT_EQ(AsciiError("ima sha1:" + std::string(40, 'c') + " /x"), "ima.ascii.file_digest");
  EXPECT_EQ(AsciiError("ima " + std::string(200, 'c') + " /x"), "ima.ascii.file_digest");
  EXPECT_EQ(AsciiError("ima " + std::string(40, 'g') + " /x"), "ima.ascii.file_digest");
  EXPECT_EQ(AsciiError("ima " + std::string(40, 'c') + " " + std::string(256, 'n')),
            "ima.ascii.path");
  EXPECT_EQ(AsciiError("ima " + std::string(40, 'c')), "ima.ascii.fields");
  ByteWriter long_name;
  long_name.U32Le(10).Zeros(20).SizedU32Le(AsBytes("ima")).Zeros(20).SizedU32Le(Bytes(256, 'n'));
  EXPECT_EQ(ErrorOf(long_name.bytes(), Format::kBinary), "ima.binary.path");
  ByteWriter nul;
  nul.U32Le(10).Zeros(20).SizedU32Le(AsBytes("ima")).Zeros(20).SizedU32Le(Text("/x"));
  EXPECT_EQ(ErrorOf(nul.bytes(), Format::kBinary), "ima.binary.path");
  const Bytes whole = Legacy().record();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(ErrorOf(ByteView(whole).first(size), Format::kBinary), "ima.truncated") << size;
  }
}

TEST(LegacyTemplate, NOfACustomTemplateHasTheSameLimit) {
  EXPECT_EQ(ErrorOf("n", {Text(std::string(255, 'n'))}), "");
  EXPECT_EQ(ErrorOf("n", {Text(std::string(256, 'n'))}), "ima.binary.path");
  EXPECT_EQ(ErrorOf("n-ng", {Text(std::string(256, 'n'))}), "");
  EXPECT_EQ(ErrorOf("d", {Bytes(16, 1)}), "");
  EXPECT_EQ(ErrorOf("d", {Bytes(32, 1)}), "ima.binary.file_digest");
}

}  // namespace
}  // namespace limequat::ima
