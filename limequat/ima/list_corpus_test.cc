// Real lists against two independent replays: data/ima (made for this project) and,
// if it is beside the source, the shared corpus.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/json/value.h"

namespace limequat::ima {
namespace {

namespace fs = std::filesystem;
using crypto::HashAlgorithm;

constexpr std::string_view kExpected = ".expected.json";
const fs::path kData = fs::path(LQ_SOURCE_DIR) / "data" / "ima";
const fs::path kCorpus = fs::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus" / "ima";

constexpr std::array kBanks = {HashAlgorithm::kSha1, HashAlgorithm::kSha256, HashAlgorithm::kSha384,
                               HashAlgorithm::kSha512};

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The lists of `folder`, without the ending of their expectations.
std::vector<fs::path> Lists(const fs::path& folder) {
  std::vector<fs::path> lists;
  std::error_code error;
  for (const auto& file : fs::recursive_directory_iterator(folder, error)) {
    std::string path = file.path().string();
    if (!path.ends_with(kExpected)) continue;
    path.resize(path.size() - kExpected.size());
    lists.emplace_back(path);
  }
  std::ranges::sort(lists);
  return lists;
}

const json::Value& Member(const json::Value& value, std::string_view name) {
  static const json::Value kNull;
  const json::Object* object = value.as_object();
  const json::Value* member = object == nullptr ? nullptr : object->Find(name);
  return member == nullptr ? kNull : *member;
}

std::string Text(const json::Value& value) {
  return value.as_string() == nullptr ? "" : *value.as_string();
}

struct Seen {
  std::map<std::string, std::uint64_t> templates;
  std::map<std::string, std::uint64_t> algorithms;
  std::vector<std::uint64_t> bad_template_digests;
  std::uint64_t entries = 0;
  std::uint64_t violations = 0;
  std::vector<Replay> stated;
  std::vector<Replay> computed;
  std::optional<Error> error;
};

Seen ReadList(ByteView list) {
  Seen seen;
  for (const TemplateDigests kind : {TemplateDigests::kNative, TemplateDigests::kZeroPadded}) {
    for (const HashAlgorithm bank : kBanks) seen.stated.emplace_back(bank, kind);
  }
  seen.computed = seen.stated;
  ListReader reader(list, DetectFormat(list));
  while (true) {
    auto next = reader.Next();
    if (!next) seen.error = next.error();
    if (!next || !*next) return seen;
    const Entry& entry = **next;
    ++seen.entries;
    ++seen.templates[std::string(entry.template_name)];
    ++seen.algorithms[std::string(entry.digest_algorithm)];
    if (entry.violation) ++seen.violations;
    if (CheckStatedDigest(entry) != StatedDigest::kMatches)
      seen.bad_template_digests.push_back(entry.index);
    for (Replay& replay : seen.stated) replay.ExtendAsStated(entry);
    for (Replay& replay : seen.computed) replay.Extend(entry);
  }
}

std::map<std::string, std::uint64_t> Counts(const json::Value& value) {
  std::map<std::string, std::uint64_t> counts;
  if (value.as_object() == nullptr) return counts;
  for (const auto& [name, count] : *value.as_object()) counts[name] = count.as_uint64().value_or(0);
  return counts;
}

void ExpectPcrs(const Seen& seen, const json::Value& pcrs) {
  for (std::size_t i = 0; i < seen.stated.size(); ++i) {
    const Replay& replay = seen.stated[i];
    std::string name(crypto::HashName(replay.pcr().algorithm()));
    if (replay.kind() == TemplateDigests::kZeroPadded) {
      if (name == "sha1") continue;  // padded with nothing: the same value
      name += "_padded";
    }
    EXPECT_EQ(replay.pcr().hex(), Text(Member(pcrs, name))) << name;
    if (seen.bad_template_digests.empty()) {
      EXPECT_EQ(seen.computed[i].pcr(), replay.pcr()) << name;
    }
  }
}

// Where the machine's own PCR 10 is known, the replay must lead to it.
void ExpectMachinePcrs(ByteView list, const json::Value& machine_pcrs, std::uint64_t entries) {
  if (machine_pcrs.as_array() == nullptr) return;
  for (const json::Value& pcr : *machine_pcrs.as_array()) {
    const auto* native = Member(pcr, "replay_matches").as_bool();
    const auto* padded = Member(pcr, "padded_matches").as_bool();
    const bool is_native = native != nullptr && *native;
    const bool is_padded = padded != nullptr && *padded;
    const auto bank = crypto::HashFromName(Text(Member(pcr, "bank")));
    ASSERT_TRUE(bank);
    const auto value = crypto::Digest::FromHex(*bank, Text(Member(pcr, "value")));
    ASSERT_TRUE(value);
    for (const TemplateDigests kind : {TemplateDigests::kNative, TemplateDigests::kZeroPadded}) {
      if (*bank == HashAlgorithm::kSha1 && kind == TemplateDigests::kZeroPadded) continue;
      const auto prefix = FindQuotedPrefix(list, DetectFormat(list), Replay(*bank, kind), *value);
      const bool expected = kind == TemplateDigests::kNative ? is_native : is_padded;
      ASSERT_EQ(prefix && *prefix, expected)
          << crypto::HashName(*bank) << TemplateDigestsName(kind);
      if (expected) {
        EXPECT_EQ((*prefix)->entries, entries);
      }
    }
  }
}

bool IsRead(const std::string& name) { return name == "ima-ng" || name == "ima-sig"; }

void CheckList(const fs::path& path) {
  SCOPED_TRACE(path.filename().string());
  const std::string text = ReadFile(path);
  const ByteView list = AsBytes(text);
  const auto document = json::Parse(ReadFile(path.string() + std::string(kExpected)));
  ASSERT_TRUE(document) << document.error().message;
  const json::Value& expected = Member(*document, "independent_replay");
  const auto templates = Counts(Member(expected, "templates"));
  const bool is_malformed = Text(Member(expected, "parse")) == "malformed";
  const Seen seen = ReadList(list);

  if (!std::ranges::all_of(templates, [](const auto& count) { return IsRead(count.first); })) {
    ASSERT_TRUE(seen.error);
    EXPECT_EQ(seen.error->id, "ima.template");
    EXPECT_EQ(seen.error->code, ErrorCode::kUnsupported);
    return;
  }
  EXPECT_EQ(seen.error.has_value(), is_malformed) << (seen.error ? seen.error->message : "");
  EXPECT_EQ(FormatName(DetectFormat(list)), Text(Member(expected, "format")));
  EXPECT_EQ(seen.entries, Member(expected, "entries").as_uint64());
  EXPECT_EQ(seen.violations, Member(expected, "violations").as_uint64());
  EXPECT_EQ(seen.templates, templates);
  EXPECT_EQ(seen.algorithms, Counts(Member(expected, "file_digest_algs")));
  EXPECT_EQ(seen.bad_template_digests.size(),
            Member(expected, "bad_template_hash_count").as_uint64());
  if (seen.entries != 0) ExpectPcrs(seen, Member(Member(expected, "pcrs"), "10"));
  if (!is_malformed) ExpectMachinePcrs(list, Member(*document, "machine_pcrs"), seen.entries);
}

TEST(ListCorpus, OwnLists) {
  const auto lists = Lists(kData);
  ASSERT_GE(lists.size(), 10U);
  for (const fs::path& list : lists) CheckList(list);
}

TEST(ListCorpus, SharedLists) {
  const auto lists = Lists(kCorpus);
  if (lists.empty()) GTEST_SKIP() << "the shared corpus is not beside the source tree";
  for (const fs::path& list : lists) CheckList(list);
}

}  // namespace
}  // namespace limequat::ima
