#include "limequat/cli/policy_simulate.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/policy_effect.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/machine_evidence.h"
#include "limequat/cli/pcr_input.h"
#include "limequat/cli/policy_layers.h"
#include "limequat/cli/policy_simulate_boot.h"
#include "limequat/cli/progress.h"
#include "limequat/cli/simulation.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/collect/workers.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/policy_kind.h"
#include "limequat/policy/policy_set.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kFewFindings = 20;

// Two sets of layers as they are in effect at one moment; no set: held to nothing.
struct Policies {
  std::shared_ptr<const policy::PolicySet> current;
  std::shared_ptr<const policy::PolicySet> draft;
  Time at{};
  Time first_seen{};

  bool NeedCommandLine() const {
    return draft->needs_command_line() || (current != nullptr && current->needs_command_line());
  }
  policy::PolicyAt At(const policy::PolicySet& set) const { return {set, at, first_seen}; }
};

Result<std::shared_ptr<const policy::PolicySet>> ReadSet(LayerReader& reader,
                                                         const std::vector<std::string>& files) {
  if (files.empty()) return std::shared_ptr<const policy::PolicySet>();
  LQ_ASSIGN_OR_RETURN(Layers layers, reader.Read(files));
  if (layers.set != nullptr) return layers.set;
  std::string why;
  for (const Finding& finding : layers.not_vouched_for->findings) {
    if (!finding.passed()) why += fmt::format("{}{}", why.empty() ? "" : "; ", finding.detail);
  }
  return Untrusted("policy.signature", "a layer does not verify with the given keys: " + why);
}

Result<Policies> ReadPolicies(const PolicySimulate& asked, FileTexts texts) {
  LQ_ASSIGN_OR_RETURN(const policy::TrustedSigners signers, LoadSigners(asked.signers, asked.at));
  LayerReader reader(signers, std::move(texts));
  Policies policies{.current = {},
                    .draft = {},
                    .at = asked.at,
                    .first_seen = asked.first_seen.value_or(asked.at)};
  LQ_ASSIGN_OR_RETURN(policies.draft, ReadSet(reader, asked.drafts));
  LQ_ASSIGN_OR_RETURN(policies.current, ReadSet(reader, asked.current));
  return policies;
}

// What a machine's PCR values say of its list; nothing without them.
Result<std::optional<appraise::PcrClaim>> ClaimOf(const MachineEvidence& machine) {
  if (!machine.pcrs) return std::optional<appraise::PcrClaim>();
  auto values = ReadPcrValues(*machine.pcrs);
  if (!values) return std::move(values).error().In(Shown(*machine.pcrs));
  if (const crypto::Digest* pcr = ImaPcrOf(*values)) {
    return std::optional(appraise::PcrClaim{.value = *pcr});
  }
  return Malformed("cli.evidence",
                   fmt::format("{} has no value of PCR {}", Shown(*machine.pcrs), tpm::kImaPcr));
}

Result<appraise::PolicyEffect> Simulate(const MachineEvidence& machine, const Policies& policies) {
  if (machine.list.empty()) return NotFound("cli.evidence", "the folder holds no IMA list");
  LQ_ASSIGN_OR_RETURN(const auto claim, ClaimOf(machine));
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(machine.list, kMaxListInput));
  const ByteView list = AsBytes(content);
  const ima::Format format = ima::DetectFormat(list);
  LQ_ASSIGN_OR_RETURN(
      const appraise::Appraisal then,
      appraise::AppraiseForSimulation(list, format, policies.At(*policies.draft), claim));
  // Held to nothing, nothing of a machine fails.
  appraise::Appraisal now{.findings = {Passed("ima.list")}};
  if (policies.current != nullptr) {
    LQ_ASSIGN_OR_RETURN(
        now, appraise::AppraiseForSimulation(list, format, policies.At(*policies.current), claim));
  }
  return appraise::CompareAppraisals(now, then);
}

// Lists in memory at one time, whatever the number of workers: together no longer than the
// longest that is read at all.
class MemoryBudget {
 public:
  void Take(std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return taken_ == 0 || taken_ + bytes <= kMaxListInput; });
    taken_ += bytes;
  }
  void Return(std::uint64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      taken_ -= bytes;
    }
    freed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::uint64_t taken_ = 0;
};

// All machines, several at a time.
class Fleet {
 public:
  Fleet(const std::vector<MachineEvidence>& machines, const Policies& policies, std::size_t keep)
      : machines_(machines), policies_(policies), simulation_(keep) {
    total_.total_files = machines.size();
    for (const MachineEvidence& machine : machines) total_.total_bytes += machine.bytes;
  }

  Simulation Run(ProgressLine& line) {
    collect::RunOnWorkers(0, [this] { Work(); }, [&] { line.Show(State()); });
    simulation_.Sort();
    return std::move(simulation_);
  }

