#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <malloc.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/list.h"
#include "limequat/json/value.h"
#include "limequat/policy/policy_set.h"
#include "limequat/policy/runtime_policy.h"
#include "made_list.h"
#include "measure.h"

// usage: bench_policy DIGESTS ENTRIES ROUNDS FOLDER
//
// Makes a runtime policy of DIGESTS files and a list of ENTRIES of them, writes both with
// the value of PCR 10 into FOLDER (list, policy.json, pcr), measures, and prints one JSON
// object: sizes, bytes of memory that the policy holds, and seconds of CPU.

namespace limequat::bench {
namespace {

// What a policy is at the least: digests by path, in the map of the standard library.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
using BareMap = std::unordered_map<std::string, std::vector<Bytes>, TextHash, std::equal_to<>>;

struct Question {
  std::string path;
  Bytes digest;
};

std::size_t HeldBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Every path once, in an order that no map has.
std::vector<Question> MakeQuestions(int digests) {
  std::vector<Question> questions;
  for (int i = 0; i < digests; ++i) {
    const std::string path = MadePath(i);
    const crypto::Digest digest = MadeDigest(path);
    questions.push_back({path, Bytes(digest.bytes().begin(), digest.bytes().end())});
  }
  std::ranges::shuffle(questions, std::mt19937(7));  // NOLINT(cert-msc51-cpp): repeatable
  return questions;
}

void LookBare(const BareMap& map, const std::vector<Question>& questions) {
  std::size_t found = 0;
  for (const Question& question : questions) {
    const auto at = map.find(std::string_view(question.path));
    if (at == map.end()) continue;
    found += std::ranges::any_of(
                 at->second, [&](const Bytes& listed) { return Equal(listed, question.digest); })
                 ? 1U
                 : 0U;
  }
  LQ_CHECK(found == questions.size());
}

void Look(const policy::PolicyAt& policy, const std::vector<Question>& questions) {
  std::size_t found = 0;
  for (const Question& question : questions) {
    found += policy.Look(question.path, question.digest) == policy::PathAnswer::kListed ? 1U : 0U;
  }
  LQ_CHECK(found == questions.size());
}

void Appraise(const MadeList& list, const policy::PolicyAt& policy) {
  const auto appraisal = appraise::AppraiseImaList(AsBytes(list.ascii), ima::Format::kAscii, policy,
                                                   appraise::PcrClaim{.value = list.pcr});
  LQ_CHECK(appraisal && appraisal->verdict() == appraise::Verdict::kPass);
}

Result<json::Object> Measure(const MadeList& list, int digests, int rounds) {
  const std::size_t before = HeldBytes();
  LQ_ASSIGN_OR_RETURN(auto parsed, policy::RuntimePolicy::Parse(list.policy));
  const std::size_t held = HeldBytes() - before;
  LQ_CHECK(parsed->digests() == static_cast<std::size_t>(digests));
  const auto set = policy::PolicySet::Of(std::move(parsed));
  const policy::PolicyAt policy(*set, FromUnixSeconds(0));
  const std::vector<Question> questions = MakeQuestions(digests);
  BareMap map;
  for (const Question& question : questions) map[question.path].push_back(question.digest);
  Comparison load;
  load.Add("load", [&] { LQ_CHECK(policy::RuntimePolicy::Parse(list.policy).has_value()); });
  load.Run(std::max(1, rounds / 3));
  Comparison look;
  look.Add("look_bare", [&] { LookBare(map, questions); });
  look.Add("look", [&] { Look(policy, questions); });
  look.Run(rounds);
  Comparison appraise;
  appraise.Add("appraise", [&] { Appraise(list, policy); });
  appraise.Run(rounds);
  json::Object seconds = load.Seconds();
  for (const Comparison* each : {&look, &appraise}) {
    for (const auto& [name, value] : each->Seconds()) seconds.Set(name, value);
  }
  return json::Object{{"digests", digests},
                      {"policy_bytes", std::uint64_t{list.policy.size()}},
                      {"held_bytes", std::uint64_t{held}},
                      {"seconds", std::move(seconds)}};
}

Result<json::Object> Run(int digests, int entries, int rounds,
                         const std::filesystem::path& folder) {
  LQ_ASSIGN_OR_RETURN(const MadeList list, MakeList(entries, digests));
  std::ofstream(folder / "list") << list.ascii;
  std::ofstream(folder / "policy.json") << list.policy;
  std::ofstream(folder / "pcr") << list.pcr.hex();
  return Measure(list, digests, rounds);
}

}  // namespace
}  // namespace limequat::bench

int main(int argc, char** argv) {
  const auto number = [&](int at) { return argc == 5 ? std::atoi(argv[at]) : 0; };
  if (number(2) < 1 || number(1) < number(2) || number(3) < 1) {
    std::cerr << "usage: bench_policy DIGESTS ENTRIES ROUNDS FOLDER\n";
    return 2;
  }
  const auto figures = limequat::bench::Run(number(1), number(2), number(3), argv[4]);
  if (!figures) {
    std::cerr << figures.error().message << '\n';
    return 1;
  }
  std::cout << limequat::json::Serialize(*figures) << '\n';
  return 0;
}
