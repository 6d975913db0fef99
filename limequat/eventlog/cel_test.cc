#include "limequat/eventlog/cel.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/testing/log_builder.h"

namespace limequat::eventlog {
namespace {

using crypto::HashAlgorithm;
using testing::CelLine;
using ::testing::HasSubstr;

std::string ErrorOf(std::string_view log) {
  CelReader reader(AsBytes(log));
  const auto record = reader.Next();
  return record ? "" : record.error().id;
}

TEST(CelReader, Records) {
  const std::string log = CelLine(11, "enter-initrd", "phase") + CelLine(15, "machine-id:1", "id");
  CelReader reader(AsBytes(log));
  const auto first = reader.Next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->index, 0U);
  EXPECT_EQ((*first)->offset, 0U);
  EXPECT_EQ((*first)->pcr, 11U);
  EXPECT_EQ((*first)->text, "enter-initrd");
  EXPECT_EQ((*first)->untrusted_event_type, "phase");
  ASSERT_NE(FindDigest(**first, HashAlgorithm::kSha256), nullptr);
  EXPECT_EQ(*FindDigest(**first, HashAlgorithm::kSha256),
            crypto::Hash(HashAlgorithm::kSha256, AsBytes("enter-initrd")));
  EXPECT_EQ(FindDigest(**first, HashAlgorithm::kSha384), nullptr);
  const auto second = reader.Next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->index, 1U);
  EXPECT_EQ((*second)->pcr, 15U);
  const auto end = reader.Next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->has_value());
  EXPECT_EQ(reader.index(), 2U);
  EXPECT_EQ(reader.offset(), log.size());
}

TEST(CelReader, AsEventExtends) {
  const std::string log = CelLine(11, "ready", "phase");
  CelReader reader(AsBytes(log));
  const auto record = reader.Next();
  ASSERT_TRUE(record && *record);
  Replay replay({HashAlgorithm::kSha256});
  replay.Extend(AsEvent(**record));
  EXPECT_EQ(replay.Pcr(HashAlgorithm::kSha256, 11),
            crypto::Extend(crypto::Digest(HashAlgorithm::kSha256),
                           crypto::Hash(HashAlgorithm::kSha256, AsBytes("ready")).bytes()));
  EXPECT_EQ(AsText(AsEvent(**record).data), "ready");
}

TEST(CelReader, NvIndexAndUnknownAlgorithms) {
  const std::string log =
      "\x1e{\"nv_index\":1,\"digests\":[{\"hashAlg\":\"kangaroo\\n\",\"digest\":\"00\"}]}\n";
  CelReader reader(AsBytes(log));
  const auto record = reader.Next();
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_FALSE((*record)->pcr);
  EXPECT_TRUE((*record)->digests.empty());
  ASSERT_EQ(reader.notes().list().size(), 1U);
  EXPECT_EQ(reader.notes().list()[0].id, "eventlog.cel.digest");
  EXPECT_THAT(reader.notes().list()[0].detail, HasSubstr("a digest of kangaroo\\x0a, which"));
  EXPECT_FALSE((*record)->text);
  Replay replay({HashAlgorithm::kSha256});
  replay.Extend(AsEvent(**record));
  EXPECT_TRUE(replay.Values().empty());
}

TEST(CelReader, WhatIsNoRecord) {
  const std::string sha1(40, 'a');
  const auto record = [](const std::string& members) { return "\x1e{" + members + "}\n"; };
  EXPECT_EQ(ErrorOf(""), "");
  EXPECT_EQ(ErrorOf(record("\"pcr\":23,\"digests\":[]")), "");
  EXPECT_EQ(ErrorOf(record("\"pcr\":24,\"digests\":[]")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"pcr\":-1,\"digests\":[]")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"pcr\":\"1\",\"digests\":[]")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"pcr\":1")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"digests\":{}")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"digests\":[1]")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"aa\"}]")),
            "eventlog.cel.record");
  const std::string one = "{\"hashAlg\":\"sha1\",\"digest\":\"" + sha1 + "\"}";
  EXPECT_EQ(ErrorOf(record("\"digests\":[" + one + "]")), "");
  EXPECT_EQ(ErrorOf(record("\"digests\":[" + one + "," + one + "]")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"digests\":[],\"content\":{\"string\":1}")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf(record("\"digests\":[],\"content\":[]")), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf("{\"pcr\":1,\"digests\":[]}\n"), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf("\x1e\n"), "eventlog.cel.record");
  EXPECT_EQ(ErrorOf("\x1e[]\n"), "eventlog.cel.record");
}

TEST(CelReader, TruncationAndLength) {
  const std::string log = CelLine(11, "ready", "phase");
  for (std::size_t size = 1; size + 1 < log.size(); ++size) {
    EXPECT_EQ(ErrorOf(log.substr(0, size)), "eventlog.cel.truncated") << size;
  }
  const std::string head = "\x1e{\"digests\":[],\"content\":{\"string\":\"";
  const std::string tail = "\"}}\n";
  const std::string fits(kMaxCelRecord + 1 - head.size() - tail.size(), 'x');
  EXPECT_EQ(ErrorOf(head + fits + tail), "");
  EXPECT_EQ(ErrorOf(head + fits + "x" + tail), "eventlog.cel.record");
}

