#include <array>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/ima_entry_steps.h"
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

}  // namespace

std::string SignerOf(const ima::Entry& entry, const policy::RuntimePolicy& policy,
                     const ima::Keyring& learned, Appraisal& out) {
  const std::array<const ima::Keyring*, 2> keyrings = {&policy.verification_keys(), &learned};
  if (keyrings[0]->empty() && keyrings[1]->empty()) return {};
  if (!ima::HasSignature(entry)) return {};
  const ima::EntryVerification verified = ima::VerifyEntry(entry, keyrings);
  if (verified.content) return verified.content->signed_by();
  for (const ima::EntrySignature& signature : verified.signatures) {
    // A bare digest is no signature, and a good one of metadata alone is no fault.
    if (signature.version == 0 && signature.kind == "digest") continue;
    if (signature.verification.answer == ima::SignatureAnswer::kGood) continue;
    AddAbout(entry, FindingOf(entry, signature), out);
  }
  return {};
}

}  // namespace limequat::appraise
