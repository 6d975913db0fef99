#include <array>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "allocations.h"
#include "hostile.h"
#include "limequat/base/byte_reader.h"
#include "limequat/ima/buffer.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/template.h"
#include "limequat/ima/xattrs.h"

// The bounds that the headers of the module state.
namespace limequat::ima {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using limequat::testing::Bound;
using limequat::testing::ExpectBounded;
using limequat::testing::PeakOf;

constexpr int kEntries = 100'000;

Bytes DataOf(int number) {
  Bytes digest = ToBytes("sha256:");
  digest.push_back(0);
  Append(digest, crypto::Hash(HashAlgorithm::kSha256, AsBytes(std::to_string(number))).bytes());
  Bytes name = ToBytes("/usr/lib/package/file-" + std::to_string(number));
  name.push_back(0);
  ByteWriter data;
  data.SizedU32Le(digest).SizedU32Le(name);
  return data.Take();
}

struct Lists {
  std::string ascii;
  Bytes binary;
  Digest pcr = Digest(HashAlgorithm::kSha256);
};

Lists MakeLists() {
  Lists lists;
  ByteWriter binary;
  for (int i = 0; i < kEntries; ++i) {
    const Bytes data = DataOf(i);
    const Digest stated = crypto::Hash(HashAlgorithm::kSha1, data);
    const std::string path = "/usr/lib/package/file-" + std::to_string(i);
    const Digest file = crypto::Hash(HashAlgorithm::kSha256, AsBytes(std::to_string(i)));
    lists.ascii += "10 " + stated.hex() + " ima-ng sha256:" + file.hex() + " " + path + "\n";
    binary.U32Le(10).Raw(stated.bytes()).SizedU32Le(AsBytes("ima-ng")).SizedU32Le(data);
    lists.pcr = crypto::Extend(lists.pcr, crypto::Hash(HashAlgorithm::kSha256, data).bytes());
  }
  lists.binary = binary.Take();
  return lists;
}

void Read(ByteView list, Format format) {
  ListReader reader(list, format);
  Replay replay(HashAlgorithm::kSha256, TemplateDigests::kNative);
  while (true) {
    const auto entry = reader.Next();
    if (!entry || !*entry) return;
    CheckStatedDigest(**entry);
    replay.Extend(**entry);
    KindOfBuffer(**entry);
    for (XattrReader xattrs(**entry);;) {
      const auto next = xattrs.Next();
      if (!next || !*next) break;
    }
  }
}

TEST(ImaMemory, AHundredThousandEntriesTakeThatOfOne) {
  const Lists lists = MakeLists();
  for (const Format format : {Format::kAscii, Format::kBinary}) {
    const ByteView list = format == Format::kAscii ? AsBytes(lists.ascii) : lists.binary;
    const std::size_t peak = PeakOf([&] {
      const auto prefix = FindQuotedPrefix(
          list, format, Replay(HashAlgorithm::kSha256, TemplateDigests::kNative), lists.pcr);
      ASSERT_TRUE(prefix && *prefix);
      EXPECT_EQ((*prefix)->entries, kEntries);
      EXPECT_EQ((*prefix)->bytes, list.size());
    });
    EXPECT_LE(peak, 4096U);
  }
}

// A line with a signature whose text has that many characters.
std::string LineOf(std::size_t size) {
  return "10 " + std::string(40, 'a') + " ima-sig sha1:" + std::string(40, 'b') + " /f " +
         std::string(size, 'c') + "\n";
}

TEST(ImaMemory, LinesThatGrowTakeOneAndAHalfTheLongest) {
  // The first record's buffer must not stay while that of the second is made.
  constexpr std::size_t kLargest = 2 * kMaxTemplateData - 200;
  for (const std::size_t first : {kLargest / 2, kLargest - 100'000}) {
    const std::string list = LineOf(first) + LineOf(kLargest);
    const std::size_t peak = PeakOf([&] {
      ListReader reader(AsBytes(list), Format::kAscii);
      while (true) {
        const auto entry = reader.Next();
        ASSERT_TRUE(entry) << entry.error().message;
        if (!*entry) break;
      }
      EXPECT_EQ(reader.index(), 2U);
    });
    EXPECT_LE(peak, 3 * kMaxTemplateData + 1024);
  }
}

TEST(ImaMemory, OfHostileListsIsBounded) {
  ExpectBounded("ima_ascii", {.factor = 2, .constant = 1024},
                [](ByteView list) { Read(list, Format::kAscii); });
  ExpectBounded("ima_binary", {.factor = 0, .constant = 1024},
                [](ByteView list) { Read(list, Format::kBinary); });
}

TEST(ImaMemory, OfSmallPartsIsConstant) {
  const auto names = [](ByteView text) { static_cast<void>(Template::FromName(AsText(text))); };
  ExpectBounded("ima_ascii", {.factor = 0, .constant = 4096}, names);
  const std::string many(100'000, '|');
  ExpectBounded(AsBytes(many), {.factor = 0, .constant = 4096}, names);
  const auto fields = [](ByteView text) {
    DeviceMapperReader reader(text);
    while (true) {
      const auto field = reader.Next();
      if (!field || !*field) return;
    }
  };
  ExpectBounded("ima_binary", {.factor = 0, .constant = 1024}, fields);
  std::string text;
  while (text.size() < kMaxDeviceMapperText) text += "a=b,";
  ExpectBounded(AsBytes(text), {.factor = 0, .constant = 1024}, fields);
  const std::string escaped(100'000, '\\');
  ExpectBounded(AsBytes(escaped), {.factor = 1, .constant = 64},
                [](ByteView value) { UnescapeDeviceMapper(AsText(value)); });
}

}  // namespace
}  // namespace limequat::ima
