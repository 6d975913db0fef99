#include "limequat/cli/agent.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/input.h"
#include "limequat/cli/machine_view.h"
#include "limequat/cli/policy_input.h"
#include "limequat/cli/policy_signers.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/json/value.h"
#include "limequat/policy/signed_policy.h"
#include "limequat/wire/enrolment.h"
#include "limequat/wire/label.h"
#include "limequat/wire/own_api.h"

namespace limequat::cli {

namespace {

// Its own policies, in their order.
std::vector<std::string> OwnPoliciesOf(const AgentAdd& asked) {
  std::vector<std::string> names = asked.options.policy_names;
  if (asked.policy_file) {
    names.push_back(asked.options.policy_name.empty() ? asked.id : asked.options.policy_name);
  }
  return names;
}

// What the machine is held to: its labels, then its own policies; "" if nothing.
std::string PolicyOf(const AgentAdd& asked) {
  std::vector<std::string> parts;
  for (const std::string& label : asked.options.labels) parts.push_back("label " + label);
  for (std::string& name : OwnPoliciesOf(asked)) parts.push_back(std::move(name));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string BootPolicyOf(const AgentAdd& asked) {
  std::string text = asked.options.boot_reference_name;
  if (asked.boot_reference_file) text = asked.id;
  if (!asked.options.boot_policy) return text.empty() ? "none" : text;
  const std::string_view policy = policy::BootPolicyName(*asked.options.boot_policy);
  return text.empty() ? std::string(policy) : fmt::format("{}: {}", policy, text);
}

// JSON as Keylime's tenant takes it on its command line, or the name of a file with it.
Result<wire::TpmPolicy> ReadTpmPolicy(const std::string& text) {
  if (text.starts_with('{')) return wire::ParseTpmPolicy(text);
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(text, kMaxSmallInput));
  return wire::ParseTpmPolicy(content);
}

// Fails here, with the reason, on what the verifier would refuse.
Status CheckSignature(const std::string& text, const std::optional<std::string>& key,
                      tenant::AddOptions& add) {
  if (!key) return {};
  LQ_ASSIGN_OR_RETURN(const policy::TrustedSigners signers,
                      LoadSigners({.keys = {*key}, .trust = {}, .threshold = {}}, Time()));
  LQ_ASSIGN_OR_RETURN(const policy::SignedPolicy policy, policy::ReadSignedPolicy(text, signers));
  for (const Finding& finding : policy.findings) {
    if (!finding.passed()) return Untrusted("cli.policy_signature", finding.detail);
  }
  add.policy_key = signers.keys.front().ToPem();
  return {};
}

std::string AddedForPeople(const AgentAdd& asked, const tenant::Added& added, const Look& look) {
  const std::string policy = PolicyOf(asked);
  const bool has_reference =
      asked.boot_reference_file || !asked.options.boot_reference_name.empty();
  std::string identity = added.identity;
  if (added.identity != "verified") identity += fmt::format(" ({})", added.identity_detail);
  std::string text = fmt::format("{} is enrolled\n", asked.id);
  text += RenderPairs(
      {{"identity", Cell(identity, added.identity == "verified" ? Tint::kGood : Tint::kWarning)},
       {"address", added.address},
       {"policy",
        policy.empty() ? Cell("none: the machine is unpoliced", Tint::kWarning) : Cell(policy)},
       {"boot policy", BootPolicyOf(asked)},
       {"boot baseline", asked.options.approve_current_boot ? Cell("the boot it is in is approved")
                         : has_reference
                             ? Cell("none where the boot policy compares")
                             : Cell("the first verified one, unapproved", Tint::kWarning)}},
      look, 2);
  return text + fmt::format("  next: limequat explain {}\n", asked.id);
}

std::string UpdatedForPeople(const wire::MachineView& machine, const Look& look) {
  std::string text =
      fmt::format("{} is appraised again, from its first entry on, and is held to this now:\n",
                  Shown(machine.agent_id));
  return text + RenderPairs(DescribePolicy(machine), look, 2) +
         fmt::format("  next: limequat explain {}\n", Shown(machine.agent_id));
}

// What is given, or that there is to be none; absent if neither is said.
std::optional<std::vector<std::string>> Wanted(const std::vector<std::string>& given, bool none) {
  if (given.empty() && !none) return std::nullopt;
  return given;
}

}  // namespace

Result<Ending> AgentAdd::Run(Console& console) const {
  if (!policy_file &&
      (policy_key || policy_checksum || authorities_file || !options.policy_name.empty())) {
    return UsageError(
        "--policy-name, --policy-key, --policy-checksum and --url-ca are about --policy-file");
  }
  const bool has_reference = boot_reference_file || !options.boot_reference_name.empty();
  if (options.boot_policy == policy::BootPolicy::kExample && !has_reference) {
    return UsageError("the boot policy example needs a --boot-reference");
  }
  if (!options.model.empty() && !has_reference) {
    return UsageError("--model is for boot reference values: give --boot-reference too");
  }
  if (const Status fit = wire::CheckLabels(options.labels); !fit) {
    return UsageError(fit.error().message);
  }
  tenant::AddOptions add = options;
  if (boot_reference_file) {
    LQ_ASSIGN_OR_RETURN(add.boot_reference, ReadInput(*boot_reference_file, kMaxPolicyInput));
  }
  if (policy_file) {
    LQ_ASSIGN_OR_RETURN(add.policy_text, ReadPolicy({.place = *policy_file,
                                                     .checksum = policy_checksum,
                                                     .authorities_file = authorities_file}));
    LQ_RETURN_IF_ERROR(CheckSignature(*add.policy_text, policy_key, add));
  }
  if (tpm_policy) {
    LQ_ASSIGN_OR_RETURN(add.tpm_policy, ReadTpmPolicy(*tpm_policy));
  }
  LQ_ASSIGN_OR_RETURN(const wire::AgentId agent, wire::AgentId::Parse(id));
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const tenant::Added added,
                      tenant::AddMachine(connection.services(), agent, add));
  json::Object document{{"agent_id", id},
                        {"identity", added.identity},
                        {"identity_detail", added.identity_detail},
                        {"address", added.address},
                        {"policy", fmt::format("{}", fmt::join(OwnPoliciesOf(*this), ", "))},
                        {"labels", json::Array(options.labels.begin(), options.labels.end())},
                        {"boot_policy", BootPolicyOf(*this)},
                        {"model", options.model},
                        {"current_boot_approved", options.approve_current_boot}};
  LQ_RETURN_IF_ERROR(
      console.Show(document, [&] { return AddedForPeople(*this, added, console.look()); }));
  return Ending::kDone;
}

