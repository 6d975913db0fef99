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

#include "limequat/ima/buffer.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/testing/write_list.h"
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

// What is read of one form is what is read of the other.
void ExpectOtherForm(const Entry& entry) {
  const std::string line = testing::AsciiForm(entry);
  const Bytes record = testing::BinaryForm(entry);
  for (const auto& [form, list] :
       {std::pair(Format::kAscii, AsBytes(line)), std::pair(Format::kBinary, ByteView(record))}) {
    ListReader reader(list, form);
    const auto same = reader.Next();
    ASSERT_TRUE(same && *same) << line;
    EXPECT_TRUE(Equal((*same)->template_data, entry.template_data)) << line;
    EXPECT_EQ(testing::AsciiForm(**same), line);
  }
}

// Kernels hash the buffer itself, and their device-mapper events can be split.
void ExpectBuffer(const Entry& entry) {
  if (entry.Find(Field::kBuf) == nullptr) return;
  const auto hash = crypto::HashFromName(entry.digest_algorithm);
  ASSERT_TRUE(hash);
  EXPECT_TRUE(Equal(crypto::Hash(*hash, entry.buffer).bytes(), entry.file_digest)) << entry.path;
  const BufferKind kind = KindOfBuffer(entry);
  if (entry.path.starts_with('.')) {
    EXPECT_EQ(kind, BufferKind::kCertificate) << entry.path;
  }
  EXPECT_EQ(kind == BufferKind::kDeviceMapper,
            entry.path.starts_with("dm_") || entry.path == "device_resume");
  if (kind != BufferKind::kDeviceMapper) return;
  std::size_t fields = 0;
  DeviceMapperReader reader(entry.buffer);
  while (true) {
    const auto next = reader.Next();
    ASSERT_TRUE(next) << entry.path << next.error().message;
    if (!*next) break;
    ++fields;
  }
  EXPECT_GE(fields, 2U);
}

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
    std::string algorithm(entry.digest_type);
    if (!algorithm.empty()) algorithm += ":";
    ++seen.algorithms[algorithm.append(entry.digest_algorithm)];
    ExpectOtherForm(entry);
    ExpectBuffer(entry);
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

// Where the expectations are those of a reader that knows less.
enum class Deviation : std::uint8_t {
  kNone,
  // Its line feed in a name was taken for the end of the record. It is rejoined by the
  // template digest, and gives what the binary form gives, which leads to the machine's
  // PCR 10.
  kRejoined,
  // The algorithm was looked for in the first field, whatever that is.
  kAlgorithms,
  // Its digests of SM3 were taken for wrong ones of SHA-256.
  kSm3,
};
Deviation DeviationOf(const fs::path& list) {
  if (list.filename() == "vm__violation-61.ascii") return Deviation::kRejoined;
  if (list.filename() == "ibmtss_imatest_all_templates.bin") return Deviation::kAlgorithms;
  if (list.filename() == "keylime_ima-log-sm3_256.ascii" &&
      crypto::IsAvailable(HashAlgorithm::kSm3_256)) {
    return Deviation::kSm3;
  }
  return Deviation::kNone;
}

void ExpectTemplateDigests(const Seen& seen, const json::Value& expected, Deviation deviation) {
  if (deviation == Deviation::kSm3) {
    EXPECT_TRUE(seen.bad_template_digests.empty());
    for (std::size_t i = 0; i < seen.stated.size(); ++i) {
      EXPECT_EQ(seen.stated[i].pcr(), seen.computed[i].pcr());
    }
    return;
  }
  EXPECT_EQ(seen.bad_template_digests.size(),
            Member(expected, "bad_template_hash_count").as_uint64());
  if (seen.entries != 0) ExpectPcrs(seen, Member(Member(expected, "pcrs"), "10"));
}

void CheckList(const fs::path& path) {
  SCOPED_TRACE(path.filename().string());
  const std::string text = ReadFile(path);
  const ByteView list = AsBytes(text);
  const Deviation deviation = DeviationOf(path);
  fs::path expectations = path;
  if (deviation == Deviation::kRejoined) expectations.replace_extension(".bin");
  const auto document = json::Parse(ReadFile(expectations.string() + std::string(kExpected)));
  ASSERT_TRUE(document) << document.error().message;
  const json::Value& expected = Member(*document, "independent_replay");
  const bool is_malformed = Text(Member(expected, "parse")) == "malformed";
  const Seen seen = ReadList(list);

  EXPECT_EQ(seen.error.has_value(), is_malformed) << (seen.error ? seen.error->message : "");
  EXPECT_EQ(FormatName(DetectFormat(list)), path.extension() == ".bin" ? "binary" : "ascii");
  EXPECT_EQ(seen.entries, Member(expected, "entries").as_uint64());
  EXPECT_EQ(seen.violations, Member(expected, "violations").as_uint64());
  EXPECT_EQ(seen.templates, Counts(Member(expected, "templates")));
  if (deviation != Deviation::kAlgorithms) {
    EXPECT_EQ(seen.algorithms, Counts(Member(expected, "file_digest_algs")));
  }
  ExpectTemplateDigests(seen, expected, deviation);
  if (!is_malformed) ExpectMachinePcrs(list, Member(*document, "machine_pcrs"), seen.entries);
}

TEST(ListCorpus, OwnLists) {
  const auto lists = Lists(kData);
  ASSERT_GE(lists.size(), 26U);
  for (const fs::path& list : lists) CheckList(list);
}

TEST(ListCorpus, SharedLists) {
  const auto lists = Lists(kCorpus);
  if (lists.empty()) GTEST_SKIP() << "the shared corpus is not beside the source tree";
  for (const fs::path& list : lists) CheckList(list);
}

}  // namespace
}  // namespace limequat::ima
