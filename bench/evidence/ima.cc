#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/json/value.h"
#include "limequat/policy/policy_set.h"
#include "limequat/policy/runtime_policy.h"
#include "made_list.h"
#include "measure.h"

// usage: bench_ima ENTRIES ROUNDS FOLDER
//
// Makes a list of ENTRIES files (template ima-ng, SHA-256), a Keylime runtime policy that
// lists them all, writes both with the value of PCR 10 into FOLDER (list, policy.json,
// pcr), measures, and prints one JSON object: sizes, and seconds of CPU.

namespace limequat::bench {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using ima::Format;
using ima::TemplateDigests;

// --- what nobody can do without: OpenSSL's calls, algorithms fetched and contexts made
// once, over the same bytes: each entry's template data in SHA-1 and in the bank's
// algorithm, and the extend.
class BareHash {
 public:
  explicit BareHash(const char* name)
      : md_(EVP_MD_fetch(nullptr, name, nullptr)), context_(EVP_MD_CTX_new()) {
    LQ_CHECK(EVP_DigestInit_ex2(context_, md_, nullptr) == 1);
  }
  BareHash(const BareHash&) = delete;
  BareHash& operator=(const BareHash&) = delete;
  ~BareHash() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(md_);
  }
  void operator()(ByteView data, std::uint8_t* out) {
    LQ_CHECK(EVP_DigestInit_ex2(context_, nullptr, nullptr) == 1 &&
             EVP_DigestUpdate(context_, data.data(), data.size()) == 1 &&
             EVP_DigestFinal_ex(context_, out, nullptr) == 1);
  }

 private:
  EVP_MD* md_;
  EVP_MD_CTX* context_;
};

void HashBare(const std::vector<ByteView>& data, const Digest& pcr) {
  BareHash sha1("SHA1");
  BareHash sha256("SHA2-256");
  std::array<std::uint8_t, 20> stated{};
  std::array<std::uint8_t, 64> extend{};  // PCR, template digest
  for (const ByteView each : data) {
    sha1(each, stated.data());
    sha256(each, &extend[32]);
    sha256(extend, extend.data());
  }
  LQ_CHECK(Equal(ByteView(extend).first(32), pcr.bytes()));
}

template <class Each>
std::uint64_t ForEach(ByteView list, Format format, const Each& each) {
  ima::ListReader reader(list, format);
  while (true) {
    const auto entry = reader.Next();
    LQ_CHECK(entry.has_value());
    if (!*entry) return reader.index();
    each(**entry);
  }
}

void Parse(ByteView list, Format format, int entries) {
  std::size_t seen = 0;
  const std::uint64_t count =
      ForEach(list, format, [&](const ima::Entry& entry) { seen += entry.path.size(); });
  LQ_CHECK(count == static_cast<std::uint64_t>(entries) && seen > count);
}

void Check(const ima::Entry& entry, ima::Replay& replay) {
  LQ_CHECK(ima::CheckStatedDigest(entry) == ima::StatedDigest::kMatches);
  replay.Extend(entry);
}

void ParseAndReplay(ByteView list, Format format, const Digest& pcr) {
  ima::Replay replay(pcr.algorithm(), TemplateDigests::kNative);
  ForEach(list, format, [&](const ima::Entry& entry) { Check(entry, replay); });
  LQ_CHECK(replay.pcr() == pcr);
}

// The same, of entries that were read before: only what a replay looks at is there.
void ReplayOnly(const std::vector<ima::Entry>& entries, const Digest& pcr) {
  ima::Replay replay(pcr.algorithm(), TemplateDigests::kNative);
  for (const ima::Entry& entry : entries) Check(entry, replay);
  LQ_CHECK(replay.pcr() == pcr);
}

