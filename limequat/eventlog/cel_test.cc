#include "limequat/eventlog/cel.h"

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
      "\x1e{\"nv_index\":1,\"digests\":[{\"hashAlg\":\"sm3_256\",\"digest\":\"00\"}]}\n";
  CelReader reader(AsBytes(log));
  const auto record = reader.Next();
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_FALSE((*record)->pcr);
  EXPECT_TRUE((*record)->digests.empty());
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
  for (std::size_t size = 1; size < log.size(); ++size) {
    EXPECT_EQ(ErrorOf(log.substr(0, size)), "eventlog.cel.truncated") << size;
  }
  const std::string head = "\x1e{\"digests\":[],\"content\":{\"string\":\"";
  const std::string tail = "\"}}\n";
  const std::string fits(kMaxCelRecord + 1 - head.size() - tail.size(), 'x');
  EXPECT_EQ(ErrorOf(head + fits + tail), "");
  EXPECT_EQ(ErrorOf(head + fits + "x" + tail), "eventlog.cel.record");
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
