#include "limequat/cli/policy.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/input.h"
#include "limequat/cli/table.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/runtime_policy.h"
#include "limequat/wire/policy_view.h"

namespace limequat::cli {

namespace {

std::string Describe(const std::string& name, const policy::RuntimePolicy& policy,
                     const Look& look) {
  return fmt::format("{}\n", Shown(name)) +
         RenderPairs({{"sha256", policy.hash().hex()},
                      {"paths", fmt::format("{}", policy.paths())},
                      {"digests", fmt::format("{}", policy.digests())},
                      {"says nothing", Cell(policy.why_it_says_nothing(), Tint::kWarning)}},
                     look, 2);
}

// The verifier checked the signatures before it took the policy.
Result<std::shared_ptr<const policy::RuntimePolicy>> ParseStored(const std::string& body) {
  auto envelope = policy::UnverifiedEnvelope::Parse(body);
  if (!envelope) return policy::RuntimePolicy::Parse(body);
  return policy::RuntimePolicy::Parse(
      policy::VerifiedEnvelope::AssumeVerifiedBeforeStoring(*std::move(envelope)));
}

using PolicyKind = tenant::Services::PolicyKind;

PolicyKind KindOf(bool measured_boot) {
  return measured_boot ? PolicyKind::kMeasuredBoot : PolicyKind::kRuntime;
}

Result<Ending> ShowPushed(Console& console, const std::string& name,
                          const tenant::Services::Pushed& pushed) {
  const json::Object document{
      {"name", name}, {"hash", pushed.hash}, {"machines_appraised_again", pushed.machines}};
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return fmt::format("policy {} is {}; machines appraised again from their first entry: {}\n",
                       Shown(name), Shown(pushed.hash), pushed.machines);
  }));
  return Ending::kDone;
}

// Whether it stands in the table, too, which key a name is pinned to: few sites pin any.
bool AnyIsPinned(const std::vector<wire::PolicyView>& policies) {
  return std::any_of(policies.begin(), policies.end(),
                     [](const wire::PolicyView& policy) { return policy.signed_by.has_value(); });
}

Result<Ending> ShowVersions(Console& console, const std::string& name,
                            const std::vector<tenant::Services::PolicyVersion>& versions) {
  json::Array array;
  Table table({"VERSION", "PUSHED", "SHA256"});
  for (const auto& version : versions) {
    array.push_back(json::Object{
        {"version", version.number}, {"hash", version.hash}, {"pushed", version.pushed}});
    table.Add({fmt::format("{}", version.number), version.pushed, version.hash});
  }
  LQ_RETURN_IF_ERROR(console.Show(json::Object{{"name", name}, {"versions", std::move(array)}},
                                  [&] { return table.Render(console.look()); }));
  return Ending::kDone;
}

Result<Ending> ShowNames(Console& console, const std::vector<wire::PolicyView>& runtime,
                         const std::vector<wire::PolicyView>& boot) {
  const bool pinned = AnyIsPinned(runtime) || AnyIsPinned(boot);
  std::vector<std::string> headings{"KIND", "NAME", "SHA256"};
  if (pinned) headings.emplace_back("SIGNED BY");
  Table table(std::move(headings));
  json::Object document;
  for (const auto& [policies, member, kind] :
       {std::tuple(&runtime, "policies", "runtime"),
        std::tuple(&boot, "boot_policies", "measured-boot")}) {
    document.Set(member, *wire::WritePolicies(*policies).Find("policies"));
    for (const wire::PolicyView& policy : *policies) {
      std::vector<Cell> row{kind, policy.name, policy.hash};
      if (pinned) row.emplace_back(policy.signed_by.value_or("-"));
      table.Add(std::move(row));
    }
  }
  LQ_RETURN_IF_ERROR(console.Show(
      document, [&] { return table.empty() ? "no policies\n" : table.Render(console.look()); }));
  return Ending::kDone;
}

}  // namespace

Result<Ending> PolicyPush::Run(Console& console) const {
  if (key && measured_boot) return UsageError("--key is for runtime policies");
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({source.place, key.value_or("")}));
  std::string pinned;
  if (key) {
    LQ_ASSIGN_OR_RETURN(pinned, ReadInput(*key, kMaxSmallInput));
  }
  LQ_ASSIGN_OR_RETURN(std::string body, ReadPolicy(source));
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  if (key) {
    // First: a push that fails leaves a name that asks for more, never for less.
    LQ_ASSIGN_OR_RETURN(const std::string id, connection.services().PinPolicyKey(name, pinned));
    console.Note(fmt::format("limequat: {} is pinned to the key {}", Shown(name), Shown(id)));
  }
  LQ_ASSIGN_OR_RETURN(
      const tenant::Services::Pushed pushed,
      connection.services().PushPolicy(name, std::move(body), KindOf(measured_boot)));
  return ShowPushed(console, name, pushed);
}

Result<Ending> PolicyRollback::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  std::optional<std::int64_t> number;
  if (version) number = static_cast<std::int64_t>(*version);
  LQ_ASSIGN_OR_RETURN(const tenant::Services::Pushed pushed,
                      connection.services().RollBackPolicy(name, number));
  return ShowPushed(console, name, pushed);
}

Result<Ending> PolicyRemove::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_RETURN_IF_ERROR(connection.services().RemovePolicy(name, KindOf(measured_boot)));
  LQ_RETURN_IF_ERROR(console.Show(json::Object{{"name", name}, {"removed", true}}, [&] {
    return fmt::format("policy {} is removed, with all its versions\n", Shown(name));
  }));
  return Ending::kDone;
}

Result<Ending> PolicyList::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  if (name) {
    LQ_ASSIGN_OR_RETURN(const auto versions, connection.services().ListPolicyVersions(*name));
    return ShowVersions(console, *name, versions);
  }
  LQ_ASSIGN_OR_RETURN(const auto runtime, connection.services().ListPolicies(PolicyKind::kRuntime));
  LQ_ASSIGN_OR_RETURN(const auto boot,
                      connection.services().ListPolicies(PolicyKind::kMeasuredBoot));
  return ShowNames(console, runtime, boot);
}

Result<Ending> PolicyShow::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const std::string body,
                      connection.services().FetchPolicy(name, KindOf(measured_boot)));
  if (console.format() == OutputFormat::kJson && !console.out_is_terminal()) {
    LQ_RETURN_IF_ERROR(console.Write(body));
    return Ending::kDone;
  }
  LQ_ASSIGN_OR_RETURN(const json::Value document, json::ParseWithEscapedBytes(body));
  if (measured_boot) {
    LQ_RETURN_IF_ERROR(console.Show(document, [&] { return body + "\n"; }));
    return Ending::kDone;
  }
  LQ_ASSIGN_OR_RETURN(const auto policy, ParseStored(body));
  LQ_RETURN_IF_ERROR(
      console.Show(document, [&] { return Describe(name, *policy, console.look()); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
