#include "limequat/cli/kept_boot.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/text.h"
#include "limequat/policy/dsse.h"

namespace limequat::cli {

namespace {

// With any of these not passed a log does not verify (eventlog::VerifyLog).
constexpr std::array<std::string_view, 6> kLogChecks = {"eventlog.readable", "eventlog.present",
                                                        "eventlog.bank",     "eventlog.startup",
                                                        "eventlog.boot",     "eventlog.replay"};

}  // namespace

appraise::BootCase KeptBoot::CaseAt(Time at) const {
  return {.logs = {.firmware = log, .user_space = {}},
          .pcrs = pcrs,
          .policy = policy,
          .reference = reference,
          .model = model,
          .evaluated_at = at};
}

Result<KeptBoot> ReadKeptBoot(wire::BootLogView view, std::string_view reference) {
  if (view.boot_policy.empty()) {
    return NotFound("cli.kept_boot", "the machine has no boot policy by now");
  }
  const auto known = policy::BootPolicyFromName(view.boot_policy);
  if (!known) {
    return Malformed("cli.kept_boot",
                     fmt::format("the boot policy {} is not known", Shown(view.boot_policy)));
  }
  auto pcrs = tpm::PcrValues::FromJson(view.pcrs);
  if (!pcrs) return Malformed("cli.kept_boot", "PCR values: " + pcrs.error().message);
  const auto envelope = policy::UnverifiedEnvelope::Parse(reference);
  return KeptBoot{.log = std::move(view.log),
                  .pcrs = *std::move(pcrs),
                  .verified = std::move(view.verified),
                  .policy = *known,
                  .reference = std::string(envelope ? envelope->unverified_payload() : reference),
                  .model = std::move(view.model)};
}

Result<KeptBoot> FetchKeptBoot(tenant::Services& services, std::string_view agent_id) {
  LQ_ASSIGN_OR_RETURN(wire::BootLogView view, services.FindBootLog(agent_id));
  std::string reference;
  if (!view.boot_reference.empty()) {
    LQ_ASSIGN_OR_RETURN(
        reference,
        services.FetchPolicy(view.boot_reference, tenant::Services::PolicyKind::kMeasuredBoot));
  }
  return ReadKeptBoot(std::move(view), reference);
}

bool IsBootRefused(const ResultView& result) {
  return std::ranges::any_of(result.findings, [](const ShownFinding& finding) {
    return !finding.passed() && finding.check.starts_with("boot.") &&
           finding.check != "boot.baseline";
  });
}

Status CheckLogLedToQuote(const ResultView& result) {
  for (const ShownFinding& finding : result.findings) {
    if (finding.passed() || std::ranges::find(kLogChecks, finding.check) == kLogChecks.end())
      continue;
    return Malformed("cli.kept_boot",
                     "the event log of the newest answer does not lead to its "
                     "quote (" +
                         finding.check + "): what is kept is of another boot");
  }
  return {};
}

}  // namespace limequat::cli