TEST(CelReader, OtherBanks) {
  if (!crypto::IsAvailable(HashAlgorithm::kSha3_256)) GTEST_SKIP() << "OpenSSL has no SHA-3";
  const auto digest = crypto::Hash(HashAlgorithm::kSha3_256, AsBytes("x"));
  const std::string log = "\x1e{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha3_256\",\"digest\":\"" +
                          digest.hex() + "\"}]}\n";
  CelReader reader(AsBytes(log));
  const auto record = reader.Next();
  ASSERT_TRUE(record && *record);
  ASSERT_NE(FindDigest(**record, HashAlgorithm::kSha3_256), nullptr);
  EXPECT_EQ(*FindDigest(**record, HashAlgorithm::kSha3_256), digest);
  EXPECT_TRUE(reader.notes().list().empty());
}

TEST(CelReader, TheLastRecordNeedsNoLineFeed) {
  std::string log = CelLine(11, "a", "phase") + CelLine(11, "b", "phase");
  log.pop_back();
  CelReader reader(AsBytes(log));
  ASSERT_TRUE(reader.Next());
  const auto last = reader.Next();
  ASSERT_TRUE(last && *last) << last.error().message;
  EXPECT_EQ((*last)->text, "b");
  EXPECT_EQ((*last)->index, 1U);
  EXPECT_EQ(reader.offset(), log.size());
  ASSERT_EQ(reader.notes().list().size(), 1U);
  EXPECT_EQ(reader.notes().list()[0].id, "eventlog.cel.unterminated");
  EXPECT_EQ(reader.notes().list()[0].event, 1U);
  const auto end = reader.Next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  EXPECT_EQ(ErrorOf("\x1e{\"pcr\":24,\"digests\":[]}"), "eventlog.cel.truncated");
}

// The texts of the records, or the error.
std::string AllOf(std::string_view log) {
  CelReader reader(AsBytes(log));
  std::string texts;
  while (true) {
    const auto record = reader.Next();
    if (!record) return record.error().id;
    if (!*record) break;
    EXPECT_EQ(log[(*record)->offset], '{');
    texts += (*record)->text.value_or("-") + ":" + (*record)->untrusted_event_type + " ";
  }
  EXPECT_EQ(reader.offset(), log.size());
  return texts;
}

std::string Element(std::string_view content) {
  return "{\"recnum\":0,\"pcr\":1,\"digests\":[],\"content\":" + std::string(content) + "}";
}

TEST(CelReader, OneArray) {
  const std::string a = Element(R"({"string":"a}]\"\\","eventType":"phase"})");
  const std::string b = Element(R"({"event_type":"EV_IPL","event_data":"00"})");
  const std::string c = Element(R"({"event_type":4})");
  EXPECT_EQ(AllOf("[]"), "");
  EXPECT_EQ(AllOf("\n[ ]\n"), "");
  EXPECT_EQ(AllOf("[" + a + "]"), "a}]\"\\:phase ");
  EXPECT_EQ(AllOf(" [\n" + a + " ,\t" + b + ",\r\n" + c + "\n]\n"), "a}]\"\\:phase -:EV_IPL -: ");
}

TEST(CelReader, WhatIsNoArray) {
  const std::string a = Element("{}");
  for (const char* const log : {"[,]", "[1]", "[[]]", "[null]"}) {
    EXPECT_EQ(AllOf(log), "eventlog.cel.record") << log;
  }
  for (const std::string& log : std::initializer_list<std::string>{
           "[" + a + a + "]", "[" + a + ",]", "[," + a + "]", "[" + a + "]x", "[" + a + "][]",
           "[" + a + ",1]", "[{\"pcr\":24,\"digests\":[]}]", "[{]}", "[" + a + "}"}) {
    EXPECT_EQ(AllOf(log), "eventlog.cel.record") << log;
  }
  const std::string log = "[" + a + ", " + a + "]";
  for (std::size_t size = 1; size < log.size(); ++size) {
    EXPECT_EQ(AllOf(log.substr(0, size)), "eventlog.cel.truncated") << size;
  }
}

TEST(CelReader, ElementsOfAnArrayAreBounded) {
  const std::string head = "{\"digests\":[],\"content\":{\"string\":\"";
  const std::string tail = "\"}}";
  const std::string fits(kMaxCelRecord - head.size() - tail.size(), 'x');
  EXPECT_NE(AllOf("[" + head + fits + tail + "]"), "eventlog.cel.record");
  EXPECT_EQ(AllOf("[" + head + fits + "x" + tail + "]"), "eventlog.cel.record");
}

TEST(CelReader, ErrorsNameTheRecordAndStay) {
  const std::string log = CelLine(11, "ready", "phase") + "x";
  CelReader reader(AsBytes(log));
  ASSERT_TRUE(reader.Next());
  for (int again = 0; again < 2; ++again) {
    const auto next = reader.Next();
    ASSERT_FALSE(next);
    EXPECT_THAT(next.error().message, HasSubstr("record 1 at offset"));
  }
  EXPECT_EQ(reader.index(), 1U);
}

}  // namespace
}  // namespace limequat::eventlog
