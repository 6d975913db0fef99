#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/entry_signature.h"

namespace limequat::appraise {

namespace {

constexpr std::string_view kCheck = "ima.signature";

std::string Describe(const ima::EntrySignature& signature) {
  std::string text = fmt::format("{} in {}", signature.kind.empty() ? "a value" : signature.kind,
                                 ima::SignaturePlaceName(signature.place));
  if (!signature.key_id.empty()) text += fmt::format(" (key {})", signature.key_id);
  return text;
}

Finding FindingOf(const ima::Entry& entry, const ima::EntrySignature& signature) {
  std::string detail = fmt::format("the signature of {} does not count: {}: {}", PathOf(entry),
                                   Describe(signature), signature.verification.detail);
  switch (signature.verification.answer) {
    case ima::SignatureAnswer::kBad:
    case ima::SignatureAnswer::kMalformed:
      return Failed(kCheck, std::move(detail), Cause::kTamper);
    case ima::SignatureAnswer::kGood:
    case ima::SignatureAnswer::kUnknownKey:
    case ima::SignatureAnswer::kNotVerifiable:
      break;
  }
  return NotEvaluated(kCheck, std::move(detail));
}

// Whether it is one at all: a bare digest speaks for nobody.
bool IsSignature(const ima::EntrySignature& signature) {
  return signature.version != 0 || (signature.kind != "digest" && signature.kind != "hmac");
}

struct Counts {
  std::uint64_t good = 0;
  std::uint64_t others = 0;
};

void VerifySignatures(const ima::Entry& entry, const ima::Keyring& keys, Counts& counts,
                      Appraisal& out) {
  const std::array<const ima::Keyring*, 1> keyrings = {&keys};
  for (const ima::EntrySignature& signature : ima::VerifyEntry(entry, keyrings).signatures) {
    if (!IsSignature(signature)) continue;
    const bool good = signature.verification.answer == ima::SignatureAnswer::kGood;
    ++(good ? counts.good : counts.others);
    if (good) continue;
    // Whoever names the keys wants to know of every other one.
    Finding finding = FindingOf(entry, signature);
    finding.outcome = Outcome::kFailed;
    AddAbout(entry, std::move(finding), out);
  }
}

}  // namespace

std::string SignerOf(const ima::Entry& entry, const policy::PolicyAt& policy,
                     const ima::Keyring& learned, Appraisal& out) {
  if (!ima::HasSignature(entry)) return {};
  std::vector<const ima::Keyring*> keyrings = policy.VerificationKeys();
  if (!learned.empty()) keyrings.push_back(&learned);
  if (keyrings.empty()) return {};
  const ima::EntryVerification verified = ima::VerifyEntry(entry, keyrings);
  if (verified.content) return verified.content->signed_by();
  for (const ima::EntrySignature& signature : verified.signatures) {
    // A good one of metadata alone is no fault.
    if (!IsSignature(signature)) continue;
    if (signature.verification.answer == ima::SignatureAnswer::kGood) continue;
    AddAbout(entry, FindingOf(entry, signature), out);
  }
  return {};
}

Result<Appraisal> VerifyImaSignatures(ByteView list, ima::Format format, const ima::Keyring& keys,
                                      Time evaluated_at) {
  Appraisal out;
  out.policed = true;
  out.evaluated_at = evaluated_at;
  Counts counts;
  ima::ListReader reader(list, format);
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<ima::Entry> entry, reader.Next());
    if (!entry) break;
    VerifySignatures(*entry, keys, counts, out);
  }
  if (counts.good + counts.others == 0) {
    Add(out, Failed(kCheck, "no entry of the list has a signature", Cause::kConfiguration));
  } else if (counts.others == 0) {
    Add(out, Passed(kCheck, fmt::format("{} signatures, all good", counts.good)));
  }
  return out;
}

}  // namespace limequat::appraise
