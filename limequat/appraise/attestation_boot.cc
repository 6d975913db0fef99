#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/attestation_steps.h"
#include "limequat/eventlog/verify.h"

namespace limequat::appraise {

namespace {

constexpr std::string_view kBaselineCheck = "boot.baseline";
constexpr std::string_view kPolicyCheck = "pcr.policy";
constexpr std::string_view kReadableCheck = "eventlog.readable";

Finding AboutPcr(std::uint32_t pcr, Finding finding) {
  finding.subject.pcr = pcr;
  return finding;
}

Finding ComparePcr(std::uint32_t pcr, const crypto::Digest* is, const crypto::Digest* expected,
                   bool approved) {
  const std::string_view kind = approved ? "approved" : "first seen";
  if (is == nullptr || expected == nullptr) {
    return NotEvaluated(kBaselineCheck,
                        fmt::format("PCR {}: the {} baseline and the quote do not both have a "
                                    "value of this bank",
                                    pcr, kind));
  }
  if (*is != *expected) {
    return Comparing(Failed(kBaselineCheck,
                            fmt::format("PCR {} is {}, the {} value is {}", pcr, is->hex(), kind,
                                        expected->hex()),
                            Cause::kFirmware),
                     {expected->hex()}, is->hex());
  }
  return Passed(kBaselineCheck);
}

Finding CheckPcrPolicy(std::uint32_t pcr, const crypto::Digest* is,
                       const std::vector<std::string>& allowed) {
  if (is == nullptr) return NotEvaluated(kPolicyCheck, fmt::format("PCR {} is not quoted", pcr));
  const std::string hex = is->hex();
  if (std::ranges::find(allowed, hex) == allowed.end()) {
    return Comparing(Failed(kPolicyCheck,
                            fmt::format("PCR {} is {}, which is none of the {} listed values", pcr,
                                        hex, allowed.size()),
                            Cause::kFirmware),
                     allowed, hex);
  }
  return Passed(kPolicyCheck, fmt::format("PCR {} has a listed value", pcr));
}

}  // namespace

void AppraiseBaseline(const Case& about, const tpm::VerifiedQuote& quote, Appraisal& out) {
  if (about.reference.boot != nullptr && about.reference.boot->compares()) {
    return Add(out, Passed(kBaselineCheck, "the boot policy says what is good instead"));
  }
  const std::optional<BootBaseline>& baseline = about.reference.baseline;
  if (!baseline) {
    Add(out, Passed(kBaselineCheck,
                    "first seen: these PCRs 0-9 become the baseline; nobody approved them"));
    return;
  }
  bool good = true;
  for (const std::uint32_t pcr : kBootPcrs.ToList()) {
    Finding finding = ComparePcr(pcr, quote.Pcr(about.bank, pcr),
                                 baseline->pcrs.Find(about.bank, pcr), baseline->approved);
    if (finding.passed()) continue;
    good = false;
    Add(out, AboutPcr(pcr, std::move(finding)));
  }
  if (good) {
    Add(out, Passed(kBaselineCheck, baseline->approved
                                        ? "PCRs 0-9 are the approved ones"
                                        : "PCRs 0-9 are those first seen; nobody approved them"));
  }
}

bool AppraiseBootPolicy(const Case& about, const tpm::VerifiedQuote& quote, Appraisal& out) {
  const BootCriteria* criteria = about.reference.boot.get();
  if (criteria == nullptr) return false;
  if (!criteria->looks()) {
    criteria->Appraise(nullptr, out);
    return false;
  }
  eventlog::LogVerification verification = VerifyBootLog(about, quote, criteria->pcrs());
  const bool verified = std::ranges::all_of(verification.findings, &Finding::passed);
  for (Finding& finding : verification.findings) Add(out, std::move(finding));
  criteria->Appraise(verification.log ? &*verification.log : nullptr, out);
  return verified;
}

eventlog::LogVerification VerifyBootLog(const Case& about, const tpm::VerifiedQuote& quote,
                                        tpm::PcrSet required) {
  const ByteView log = about.answer.boot_log.value_or(ByteView());
  if (log.size() > kMaxBootLog) {
    return {.findings = {Failed(kReadableCheck,
                                fmt::format("the event log has {} bytes, at most {} are read",
                                            log.size(), kMaxBootLog))},
            .log = std::nullopt};
  }
  auto verification = eventlog::VerifyLog(log, quote, about.bank, required);
  if (verification) return *std::move(verification);
  return {.findings = {Failed(kReadableCheck, verification.error().message)}, .log = std::nullopt};
}

void AppraisePcrPolicy(const Case& about, const tpm::VerifiedQuote& quote, Appraisal& out) {
  for (const auto& [pcr, allowed] : about.reference.pcr_policy) {
    Add(out, AboutPcr(pcr, CheckPcrPolicy(pcr, quote.Pcr(about.bank, pcr), allowed)));
  }
}

tpm::PcrValues BootPcrs(const tpm::VerifiedQuote& quote, crypto::HashAlgorithm bank) {
  tpm::PcrValues pcrs;
  for (const std::uint32_t pcr : kBootPcrs.ToList()) {
    if (const crypto::Digest* value = quote.Pcr(bank, pcr)) pcrs.Set(pcr, *value);
  }
  return pcrs;
}

tpm::PcrValues BootLogPcrs(const tpm::VerifiedQuote& quote, crypto::HashAlgorithm bank) {
  const tpm::PcrSet changing = tpm::PcrSet::Of(tpm::kImaPcr) | tpm::PcrSet::Of(kTransportKeyPcr);
  tpm::PcrValues pcrs;
  for (const std::uint32_t pcr : (quote.pcrs().Numbers(bank) - changing).ToList()) {
    pcrs.Set(pcr, *quote.Pcr(bank, pcr));
  }
  return pcrs;
}

}  // namespace limequat::appraise
