// Real logs against two independent replays: data/eventlog (made for this project)
// and, if it is beside the source, the shared corpus with its hostile variants.
//
// Where the results deviate from the references, on purpose:
//   HIRS__…SPDMFirmwareBlob_version1  the independent replay stops at a digest whose
//       algorithm the header does not list; the registry has its size, and
//       tpm2_eventlog reads on like we do. See kReadFurther.
//   mutated/pcr_24  the independent replay extends a PCR 24; there is none.
//   mutated/duplicate_sha256_digest  both references extend one of two digests of one
//       algorithm, or both; we refuse the record.

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/json/value.h"

namespace limequat::eventlog {
namespace {

namespace fs = std::filesystem;
using testing::Member;
using testing::ReadFile;
using testing::Text;

const fs::path kData = testing::OwnData();
const fs::path kShared = testing::SharedCorpus();
constexpr std::string_view kReadFurther =
    "HIRS__binary_bios_measurements_addEvt11asSPDMFirmwareBlob_version1.bin";

// The logs of `folder` whose expectations are in a file with this ending.
std::vector<fs::path> Logs(const fs::path& folder, std::string_view ending) {
  std::vector<fs::path> logs;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) {
    std::string path = file.path().string();
    if (!path.ends_with(ending)) continue;
    path.resize(path.size() - ending.size());
    logs.emplace_back(path + ".bin");
  }
  std::ranges::sort(logs);
  return logs;
}

json::Value Expected(const fs::path& log, std::string_view ending) {
  std::string path = log.string();
  path.resize(path.size() - std::string_view(".bin").size());
  auto document = json::Parse(ReadFile(path + std::string(ending)));
  if (!document) ADD_FAILURE() << path << ": " << document.error().message;
  return document ? *document : json::Value();
}

struct Seen {
  std::optional<Format> format;
  std::vector<std::string> algorithms;
  std::uint64_t events = 0;
  std::map<std::string, std::uint64_t> types;
  std::size_t trailing = 0;
  bool has_padding = false;
  std::optional<Error> error;
  std::vector<Replay> replay;  // one, or none if the log could not be opened
};

Seen ReadLog(ByteView log) {
  Seen seen;
  auto reader = LogReader::Open(log);
  if (!reader) {
    seen.error = reader.error();
    return seen;
  }
  seen.format = reader->format();
  for (const DigestAlgorithm& algorithm : reader->algorithms()) {
    seen.algorithms.push_back(tpm::AlgorithmName(algorithm.id));
  }
  Replay& replay = seen.replay.emplace_back(ReplayedBanks(reader->algorithms()));
  while (true) {
    auto next = reader->Next();
    if (!next) seen.error = next.error();
    if (!next || !*next) break;
    ++seen.events;
    ++seen.types[EventTypeName((*next)->untrusted_type)];
    replay.Extend(**next);
  }
  seen.trailing = log.size() - reader->offset();
  return seen;
}

// {"sha256": {"0": "…"}}, without what no TPM has and banks that nothing extended.
json::Value ExistingPcrs(const json::Value& pcrs) {
  json::Object banks;
  if (pcrs.as_object() == nullptr) return banks;
  for (const auto& [bank, values] : *pcrs.as_object()) {
    json::Object existing;
    for (const auto& [number, value] : *values.as_object()) {
      if (number != "24") existing.Set(number, value);
    }
    if (!existing.empty()) banks.Set(bank, std::move(existing));
  }
  return banks;
}

void ExpectPcrs(const Seen& seen, const json::Value& expected) {
  const auto values = tpm::PcrValues::FromJson(ExistingPcrs(expected));
  ASSERT_TRUE(values) << values.error().message;
  ASSERT_EQ(seen.replay.size(), values->empty() ? seen.replay.size() : 1U);
  if (seen.replay.empty()) return;
  EXPECT_EQ(json::Serialize(seen.replay[0].Values().ToJson()), json::Serialize(values->ToJson()));
}

void CheckLog(const fs::path& path) {
  SCOPED_TRACE(path.filename().string());
  const std::string text = ReadFile(path);
  const json::Value document = Expected(path, ".pcrs.json");
  const json::Value& expected = Member(document, "independent_replay");
  const Seen seen = ReadLog(AsBytes(text));
  if (path.filename() == kReadFurther) {
    EXPECT_FALSE(seen.error);
    EXPECT_GT(seen.events, Member(expected, "events").as_uint64());
    return;
  }
  const bool is_malformed = Text(Member(expected, "parse")) == "malformed";
  EXPECT_EQ(seen.error.has_value(), is_malformed) << (seen.error ? seen.error->message : "");
  if (!seen.format) return;
  EXPECT_EQ(FormatName(*seen.format), Text(Member(expected, "format")));
  EXPECT_EQ(seen.events, Member(expected, "events").as_uint64());
  const json::Array* algorithms = Member(expected, "algs").as_array();
  ASSERT_NE(algorithms, nullptr);
  ASSERT_EQ(seen.algorithms.size(), algorithms->size());
  for (std::size_t i = 0; i < algorithms->size(); ++i) {
    EXPECT_EQ(seen.algorithms[i], Text((*algorithms)[i]));
  }
  for (const auto& [name, count] : seen.types) {
    EXPECT_EQ(count, Member(Member(expected, "event_types"), name).as_uint64()) << name;
  }
  if (!is_malformed) {
    EXPECT_EQ(seen.trailing, Member(expected, "trailing").as_uint64());
  }
  const auto locality = Member(expected, "startup_locality").as_uint64();
  EXPECT_EQ(seen.replay[0].startup_locality().has_value(), locality.has_value());
  if (locality) {
    EXPECT_EQ(seen.replay[0].startup_locality(), *locality);
  }
  ExpectPcrs(seen, Member(expected, "pcrs"));
}

TEST(LogCorpus, OwnLogs) {
  const auto logs = Logs(kData, ".pcrs.json");
  ASSERT_GE(logs.size(), 2U);
  for (const fs::path& log : logs) CheckLog(log);
}

TEST(LogCorpus, SharedLogs) {
  const auto logs = Logs(kShared / "eventlog", ".pcrs.json");
  if (logs.empty()) GTEST_SKIP() << "the shared corpus is absent: 0 of its logs were checked";
  for (const fs::path& log : logs) CheckLog(log);
  RecordProperty("logs", static_cast<int>(logs.size()));
}

// What must be noticed in a hostile variant, by the name of its file.
const std::map<std::string, std::string, std::less<>> kNotices = {
    {"digestcount_0.bin", "eventlog.truncated"},
    {"digestcount_2_of_3.bin", "eventlog.truncated"},
    {"digestcount_ffffffff.bin", "eventlog.digest_count"},
    {"duplicate_sha256_digest.bin", "eventlog.digest_duplicate"},
    {"empty.bin", "eventlog.empty"},
    {"locality_2.bin", "eventlog.startup_locality"},
    {"locality_in_pcr7.bin", "eventlog.startup_locality"},
    {"locality_late.bin", "eventlog.startup_locality"},
    {"locality_twice.bin", "eventlog.startup_locality"},
    {"pad_garbage.bin", "eventlog.digest_count"},
    {"pad_zero_4k.bin", "eventlog.padding"},
    {"pcr_24.bin", "eventlog.pcr"},
    {"pcr_80000000.bin", "eventlog.pcr"},
    {"pcr_ffffffff_extend.bin", "eventlog.pcr"},
    {"specid_missing.bin", "eventlog.header_missing"},
    {"specid_numalgs_40000001.bin", "eventlog.spec_id.algorithms"},
    {"specid_numalgs_ffffffff.bin", "eventlog.spec_id.algorithms"},
    {"trunc_digest.bin", "eventlog.truncated"},
    {"trunc_digestalg.bin", "eventlog.truncated"},
    {"trunc_eventdata.bin", "eventlog.truncated"},
    {"trunc_eventsize.bin", "eventlog.truncated"},
    {"trunc_eventtype.bin", "eventlog.truncated"},
    {"trunc_in_specid.bin", "eventlog.truncated"},
    {"trunc_pcrindex.bin", "eventlog.truncated"},
    {"trunc_sha1_eventdata.bin", "eventlog.truncated"},
    {"unknown_digest_alg.bin", "eventlog.digest_algorithm"},
};

std::vector<std::string> IdsOf(ByteView log, const Seen& seen) {
  std::vector<std::string> ids;
  if (seen.error) ids.push_back(seen.error->id);
  if (seen.replay.empty()) return ids;
  for (const Note& note : seen.replay[0].notes().list()) ids.push_back(note.id);
  auto reader = LogReader::Open(log);
  for (auto next = reader->Next(); next && *next; next = reader->Next()) {
  }
  for (const Note& note : reader->notes().list()) ids.push_back(note.id);
  return ids;
}

// What must be noticed; nothing for a log that is only odd.
std::string NoticeOf(const fs::path& path, const json::Value& document, bool is_own) {
  if (is_own) return Text(Member(document, "notice"));
  const auto known = kNotices.find(path.filename().string());
  return known == kNotices.end() ? std::string() : known->second;
}

void CheckHostile(const fs::path& path, bool is_own) {
  SCOPED_TRACE(path.filename().string());
  const std::string text = ReadFile(path);
  const json::Value document = Expected(path, ".verdict.json");
  const json::Value& expected = Member(document, "independent_replay");
  const std::string verdict = Text(Member(document, "verdict"));
  const std::string notice = NoticeOf(path, document, is_own);
  const Seen seen = ReadLog(AsBytes(text));
  const auto ids = IdsOf(AsBytes(text), seen);
  if (notice.empty()) {
    EXPECT_EQ(verdict, "parse");
    EXPECT_TRUE(ids.empty()) << ids[0];
  } else {
    EXPECT_NE(std::ranges::find(ids, notice), ids.end()) << notice;
  }
  EXPECT_EQ(seen.replay.empty(), verdict == "reject");
  if (verdict == "parse") {
    EXPECT_FALSE(seen.error);
  }
  if (verdict == "partial") {
    EXPECT_TRUE(seen.error);
  }
  if (seen.replay.empty()) return;
  // The shared reference reads a record with two digests of one algorithm.
  if (!is_own && seen.error && seen.error->id == "eventlog.digest_duplicate") return;
  EXPECT_EQ(seen.events, Member(expected, "events").as_uint64());
  ExpectPcrs(seen, Member(expected, "pcrs"));
}

TEST(LogCorpus, OwnHostileLogs) {
  const auto logs = Logs(kData / "hostile", ".verdict.json");
  ASSERT_GE(logs.size(), 40U);
  for (const fs::path& log : logs) CheckHostile(log, true);
}

TEST(LogCorpus, SharedHostileLogs) {
  const auto logs = Logs(kShared / "eventlog" / "mutated", ".verdict.json");
  if (logs.empty()) GTEST_SKIP() << "the shared corpus is absent: 0 of its logs were checked";
  EXPECT_GE(logs.size(), kNotices.size());
  for (const fs::path& log : logs) CheckHostile(log, false);
  RecordProperty("logs", static_cast<int>(logs.size()));
}

}  // namespace
}  // namespace limequat::eventlog
