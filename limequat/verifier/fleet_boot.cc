#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/policy/boot_values.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/driver.h"
#include "limequat/verifier/fleet.h"

// Measured-boot policies of the fleet.

namespace limequat::verifier {

namespace {

using Criteria = std::shared_ptr<const appraise::BootCriteria>;

std::optional<PolicyLabel> LabelOf(const appraise::BootCriteria& criteria) {
  const policy::BootValues* values = criteria.values();
  if (values == nullptr) return std::nullopt;
  return PolicyLabel{.made_for = values->name, .release = values->release};
}

}  // namespace

// The one way in for a reference that somebody sends: where policies must be signed, it must
// be, too, and as what it is: no signed runtime policy is one.
Status Fleet::AdmitBootReference(std::string_view body) {
  const auto verified =
      parts_.policies.VerifySender(body, std::nullopt, Now(), policy::kBootValuesPayloadType);
  if (verified) return {};
  return Error{verified.error().code, "verifier.boot_policy_signature",
               "the measured-boot policy is refused: " + verified.error().message};
}

// Reference values say for which name they are, and in which order they came, and are held to
// it (attack A11). A reference state says neither, and does not follow values.
Status Fleet::CheckBootSuccession(std::string_view name,
                                  const std::optional<Store::BootPolicy>& stored,
                                  std::string_view body) {
  LQ_ASSIGN_OR_RETURN(const auto next, parts_.boots.Get(policy::BootPolicy::kExample, body));
  const auto label = LabelOf(*next);
  if (label) LQ_RETURN_IF_ERROR(CheckIsFor(label->made_for, name));
  if (!stored) {
    LQ_ASSIGN_OR_RETURN(const auto removed,
                        parts_.store.FindRemovedPolicy(PolicyNames::kBoot, name));
    return CheckFollows(name, removed, label);
  }
  LQ_ASSIGN_OR_RETURN(const auto present,
                      parts_.boots.Get(policy::BootPolicy::kExample, stored->body));
  if (present->hash() == next->hash()) return {};
  return CheckFollows(name, LabelOf(*present), label);
}

Status Fleet::BindBootLocked(Enrolment& enrolment, const std::optional<PolicyChoice>& choice) {
  std::string body;
  if (choice) {
    LQ_ASSIGN_OR_RETURN(auto stored, parts_.store.FindBootPolicy(choice->name));
    const std::string name = EscapeForDisplay(choice->name, 128);
    if (!choice->body && !stored) {
      return NotFound("verifier.unknown_policy",
                      fmt::format("Could not find mb_policy with name {}!", name));
    }
    if (choice->body && stored) {
      return Conflict("verifier.policy_exists",
                      fmt::format("mb_policy with name {} already exists. {}", name,
                                  choice->name == enrolment.id.text()
                                      ? "You can delete the mb_policy from the verifier."
                                      : "Please use a different name or delete the mb_policy from "
                                        "the verifier."));
    }
    if (choice->body) {
      LQ_RETURN_IF_ERROR(AdmitBootReference(*choice->body));
      LQ_RETURN_IF_ERROR(CheckBootSuccession(choice->name, std::nullopt, *choice->body));
    }
    body = choice->body ? *choice->body : std::move(stored->body);
    enrolment.boot_policy_name = choice->name;
  } else if (!enrolment.boot_policy) {
    return {};
  }
  LQ_ASSIGN_OR_RETURN(enrolment.reference.boot,
                      parts_.boots.Get(enrolment.boot_policy, body, enrolment.model));
  return {};
}

Status Fleet::BindStoredBoot(Enrolment& enrolment, KnownBoots& known) {
  if (enrolment.boot_policy_name.empty() && !enrolment.boot_policy) return {};
  auto& criteria = known[{enrolment.boot_policy_name, enrolment.boot_policy, enrolment.model}];
  if (criteria == nullptr) {
    std::string body;
    if (!enrolment.boot_policy_name.empty()) {
      LQ_ASSIGN_OR_RETURN(auto stored, parts_.store.FindBootPolicy(enrolment.boot_policy_name));
      if (!stored) {
        return NotFound("verifier.policy_lost", "its measured-boot policy is not in the database");
      }
      body = std::move(stored->body);
    }
    LQ_ASSIGN_OR_RETURN(criteria, parts_.boots.Get(enrolment.boot_policy, body, enrolment.model));
  }
  enrolment.reference.boot = criteria;
  return {};
}

Result<std::size_t> Fleet::PushBootPolicy(std::string_view name, std::string_view body, Push push) {
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const auto stored, parts_.store.FindBootPolicy(name));
  if (push == Push::kNew && stored) {
    return Conflict("verifier.policy_exists",
                    fmt::format("Measured boot policy with name {} already exists",
                                EscapeForDisplay(name, 128)));
  }
  if (push == Push::kChange && !stored) {
    return NotFound("verifier.unknown_policy",
                    fmt::format("Measured boot policy with name {} does not already exist",
                                EscapeForDisplay(name, 128)));
  }
  LQ_RETURN_IF_ERROR(AdmitBootReference(body));
  // Whatever the machines bound to it chose, the text is read in the same way.
  LQ_RETURN_IF_ERROR(CheckBootSuccession(name, stored, body));
  // Which policy a machine chose, and what it is, stays for as long as it is enrolled.
  std::map<std::string, std::pair<std::shared_ptr<Machine>, Criteria>> bound;
  bool behind = false;
  KnownBoots known;
  for (auto& machine : Machines()) {
    const auto enrolled = machine->Enrolled();
    if (enrolled->boot_policy_name != name) continue;
    auto& criteria = known[{std::string(name), enrolled->boot_policy, enrolled->model}];
    if (criteria == nullptr) {
      LQ_ASSIGN_OR_RETURN(criteria, parts_.boots.Get(enrolled->boot_policy, body, enrolled->model));
    }
    const auto& held = enrolled->reference.boot;
    behind = behind || held == nullptr || held->hash() != criteria->hash();
    bound[enrolled->id.text()] = {std::move(machine), criteria};
  }
  const Time now = Now();
  LQ_ASSIGN_OR_RETURN(auto rebound,
                      parts_.store.PutBootPolicy(
                          {.name = std::string(name), .hash = {}, .body = std::string(body)}, now,
                          behind ? Store::Rebinds::kAlways : Store::Rebinds::kForAnotherText));
  std::vector<std::shared_ptr<Machine>> changed;
  for (const Store::Rebound& moved : rebound) {
    const auto found = bound.find(moved.agent_id);
    if (found == bound.end()) continue;
    const auto& [machine, criteria] = found->second;
    machine->Change(moved.generation, now,
                    [criteria](Enrolment& enrolment) { enrolment.reference.boot = criteria; });
    changed.push_back(machine);
  }
  for (const auto& machine : changed) machine->WaitForChanges();
  return rebound.size();
}

Status Fleet::RemoveBootPolicy(std::string_view name) {
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const auto label, PresentBootLabel(name));
  return parts_.store.RemoveBootPolicy(name, label);
}

Result<std::optional<PolicyLabel>> Fleet::PresentBootLabel(std::string_view name) {
  LQ_ASSIGN_OR_RETURN(const auto stored, parts_.store.FindBootPolicy(name));
  if (!stored) return std::optional<PolicyLabel>();
  LQ_ASSIGN_OR_RETURN(const auto present,
                      parts_.boots.Get(policy::BootPolicy::kExample, stored->body));
  return LabelOf(*present);
}

}  // namespace limequat::verifier
