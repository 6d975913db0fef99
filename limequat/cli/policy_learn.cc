#include "limequat/cli/policy_learn.h"

#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/ima_signatures.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/made_policy.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/json/value.h"
#include "limequat/policy/exclude_list.h"
#include "limequat/policy/list_digests.h"
#include "limequat/policy/runtime_policy.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kConflictsNoted = 5;
// Of the banks that a quote covers, the first of these counts; SHA-1 only if it is allowed.
constexpr std::array kBanks = {crypto::HashAlgorithm::kSha512, crypto::HashAlgorithm::kSha384,
                               crypto::HashAlgorithm::kSha256};

Status CheckUsage(const PolicyLearn& asked, const Console& console) {
  LQ_RETURN_IF_ERROR(CheckOutput(asked.output, "policy", console));
  const QuoteInput& quote = asked.quote;
  const bool any = !quote.message.empty() || !quote.signature.empty() || !quote.ak.empty() ||
                   quote.pcrs || quote.nonce || quote.allow_sha1;
  const bool all =
      !quote.message.empty() && !quote.signature.empty() && !quote.ak.empty() && quote.pcrs;
  if (asked.unattested && any) {
    return UsageError("--unattested takes lists at their word: give it without a quote");
  }
  if (!asked.unattested && !all) {
    return UsageError(
        "a list is learned with the quote that covers it: give --quote, --signature, --ak and "
        "--pcrs (or take lists at their word with --unattested: whoever could write them could "
        "put anything into the policy)");
  }
  if (all && asked.lists.size() > 1) {
    return UsageError("a quote covers one list: learn the others with --base, one by one");
  }
  std::vector<std::string> files = asked.lists;
  files.push_back(asked.base.value_or(""));
  files.insert(files.end(), asked.verification_keys.begin(), asked.verification_keys.end());
  for (std::string& file : asked.quote.Files()) files.push_back(std::move(file));
  return CheckOneStandardInput({}, files);
}

// PCR 10 as a verified quote has it.
Result<crypto::Digest> QuotedPcr(const QuoteInput& asked) {
  LQ_ASSIGN_OR_RETURN(const CheckedQuote checked, CheckQuote(asked, {}));
  if (!checked.quote) {
    std::string why;
    for (const Finding& finding : checked.findings) {
      if (finding.passed()) continue;
      why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", finding.check, finding.detail);
    }
    return Untrusted("policy.learn.quote", "the quote does not verify: " + why);
  }
  for (const crypto::HashAlgorithm bank : kBanks) {
    if (const crypto::Digest* pcr = checked.quote->Pcr(bank, tpm::kImaPcr)) return *pcr;
  }
  const crypto::Digest* weak = checked.quote->Pcr(crypto::HashAlgorithm::kSha1, tpm::kImaPcr);
  if (weak != nullptr && asked.allow_sha1) return *weak;
  return Untrusted("policy.learn.pcr",
                   weak != nullptr
                       ? "the quote covers PCR 10 in the SHA-1 bank alone (--allow-sha1 takes it)"
                       : "the quote does not cover PCR 10 in a bank of SHA-2: it says nothing of "
                         "the list");
}

// Everything that the lists say, with what vouches for them.
Result<policy::ListDigests> ReadLists(const PolicyLearn& asked) {
  LQ_ASSIGN_OR_RETURN(const policy::ExcludeList excludes,
                      policy::ExcludeList::Compile(asked.excludes));
  policy::ListDigestsOptions options{.excludes = &excludes,
                                     .allow_sha1 = asked.allow_sha1_digests,
                                     .keys = asked.keyrings,
                                     .ignored_keyrings = asked.ignored_keyrings,
                                     .buffers = asked.buffers};
  if (!asked.unattested) {
    LQ_ASSIGN_OR_RETURN(options.pcr, QuotedPcr(asked.quote));
  }
  policy::ListDigests learned;
  for (const std::string& file : asked.lists) {
    LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(file, kMaxListInput));
    const ByteView list = AsBytes(content);
    Status added = policy::AddListDigests(list, asked.format.value_or(ima::DetectFormat(list)),
                                          options, learned);
    if (!added) return std::move(added).error().In(Shown(file));
  }
  return learned;
}

