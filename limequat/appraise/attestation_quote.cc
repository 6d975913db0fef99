#include <algorithm>

#include <fmt/format.h>

#include "limequat/appraise/attestation_steps.h"
#include "limequat/base/escape.h"

namespace limequat::appraise {

namespace {

using crypto::HashAlgorithm;

constexpr std::size_t kShownName = 32;
constexpr std::size_t kMaxTransportKey = 16384;

bool Accepts(const Reference& reference, HashAlgorithm hash) {
  return std::ranges::find(reference.accepted_hashes, hash) != reference.accepted_hashes.end();
}

bool NeedsWaiver(const Reference& reference, HashAlgorithm hash) {
  return hash == HashAlgorithm::kSha1 && !reference.waivers.sha1;
}

std::string ObjectionTo(const Reference& reference, HashAlgorithm bank) {
  if (NeedsWaiver(reference, bank)) {
    return "the sha1 bank needs a waiver for this machine";
  }
  if (!reference.bank && !Accepts(reference, bank)) {
    return fmt::format("the enrolment does not accept the {} bank", crypto::HashName(bank));
  }
  return {};
}

}  // namespace

BankChoice ChooseBank(const Reference& reference, const BootProgress* before,
                      const tpm::PcrSelection& signed_selection) {
  // A bank, once fixed, is not given up because an answer shows another one.
  std::optional<HashAlgorithm> fixed = reference.bank;
  if (!fixed && before != nullptr) fixed = before->replay.pcr().algorithm();
  if (fixed) return {.bank = *fixed, .objection = ObjectionTo(reference, *fixed)};
  std::optional<BankChoice> refused;
  for (const tpm::BankSelection& selected : signed_selection) {
    const std::optional<HashAlgorithm> hash = tpm::HashOf(selected.bank);
    if (selected.pcrs.empty() || !hash) continue;
    BankChoice choice{.bank = *hash, .objection = ObjectionTo(reference, *hash)};
    if (choice.objection.empty()) return choice;
    if (!refused) refused = std::move(choice);
  }
  if (refused) return *std::move(refused);
  return {.bank = HashAlgorithm::kSha256, .objection = "the quote covers no bank that is known"};
}

tpm::QuoteRequirements RequirementsOf(const Reference& reference, const Challenge& challenge,
                                      HashAlgorithm bank) {
  const tpm::PcrSet pcrs =
      PcrsToAsk(reference, challenge.full) | challenge.pcrs | tpm::PcrSet::Of(kTransportKeyPcr);
  return {.nonce = challenge.nonce,
          .pcrs = {{.bank = tpm::IdOf(bank), .pcrs = pcrs}},
          .allow_sha1 = reference.waivers.sha1};
}

Finding CheckBank(const Case& about, const BankChoice& choice, const tpm::VerifiedQuote& quote) {
  constexpr std::string_view kCheck = "tpm.quote.bank";
  if (!choice.objection.empty()) return Failed(kCheck, choice.objection, Cause::kConfiguration);
  const crypto::Digest* pcr0 = quote.Pcr(choice.bank, 0);
  if (pcr0 != nullptr && pcr0->IsZero()) {
    return Failed(
        kCheck, fmt::format("PCR 0 of the {} bank is zero: the firmware does not extend this bank",
                            crypto::HashName(choice.bank)));
  }
  return Passed(kCheck, fmt::format("{}{}", crypto::HashName(choice.bank),
                                    about.reference.bank ? "" : ", fixed by this quote"));
}

Finding CheckAlgorithms(const Case& about, const tpm::Signature& signature) {
  constexpr std::string_view kCheck = "tpm.quote.algorithms";
  const std::string hash(crypto::HashName(signature.hash));
  const std::string scheme = tpm::AlgorithmName(signature.scheme);
  const std::string used = fmt::format("{} with {}", scheme, hash);
  if (about.answer.hash_alg != hash || about.answer.sign_alg != scheme) {
    return Failed(kCheck,
                  fmt::format("the answer announces {} with {}, the quote is signed by {}",
                              EscapeForDisplay(about.answer.sign_alg, kShownName),
                              EscapeForDisplay(about.answer.hash_alg, kShownName), used),
                  Cause::kConfiguration);
  }
  if (!Accepts(about.reference, signature.hash) || NeedsWaiver(about.reference, signature.hash)) {
    return Failed(kCheck, fmt::format("the enrolment does not accept quotes signed by {}", used),
                  Cause::kConfiguration);
  }
  // A TPM signs with a restricted key by the key's own scheme only.
  const tpm::PublicArea& ak = about.reference.ak;
  if (ak.scheme() != signature.scheme || ak.scheme_hash() != tpm::IdOf(signature.hash)) {
    return Failed(kCheck, fmt::format("the quote is signed by {}, the attestation key is for {} "
                                      "with {}",
                                      used, tpm::AlgorithmName(ak.scheme()),
                                      tpm::AlgorithmName(ak.scheme_hash())));
  }
  return Passed(kCheck, used);
}

Finding CheckTransportKey(const Case& about, const std::string& key,
                          const tpm::VerifiedQuote& quote) {
  constexpr std::string_view kCheck = "tpm.quote.transport_key";
  if (key.empty()) {
    return NotEvaluated(kCheck, "the answer holds no transport key, and none is known",
                        Cause::kTransport);
  }
  // It is kept as long as the boot lasts, and the machine chooses it.
  if (key.size() > kMaxTransportKey) {
    return Failed(kCheck, fmt::format("the transport key has {} bytes, at most {} are accepted",
                                      key.size(), kMaxTransportKey));
  }
  const crypto::Digest expected =
      crypto::Extend(crypto::Digest(about.bank), crypto::Hash(about.bank, AsBytes(key)).bytes());
  const crypto::Digest* value = quote.Pcr(about.bank, kTransportKeyPcr);
  if (value == nullptr || *value != expected) {
    Finding finding =
        Failed(kCheck, fmt::format("PCR {} is {}, not {}: the transport key is not this machine's",
                                   kTransportKeyPcr, value == nullptr ? "absent" : value->hex(),
                                   expected.hex()));
    finding.subject.pcr = kTransportKeyPcr;
    return finding;
  }
  return Passed(kCheck, "PCR 16 holds the hash of the transport key");
}

BootRelation CompareBoots(const tpm::ClockInfo& now, const BootProgress* before) {
  if (before == nullptr) return BootRelation::kFirst;
  // The difference modulo 2^32 is that of the real counters, obfuscated or not.
  constexpr std::uint32_t kHalf = 0x80000000U;
  const std::uint32_t resets = now.reset_count - before->clock_info.reset_count;
  const std::uint32_t restarts = now.restart_count - before->clock_info.restart_count;
  if (resets == 0 && restarts == 0) return BootRelation::kSame;
  if (resets >= kHalf) return BootRelation::kEarlier;
  // A reset sets the restart count back to zero (quirk Q23 of Keylime).
  if (resets == 0 && restarts >= kHalf) return BootRelation::kEarlier;
  return BootRelation::kAnother;
}

Finding CheckClock(const tpm::ClockInfo& now, const BootProgress* before) {
  constexpr std::string_view kCheck = "tpm.clock";
  const std::string counters =
      fmt::format("reset count {}, restart count {}", now.reset_count, now.restart_count);
  switch (CompareBoots(now, before)) {
    case BootRelation::kFirst:
      return Passed(kCheck, counters);
    case BootRelation::kAnother:
      return Passed(kCheck, counters + ": another boot");
    case BootRelation::kEarlier:
      return Failed(
          kCheck,
          fmt::format("{}, but {} and {} were seen before: the TPM's state was set back, "
                      "or there are two of it",
                      counters, before->clock_info.reset_count, before->clock_info.restart_count));
    case BootRelation::kSame:
      break;
  }
  // Equal is possible: two quotes within one millisecond.
  if (now.clock < before->clock_info.clock) {
    return Failed(kCheck, fmt::format("the TPM's clock shows {} ms, {} ms was seen before in this "
                                      "boot: a replay, or there are two of it",
                                      now.clock, before->clock_info.clock));
  }
  return Passed(kCheck, counters);
}

}  // namespace limequat::appraise