 private:
  void Work() {
    for (std::size_t i = next_.fetch_add(1); i < machines_.size(); i = next_.fetch_add(1)) {
      const MachineEvidence& machine = machines_[i];
      budget_.Take(machine.bytes);
      Result<appraise::PolicyEffect> effect = Simulate(machine, policies_);
      budget_.Return(machine.bytes);
      const std::lock_guard lock(mutex_);
      if (effect) {
        simulation_.Add(machine.name, machine.path, *std::move(effect));
      } else {
        simulation_.AddError(machine.name, machine.path, std::move(effect).error());
      }
      ++files_;
      bytes_ += machine.bytes;
    }
  }

  Amount State() const {
    Amount state = total_;
    state.files = files_;
    state.bytes = bytes_;
    return state;
  }

  const std::vector<MachineEvidence>& machines_;
  const Policies& policies_;
  Amount total_;
  MemoryBudget budget_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> files_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::mutex mutex_;
  Simulation simulation_;
};

enum class DraftOf : std::uint8_t { kRuntimePolicies, kBoots };

// Each once: standard input and pipes are gone then.
Result<FileTexts> ReadTexts(const std::vector<std::string>& files) {
  FileTexts texts;
  for (const std::string& file : files) {
    if (texts.contains(file)) continue;
    LQ_ASSIGN_OR_RETURN(texts[file], ReadInput(file, kMaxPolicyInput));
  }
  return texts;
}

// What the documents are, whoever signed them. Reference values may replace a reference state.
Result<DraftOf> KindOfTexts(const FileTexts& texts) {
  std::vector<std::string> envelopes;
  std::vector<std::string_view> views;
  envelopes.reserve(texts.size());
  std::size_t boots = 0;
  for (const auto& [file, text] : texts) {
    const auto envelope = policy::UnverifiedEnvelope::Parse(text);
    if (envelope) envelopes.emplace_back(envelope->unverified_payload());
    views.push_back(envelope ? std::string_view(envelopes.back()) : std::string_view(text));
    if (policy::KindOfPolicy(views.back()) != policy::PolicyKind::kRuntimePolicy) ++boots;
  }
  if (boots == 0) return DraftOf::kRuntimePolicies;
  if (boots == views.size()) return DraftOf::kBoots;
  LQ_RETURN_IF_ERROR(policy::KindOfPolicies(views));
  return DraftOf::kBoots;
}

json::Array LayersOf(const Policies& policies,
                     const std::shared_ptr<const policy::PolicySet>& set) {
  return set == nullptr ? json::Array() : policy::LayersToJson(policies.At(*set));
}

}  // namespace

Result<Ending> PolicySimulate::Run(Console& console) const {
  std::vector<std::string> files = drafts;
  files.insert(files.end(), current.begin(), current.end());
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({}, files));
  if (evidence.empty() != fleet.has_value()) {
    return UsageError("either --evidence or --fleet says of which machines");
  }
  LQ_ASSIGN_OR_RETURN(FileTexts texts, ReadTexts(files));
  LQ_ASSIGN_OR_RETURN(const DraftOf kind, KindOfTexts(texts));
  if (kind == DraftOf::kBoots) return SimulateBoots(*this, texts, console);
  if (fleet || !model.empty()) {
    return UsageError("--fleet and --model are for drafts of what machines may boot");
  }
  LQ_ASSIGN_OR_RETURN(const Policies policies, ReadPolicies(*this, std::move(texts)));
  LQ_ASSIGN_OR_RETURN(const std::vector<MachineEvidence> machines, FindMachines(evidence));
  const std::size_t keep = all ? appraise::kMaxFindings : kFewFindings;
  ProgressLine line(stderr, console.err_is_terminal(), "simulating");
  const Simulation simulation = Fleet(machines, policies, keep).Run(line);
  json::Object document = simulation.ToJson();
  document.Set("draft", LayersOf(policies, policies.draft));
  document.Set("current", LayersOf(policies, policies.current));
  document.Set("at", FormatRfc3339(at));
  const std::string why = policies.At(*policies.draft).why_it_says_nothing();
  if (!why.empty()) document.Set("unpoliced_because", why);
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return simulation.Render(console.look(), all) + simulation.RenderNeeded(console.look(), all);
  }));
  if (policies.NeedCommandLine()) {
    console.Note("limequat: a layer needs a kernel command line, which no list shows: left out");
  }
  return EndSimulation(simulation, all, console);
}

Ending EndSimulation(const Simulation& simulation, bool all, Console& console) {
  for (const std::string& note : simulation.Problems(all)) console.Note("limequat: " + note);
  if (simulation.evaluated() == 0) return Ending::kMalformed;
  return simulation.harms() ? Ending::kNotTrustworthy : Ending::kDone;
}

}  // namespace limequat::cli