Result<Ending> AgentList::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const std::vector<wire::MachineView> machines,
                      connection.services().ListMachines());
  json::Array agents;
  for (const wire::MachineView& machine : machines) {
    agents.push_back(wire::WriteMachineView(machine));
  }
  LQ_RETURN_IF_ERROR(console.Show(json::Object{{"agents", std::move(agents)}},
                                  [&] { return RenderMachines(machines, console.look()); }));
  return Ending::kDone;
}

Result<Ending> AgentShow::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const wire::MachineView machine, connection.services().FindMachine(id));
  LQ_RETURN_IF_ERROR(console.Show(wire::WriteMachineView(machine), [&] {
    return fmt::format("{}: {}\n{}", Shown(machine.agent_id),
                       RenderStanding(machine, console.look()),
                       RenderPairs(Describe(machine), console.look(), 2));
  }));
  return Ending::kDone;
}

Result<Ending> AgentUpdate::Run(Console& console) const {
  const wire::MachineChange change{.labels = Wanted(labels, no_labels),
                                   .policy_names = Wanted(policies, no_policies)};
  if (!change.labels && !change.policy_names) {
    return UsageError("give --label, --no-labels, --policy or --no-policies");
  }
  if (const Status fit = wire::CheckLabels(labels); !fit) return UsageError(fit.error().message);
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const wire::MachineView machine, connection.services().Update(id, change));
  LQ_RETURN_IF_ERROR(console.Show(wire::WriteMachineView(machine),
                                  [&] { return UpdatedForPeople(machine, console.look()); }));
  return Ending::kDone;
}

Result<Ending> AgentRemove::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  Status removed = connection.services().Remove(id);
  // What the verifier does not know may still be at the registrar.
  if (!removed && !(registrar && removed.error().code == ErrorCode::kNotFound)) {
    return std::move(removed).error();
  }
  if (registrar) LQ_RETURN_IF_ERROR(connection.services().RemoveRegistered(id));
  const json::Object document{{"agent_id", id},
                              {"removed_from_verifier", removed.has_value()},
                              {"removed_from_registrar", registrar}};
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return fmt::format("{} is no longer {}; its incidents stay\n", id,
                       registrar ? "enrolled or registered" : "enrolled");
  }));
  return Ending::kDone;
}

}  // namespace limequat::cli