// Paths with two digests of one kind: of one file that changed, of two lists, or of a list
// and the base. All of them are good from then on.
Result<policy::DigestsByName> ConflictsOf(const policy::ListDigests& learned,
                                          const std::string& base) {
  std::shared_ptr<const policy::RuntimePolicy> known;
  if (!base.empty()) {
    LQ_ASSIGN_OR_RETURN(known, policy::RuntimePolicy::Parse(base));
  }
  policy::DigestsByName conflicts;
  for (const auto& [path, digests] : learned.found.digests) {
    std::set<std::string> all = digests;
    if (known != nullptr) {
      for (std::string& digest : known->DigestsOf(path)) all.insert(std::move(digest));
    }
    std::set<std::size_t> sizes;
    for (const std::string& digest : all) sizes.insert(digest.size());
    if (sizes.size() < all.size()) conflicts.emplace(path, std::move(all));
  }
  return conflicts;
}

void NoteConflicts(const policy::DigestsByName& conflicts, Console& console) {
  std::size_t noted = 0;
  for (const auto& [path, digests] : conflicts) {
    if (++noted > kConflictsNoted) break;
    console.Note(fmt::format("limequat: {} has {} digests, all of them are good from now on",
                             EscapeForDisplay(path, 256), digests.size()));
  }
  if (conflicts.size() > kConflictsNoted) {
    console.Note(fmt::format("limequat: so have {} more paths (named with --output and -o json)",
                             conflicts.size() - kConflictsNoted));
  }
}

std::size_t DigestsIn(const policy::DigestsByName& named) {
  std::size_t count = 0;
  for (const auto& [name, digests] : named) count += digests.size();
  return count;
}

void NoteWhatItIsWorth(const PolicyLearn& asked, const policy::ListDigests& learned,
                       Console& console) {
  if (asked.unattested) {
    console.Note(
        "limequat: nobody vouches for the lists: whoever could write them could put "
        "anything into this policy (meta.unattested)");
  } else if (!asked.quote.nonce) {
    console.Note("limequat: no --nonce: the quote may be of another time than you think");
  }
  if (const std::size_t keys = DigestsIn(learned.found.keyrings); keys > 0) {
    console.Note(fmt::format("limequat: {} may sign any file from now on", Counted(keys, "key")));
  }
  if (learned.unquoted_bytes > 0) {
    console.Note(fmt::format("limequat: {} of the list follow the quoted state: not learned",
                             Counted(learned.unquoted_bytes, "byte")));
  }
  if (learned.left_out_not_kept > 0) {
    console.Note(fmt::format("limequat: not in the policy: {} more, which are not named",
                             learned.left_out_not_kept));
  }
}

json::Object Summary(const PolicyLearn& asked, const policy::ListDigests& learned,
                     const policy::DigestsByName& conflicts) {
  json::Object named;
  for (const auto& [path, digests] : conflicts) {
    json::Array array;
    for (const std::string& digest : digests) array.emplace_back(digest);
    named.Set(path, std::move(array));
  }
  return {{"attested", !asked.unattested},
          {"entries", learned.entries},
          {"excluded", learned.excluded},
          {"keys", std::uint64_t{DigestsIn(learned.found.keyrings)}},
          {"buffers", std::uint64_t{DigestsIn(learned.found.buffers)}},
          {"unquoted_bytes", learned.unquoted_bytes},
          {"left_out_not_shown", learned.left_out_not_kept},
          {"conflicts", std::move(named)}};
}

}  // namespace

Result<Ending> PolicyLearn::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckUsage(*this, console));
  LQ_ASSIGN_OR_RETURN(const std::string base_text, ReadBasePolicy(base));
  LQ_ASSIGN_OR_RETURN(const ima::Keyring keys, ReadKeyFiles(verification_keys));
  LQ_ASSIGN_OR_RETURN(const policy::ListDigests learned, ReadLists(*this));
  if (learned.found.empty()) {
    return Untrusted("policy.learn.nothing", "nothing of the list can be learned: no policy");
  }
  LQ_ASSIGN_OR_RETURN(const policy::DigestsByName conflicts, ConflictsOf(learned, base_text));
  policy::RuntimePolicyBuilder builder;
  if (unattested) builder.MarkUnattested();
  for (const std::string& exclude : excludes) builder.AddExclude(exclude);
  for (const std::string& keyring : ignored_keyrings) builder.AddIgnoredKeyring(keyring);
  builder.SetVerificationKeys(keys);
  builder.Add(learned.found);
  MadePolicy made{.text = {},
                  .files = learned.found.digests.size(),
                  .left_out = learned.left_out,
                  .more = Summary(*this, learned, conflicts)};
  LQ_ASSIGN_OR_RETURN(made.text, WriteWithBase(builder, base_text, now));
  NoteWhatItIsWorth(*this, learned, console);
  NoteConflicts(conflicts, console);
  return DeliverMade(made, output, console);
}

}  // namespace limequat::cli
