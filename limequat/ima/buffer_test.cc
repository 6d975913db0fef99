#include "limequat/ima/buffer.h"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/ima/xattrs.h"

namespace limequat::ima {
namespace {

using ::testing::ElementsAre;

BufferKind Kind(std::string_view name, ByteView buffer) {
  Entry entry;
  entry.path = name;
  entry.buffer = buffer;
  return KindOfBuffer(entry);
}

// SEQUENCE of the given contents, with a size of `size_bytes` bytes.
Bytes Sequence(ByteView contents, std::size_t size_bytes = 0) {
  Bytes der = {0x30};
  if (size_bytes != 0) der.push_back(static_cast<std::uint8_t>(0x80 + size_bytes));
  for (std::size_t i = size_bytes; i-- > 1;) {
    der.push_back(static_cast<std::uint8_t>(contents.size() >> (8 * i)));
  }
  der.push_back(static_cast<std::uint8_t>(contents.size()));
  Append(der, contents);
  return der;
}

TEST(BufferKind, CertificatesAndPublicKeysAreToldByTheirForm) {
  EXPECT_EQ(Kind(".ima", Sequence(Sequence(Bytes{0xa0, 0x03}))), BufferKind::kCertificate);
  EXPECT_EQ(Kind("any", Sequence(Sequence(Bytes{0x02, 0x01, 0x01}))), BufferKind::kCertificate);
  EXPECT_EQ(Kind(".ima", Sequence(Sequence(Bytes{0x06, 0x01, 0x2a}))), BufferKind::kPublicKey);
  // The form decides, not the name: a keyring may have any.
  EXPECT_EQ(Kind("dm_table_load", Sequence(Sequence(Bytes{0xa0}))), BufferKind::kCertificate);
}

TEST(BufferKind, SizesInAllForms) {
  const Bytes inner = Sequence(Bytes{0xa0});
  for (const std::size_t size_bytes : {1U, 2U, 3U}) {
    EXPECT_EQ(Kind("k", Sequence(inner, size_bytes)), BufferKind::kCertificate) << size_bytes;
  }
  EXPECT_EQ(Kind("k", Sequence(inner, 4)), BufferKind::kData);
  EXPECT_EQ(Kind("k", Bytes{0x30, 0x80, 0x30, 0x01, 0xa0}), BufferKind::kData);  // indefinite
  EXPECT_EQ(Kind("k", Bytes{0x30, 0x83, 0x01}), BufferKind::kData);
}

TEST(HoldsKey, WhatCanBeReadAsOne) {
  const auto holds = [](ByteView buffer, std::string_view name = ".ima") {
    Entry entry;
    entry.path = name;
    entry.buffer = buffer;
    return HoldsKey(entry, ParseKey(buffer));
  };
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  EXPECT_TRUE(holds(key.public_key().ToSpkiDer()));
  const auto unsupported = crypto::PrivateKey::GenerateEd25519();
  EXPECT_TRUE(holds(unsupported.public_key().ToSpkiDer()));
  EXPECT_TRUE(holds(AsBytes(key.public_key().ToPem()))) << "of another form, but a key";
  EXPECT_FALSE(holds(Sequence(Sequence(Bytes{0xa0, 0x03}))));
  EXPECT_FALSE(holds(Sequence(Sequence(Bytes{0x06, 0x01, 0x2a}))));
  EXPECT_FALSE(
      holds(AsBytes(std::string_view("0\x0e"
                                     "0\x0c\x06 init=/evil"))));
  EXPECT_FALSE(holds(key.public_key().ToSpkiDer(), "kexec-cmdline"));
  EXPECT_FALSE(holds(unsupported.public_key().ToSpkiDer(), "kexec-cmdline"));
  EXPECT_FALSE(holds(AsBytes("enforcing=1")));
  EXPECT_FALSE(holds({}));
}

TEST(CheckBufferDigest, IsThatOfTheBuffer) {
  const Bytes buffer = {1, 2, 3};
  const crypto::Digest digest = crypto::Hash(crypto::HashAlgorithm::kSha256, buffer);
  Entry entry;
  entry.buffer = buffer;
  entry.digest_algorithm = "sha256";
  entry.file_digest = digest.bytes();
  EXPECT_EQ(CheckBufferDigest(entry), BufferDigest::kMatches);
  entry.digest_algorithm = "sha512";
  EXPECT_EQ(CheckBufferDigest(entry), BufferDigest::kDiffers);
  entry.digest_algorithm = "sm3";
  EXPECT_NE(CheckBufferDigest(entry), BufferDigest::kMatches);
  if (crypto::IsAvailable(crypto::HashAlgorithm::kSm3_256)) {
    const crypto::Digest sm3 = crypto::Hash(crypto::HashAlgorithm::kSm3_256, buffer);
    entry.file_digest = sm3.bytes();
    EXPECT_EQ(CheckBufferDigest(entry), BufferDigest::kMatches);
    entry.file_digest = digest.bytes();
  }
  entry.digest_algorithm = "wp256";
  EXPECT_EQ(CheckBufferDigest(entry), BufferDigest::kUnknownAlgorithm);
  entry.digest_algorithm = "sha256";
  entry.buffer = ByteView(buffer).first(2);
  EXPECT_EQ(CheckBufferDigest(entry), BufferDigest::kDiffers);
  entry.buffer = buffer;
  entry.file_digest = {};
  EXPECT_EQ(CheckBufferDigest(entry), BufferDigest::kDiffers);
}

TEST(BufferKind, WhatIsNoKeyIsData) {
  const Bytes key = Sequence(Sequence(Bytes{0xa0, 0x03}));
  for (std::size_t size = 0; size < key.size(); ++size) {
    EXPECT_EQ(Kind("k", ByteView(key).first(size)), BufferKind::kData) << size;
  }
  Bytes longer = key;
  longer.push_back(0);
  EXPECT_EQ(Kind("k", longer), BufferKind::kData);
  EXPECT_EQ(Kind("k", Sequence({})), BufferKind::kData);
  EXPECT_EQ(Kind("k", Sequence(Sequence({}))), BufferKind::kData);
  EXPECT_EQ(Kind("k", Sequence(Sequence(Bytes{0x05}))), BufferKind::kData);
  EXPECT_EQ(Kind("k", Sequence(Bytes{0x02, 0x01, 0x01})), BufferKind::kData);
  EXPECT_EQ(Kind("selinux-state", ToBytes("enforcing=1;")), BufferKind::kData);
}

TEST(BufferKind, DeviceMapperEventsAreToldByName) {
  EXPECT_EQ(Kind("dm_table_load", ToBytes("name=x;")), BufferKind::kDeviceMapper);
  EXPECT_EQ(Kind("device_resume", ToBytes("name=x;")), BufferKind::kDeviceMapper);
  EXPECT_EQ(Kind("dm_table", ToBytes("name=x;")), BufferKind::kData);
}

TEST(BufferKind, Names) {
  EXPECT_EQ(BufferKindName(BufferKind::kCertificate), "certificate");
  EXPECT_EQ(BufferKindName(BufferKind::kPublicKey), "public-key");
  EXPECT_EQ(BufferKindName(BufferKind::kDeviceMapper), "device-mapper");
  EXPECT_EQ(BufferKindName(BufferKind::kData), "data");
}

// "part key value" of each field, and the identifier of the error that ends them.
std::vector<std::string> Fields(const std::string& text) {
  std::vector<std::string> fields;
  DeviceMapperReader reader(AsBytes(text));
  while (true) {
    const auto next = reader.Next();
    if (!next) fields.push_back(next.error().id);
    if (!next || !*next) return fields;
    const DeviceMapperField& field = **next;
    fields.push_back(std::to_string(field.part) + " " + std::string(field.key) + " " +
                     std::string(field.value));
  }
}

TEST(DeviceMapper, PartsAndFields) {
  EXPECT_THAT(Fields("dm_version=4.45.0;name=root,uuid=CRYPT-1;target_index=0,start=;"),
              ElementsAre("0 dm_version 4.45.0", "1 name root", "1 uuid CRYPT-1",
                          "2 target_index 0", "2 start "));
  EXPECT_THAT(Fields(""), ElementsAre());
}

TEST(DeviceMapper, BackslashesTakeTheMeaningOffSeparators) {
  EXPECT_THAT(Fields(R"(name=a\,b\;c\=d\\,x=1;)"), ElementsAre(R"(0 name a\,b\;c\=d\\)", "0 x 1"));
  EXPECT_EQ(UnescapeDeviceMapper(R"(a\,b\;c\=d\\)"), R"(a,b;c=d\)");
  EXPECT_EQ(UnescapeDeviceMapper("a\\"), "a\\");
  // A value keeps its further '='.
  EXPECT_THAT(Fields("a=b=c;"), ElementsAre("0 a b=c"));
}

TEST(DeviceMapper, WhatDoesNotFitIsMalformed) {
  EXPECT_THAT(Fields("a=1;b=2"), ElementsAre("0 a 1", "ima.device_mapper"));
  EXPECT_THAT(Fields("a=1;b;"), ElementsAre("0 a 1", "ima.device_mapper"));
  EXPECT_THAT(Fields("a=1,,"), ElementsAre("0 a 1", "ima.device_mapper"));
  EXPECT_THAT(Fields("=1;"), ElementsAre("ima.device_mapper"));
  EXPECT_THAT(Fields("a=1\\;"), ElementsAre("ima.device_mapper"));
  EXPECT_THAT(Fields("a\\=1;"), ElementsAre("ima.device_mapper"));
  EXPECT_THAT(Fields("a=1;\\"), ElementsAre("0 a 1", "ima.device_mapper"));
}

TEST(DeviceMapper, LimitOfAnEvent) {
  const std::string fits = "a=" + std::string(kMaxDeviceMapperText - 3, 'x') + ";";
  EXPECT_EQ(Fields(fits).front().substr(0, 5), "0 a x");
  EXPECT_THAT(Fields("x" + fits), ElementsAre("ima.device_mapper"));
}

struct XattrFields {
  std::string names;
  Bytes lengths;
  std::string values;
};

std::vector<std::string> Xattrs(const XattrFields& given) {
  const std::array<FieldValue, 3> fields = {{{Field::kXattrNames, AsBytes(given.names)},
                                             {Field::kXattrLengths, given.lengths},
                                             {Field::kXattrValues, AsBytes(given.values)}}};
  Entry entry;
  entry.fields = fields;
  std::vector<std::string> xattrs;
  XattrReader reader(entry);
  while (true) {
    const auto next = reader.Next();
    if (!next) xattrs.push_back(next.error().id);
    if (!next || !*next) return xattrs;
    xattrs.push_back(std::string((*next)->name) + "=" + std::string(AsText((*next)->value)));
  }
}

TEST(Xattrs, AreJoined) {
  const std::string names("security.selinux|security.ima\0", 30);
  EXPECT_THAT(Xattrs({names, {2, 0, 0, 0, 3, 0, 0, 0}, "aabbb"}),
              ElementsAre("security.selinux=aa", "security.ima=bbb"));
  EXPECT_THAT(Xattrs({"", {}, ""}), ElementsAre());
}

TEST(Xattrs, WhatDoesNotFitIsMalformed) {
  const std::string one("a\0", 2);
  const std::string two("a|b\0", 4);
  EXPECT_THAT(Xattrs({one, {3, 0, 0, 0}, "xx"}), ElementsAre("ima.xattrs"));
  EXPECT_THAT(Xattrs({one, {1, 0, 0, 0}, "xx"}), ElementsAre("a=x", "ima.xattrs"));
  EXPECT_THAT(Xattrs({one, {1, 0, 0, 0, 0, 0, 0, 0}, "x"}), ElementsAre("a=x", "ima.xattrs"));
  EXPECT_THAT(Xattrs({two, {1, 0, 0, 0}, "x"}), ElementsAre("a=x", "ima.xattrs"));
  EXPECT_THAT(Xattrs({"", {1, 0, 0, 0}, "x"}), ElementsAre("ima.xattrs"));
  EXPECT_THAT(Xattrs({std::string("a|\0", 3), {1, 0, 0, 0, 0, 0, 0, 0}, "x"}),
              ElementsAre("a=x", "ima.xattrs"));
}

}  // namespace
}  // namespace limequat::ima