// What Keylime's function does with a list: each entry is read, its stated digest checked,
// the PCR extended, and the file looked up.
void Judge(const MadeList& list, const policy::PolicyAt& policy) {
  ima::Replay replay(list.pcr.algorithm(), TemplateDigests::kNative);
  ForEach(AsBytes(list.ascii), Format::kAscii, [&](const ima::Entry& entry) {
    policy.Expect(entry.path);
    LQ_CHECK(ima::CheckStatedDigest(entry) == ima::StatedDigest::kMatches);
    policy.Fetch(entry.path);
    replay.Extend(entry);
    LQ_CHECK(policy.Look(entry.path, entry.file_digest) == policy::PathAnswer::kListed);
  });
  LQ_CHECK(replay.pcr() == list.pcr);
}

// What `limequat appraise ima` does: the list is read a second time after its quoted part
// is known, and every rule of an appraisal is applied.
void Appraise(const MadeList& list, const policy::PolicyAt& policy) {
  const auto appraisal = appraise::AppraiseImaList(AsBytes(list.ascii), Format::kAscii, policy,
                                                   appraise::PcrClaim{.value = list.pcr});
  LQ_CHECK(appraisal.has_value());
  for (const Finding& finding : appraisal->findings) LQ_CHECK(finding.passed());
}

Result<json::Object> Measure(const MadeList& list, int entries, int rounds) {
  LQ_ASSIGN_OR_RETURN(auto parsed, policy::RuntimePolicy::Parse(list.policy));
  const auto set = policy::PolicySet::Of(std::move(parsed));
  const policy::PolicyAt policy(*set, FromUnixSeconds(0));
  const ByteView ascii = AsBytes(list.ascii);
  std::vector<ByteView> data;
  std::vector<ima::Entry> read;
  ForEach(list.binary, Format::kBinary, [&](const ima::Entry& entry) {
    data.push_back(entry.template_data);
    read.push_back(entry);
    read.back().fields = {};  // they point into the reader
  });
  Comparison comparison;
  comparison.Add("hash_calls", [&] { HashBare(data, list.pcr); });
  comparison.Add("replay", [&] { ReplayOnly(read, list.pcr); });
  comparison.Add("parse_binary", [&] { Parse(list.binary, Format::kBinary, entries); });
  comparison.Add("parse_ascii", [&] { Parse(ascii, Format::kAscii, entries); });
  comparison.Add("replay_binary", [&] { ParseAndReplay(list.binary, Format::kBinary, list.pcr); });
  comparison.Add("replay_ascii", [&] { ParseAndReplay(ascii, Format::kAscii, list.pcr); });
  comparison.Run(rounds);
  // By themselves, as Keylime's function is measured: a policy of a hundred thousand paths
  // does not stay in the processor's cache while other things are done.
  Comparison judge;
  judge.Add("judge", [&] { Judge(list, policy); });
  judge.Run(rounds);
  Comparison appraise;
  appraise.Add("appraise", [&] { Appraise(list, policy); });
  appraise.Run(rounds);
  json::Object seconds = comparison.Seconds();
  for (const Comparison* each : {&judge, &appraise}) {
    for (const auto& [name, value] : each->Seconds()) seconds.Set(name, value);
  }
  return json::Object{{"entries", entries},
                      {"ascii_bytes", std::uint64_t{list.ascii.size()}},
                      {"binary_bytes", std::uint64_t{list.binary.size()}},
                      {"seconds", std::move(seconds)}};
}

Result<json::Object> Run(int entries, int rounds, const std::filesystem::path& folder) {
  LQ_ASSIGN_OR_RETURN(const MadeList list, MakeList(entries, entries));
  std::ofstream(folder / "list") << list.ascii;
  std::ofstream(folder / "policy.json") << list.policy;
  std::ofstream(folder / "pcr") << list.pcr.hex();
  return Measure(list, entries, rounds);
}

}  // namespace
}  // namespace limequat::bench

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[1]) < 1 || std::atoi(argv[2]) < 1) {
    std::cerr << "usage: bench_ima ENTRIES ROUNDS FOLDER\n";
    return 2;
  }
  const auto figures = limequat::bench::Run(std::atoi(argv[1]), std::atoi(argv[2]), argv[3]);
  if (!figures) {
    std::cerr << figures.error().message << '\n';
    return 1;
  }
  std::cout << limequat::json::Serialize(*figures) << '\n';
  return 0;
}
