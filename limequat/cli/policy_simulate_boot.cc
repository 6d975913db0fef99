#include "limequat/cli/policy_simulate_boot.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/appraise/boot_appraisal.h"
#include "limequat/appraise/boot_criteria.h"
#include "limequat/appraise/policy_effect.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/input.h"
#include "limequat/cli/kept_boot.h"
#include "limequat/cli/machine_evidence.h"
#include "limequat/cli/pcr_input.h"
#include "limequat/cli/progress.h"
#include "limequat/cli/simulation.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/policy/signed_policy.h"

namespace limequat::cli {

namespace {

using Criteria = std::shared_ptr<const appraise::BootCriteria>;
using policy::BootPolicy;

constexpr std::size_t kFewFindings = 20;

// A boot and its evidence.
struct Boot {
  ByteView log;
  const std::optional<tpm::PcrValues>& pcrs;
};

// One text of a reference, and where it is from.
struct Reference {
  std::string file;
  std::string text;

  // Errors name the file.
  Result<Criteria> For(BootPolicy policy, std::string_view model) const {
    auto criteria = appraise::BootCriteria::Create(policy, text, model);
    if (!criteria) return std::move(criteria).error().In(Shown(file));
    return criteria;
  }
};

Result<Reference> ReadReference(const FileTexts& texts, const std::string& file,
                                const policy::TrustedSigners& signers) {
  policy::SignedBootReference read = policy::ReadSignedBootReference(texts.at(file), signers);
  if (read.text) return Reference{.file = file, .text = *std::move(read.text)};
  std::string why;
  for (const Finding& finding : read.findings) {
    if (!finding.passed()) why += fmt::format("{}{}", why.empty() ? "" : "; ", finding.detail);
  }
  return Untrusted("policy.signature",
                   fmt::format("{} does not verify with the given keys: {}", Shown(file), why));
}

Result<appraise::PolicyEffect> Compare(const Boot& boot, const Criteria& current,
                                       const Criteria& draft, Time at) {
  const eventlog::BootLogs logs{.firmware = boot.log, .user_space = {}};
  LQ_ASSIGN_OR_RETURN(const appraise::BootAppraisal then,
                      appraise::AppraiseBootLog(logs, boot.pcrs, *draft, at));
  // Held to nothing, nothing of a machine fails.
  appraise::Appraisal now{.findings = {Passed("eventlog.present")}};
  if (current != nullptr) {
    LQ_ASSIGN_OR_RETURN(appraise::BootAppraisal result,
                        appraise::AppraiseBootLog(logs, boot.pcrs, *current, at));
    now = std::move(result.appraisal);
  }
  return appraise::CompareAppraisals(now, then.appraisal);
}

void Put(const std::string& name, const std::string& path, Result<appraise::PolicyEffect> effect,
         Simulation& out) {
  if (effect) {
    out.Add(name, path, *std::move(effect));
  } else {
    out.AddError(name, path, std::move(effect).error());
  }
}

// Machines by files.
class GivenBoots {
 public:
  GivenBoots(const PolicySimulate& asked, Criteria current, Criteria draft)
      : asked_(asked), current_(std::move(current)), draft_(std::move(draft)) {}

  Status Run(ProgressLine& line, Simulation& out) const {
    LQ_ASSIGN_OR_RETURN(const std::vector<MachineEvidence> machines,
                        FindMachines(asked_.evidence, EvidenceKind::kEventLog));
    Amount amount;
    amount.total_files = machines.size();
    for (const MachineEvidence& machine : machines) {
      line.Show(amount);
      Put(machine.name, machine.path, Simulate(machine), out);
      ++amount.files;
    }
    return {};
  }

 private:
  Result<appraise::PolicyEffect> Simulate(const MachineEvidence& machine) const {
    if (machine.list.empty()) return NotFound("cli.evidence", "the folder holds no event log");
    std::optional<tpm::PcrValues> pcrs;
    if (machine.pcrs) {
      auto values = ReadPcrValues(*machine.pcrs);
      if (!values) return std::move(values).error().In(Shown(*machine.pcrs));
      pcrs = *std::move(values);
    }
    LQ_ASSIGN_OR_RETURN(const std::string log, ReadInput(machine.list, kMaxLogInput));
    return Compare({.log = AsBytes(log), .pcrs = pcrs}, current_, draft_, asked_.at);
  }

  const PolicySimulate& asked_;
  const Criteria current_;
  const Criteria draft_;
};

// Machines that the verifier holds against a reference: they would get the draft with a push.
class KeptBoots {
 public:
  KeptBoots(const PolicySimulate& asked, Reference draft, tenant::Services& services)
      : asked_(asked), draft_(std::move(draft)), services_(services) {}

  Status Run(ProgressLine& line, Simulation& out) const {
    const std::string& name = *asked_.fleet;
    LQ_ASSIGN_OR_RETURN(std::vector<wire::MachineView> machines, services_.ListMachines());
    std::erase_if(machines, [&](const auto& machine) { return machine.boot_reference != name; });
    if (machines.empty()) {
      return NotFound("cli.evidence", fmt::format("no machine is held against the boot reference "
                                                  "{}",
                                                  Shown(name)));
    }
    // One for all of them.
    LQ_ASSIGN_OR_RETURN(const std::string current,
                        services_.FetchPolicy(name, tenant::Services::PolicyKind::kMeasuredBoot));
    Amount amount;
    amount.total_files = machines.size();
    for (const wire::MachineView& machine : machines) {
      line.Show(amount);
      Put(machine.agent_id, "verifier", Simulate(machine.agent_id, current), out);
      ++amount.files;
    }
    return {};
  }

 private:
  Result<appraise::PolicyEffect> Simulate(const std::string& id, std::string_view current) const {
    LQ_ASSIGN_OR_RETURN(wire::BootLogView view, services_.FindBootLog(id));
    LQ_ASSIGN_OR_RETURN(const KeptBoot kept, ReadKeptBoot(std::move(view), current));
    LQ_ASSIGN_OR_RETURN(const Criteria now,
                        appraise::BootCriteria::Create(kept.policy, kept.reference, kept.model));
    LQ_ASSIGN_OR_RETURN(const Criteria then, draft_.For(kept.policy, kept.model));
    const std::optional<tpm::PcrValues> pcrs = kept.pcrs;
    return Compare({.log = kept.log, .pcrs = pcrs}, now, then, asked_.at);
  }

  const PolicySimulate& asked_;
  const Reference draft_;
  tenant::Services& services_;
};

Status CheckWords(const PolicySimulate& asked) {
  if (asked.drafts.size() > 1 || asked.current.size() > 1) {
    return UsageError("what machines boot is held against one reference: it has no layers");
  }
  if (asked.first_seen) return UsageError("--first-seen is for layers of runtime policies");
  if (asked.fleet && (!asked.current.empty() || !asked.model.empty())) {
    return UsageError("--fleet takes --against and --model from the verifier");
  }
  return {};
}

json::Value ValuesOf(const Criteria& criteria) {
  if (criteria == nullptr) return nullptr;
  json::Object object{{"sha256", criteria->hash().hex()}};
  if (const policy::BootValues* values = criteria->values()) {
    object.Set("name", values->name);
    object.Set("release", values->release);
  }
  return object;
}

}  // namespace

Result<Ending> SimulateBoots(const PolicySimulate& asked, const FileTexts& texts,
                             Console& console) {
  LQ_RETURN_IF_ERROR(CheckWords(asked));
  LQ_ASSIGN_OR_RETURN(const policy::TrustedSigners signers, LoadSigners(asked.signers, asked.at));
  LQ_ASSIGN_OR_RETURN(Reference draft, ReadReference(texts, asked.drafts.front(), signers));
  LQ_ASSIGN_OR_RETURN(const Criteria then, draft.For(BootPolicy::kExample, asked.model));
  Criteria now;
  if (!asked.current.empty()) {
    LQ_ASSIGN_OR_RETURN(const Reference current,
                        ReadReference(texts, asked.current.front(), signers));
    LQ_ASSIGN_OR_RETURN(now, current.For(BootPolicy::kExample, asked.model));
  }
  Simulation simulation(asked.all ? appraise::kMaxFindings : kFewFindings);
  ProgressLine line(stderr, console.err_is_terminal(), "simulating");
  if (asked.fleet) {
    LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(asked.config));
    LQ_RETURN_IF_ERROR(
        KeptBoots(asked, std::move(draft), connection.services()).Run(line, simulation));
  } else {
    LQ_RETURN_IF_ERROR(GivenBoots(asked, now, then).Run(line, simulation));
  }
  simulation.Sort();
  json::Object document = simulation.ToJson();
  document.Set("draft", ValuesOf(then));
  if (asked.fleet) {
    document.Set("fleet", *asked.fleet);
  } else {
    document.Set("current", ValuesOf(now));
  }
  document.Set("at", FormatRfc3339(asked.at));
  LQ_RETURN_IF_ERROR(
      console.Show(document, [&] { return simulation.Render(console.look(), asked.all); }));
  return EndSimulation(simulation, asked.all, console);
}

}  // namespace limequat::cli
