#include "limequat/policy/layer_lint.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/policy/policy_document.h"
#include "limequat/policy/policy_set.h"

namespace limequat::policy {

namespace {

template <class Set>
bool Holds(const Set& outer, const Set& inner) {
  return std::ranges::includes(outer, inner);
}

bool Holds(const DigestsByName& outer, const DigestsByName& inner) {
  return std::ranges::all_of(inner, [&](const auto& each) {
    const auto found = outer.find(each.first);
    return found != outer.end() && std::ranges::includes(found->second, each.second);
  });
}

bool Holds(const PolicyWindow& outer, const PolicyWindow& inner) {
  return outer.effective_from.value_or(Time::min()) <= inner.effective_from.value_or(Time::min()) &&
         outer.retire_after.value_or(Time::max()) >= inner.retire_after.value_or(Time::max());
}

bool Shadows(const PolicyDocument& outer, const PolicyDocument& inner) {
  return Holds(outer.window.value_or(PolicyWindow()), inner.window.value_or(PolicyWindow())) &&
         Holds(outer.digests, inner.digests) && Holds(outer.keyrings, inner.keyrings) &&
         Holds(outer.buffers, inner.buffers) && Holds(outer.excludes, inner.excludes) &&
         Holds(outer.ignored_keyrings, inner.ignored_keyrings) &&
         (inner.verification_keys.empty() || inner.verification_keys == outer.verification_keys) &&
         Holds(outer.coverage, inner.coverage) && Holds(outer.command_line, inner.command_line) &&
         (inner.ignore_violations.is_null() ||
          inner.ignore_violations == outer.ignore_violations) &&
         (inner.dm_policy.is_null() || inner.dm_policy == outer.dm_policy);
}

struct Read {
  std::vector<PolicyDocument> documents;
  std::vector<PolicyLayer> layers;
};

Result<Read> ReadAll(std::span<const LayerText> texts) {
  Read read;
  for (const LayerText& each : texts) {
    auto policy = RuntimePolicy::Parse(each.text);
    if (!policy) return std::move(policy).error().In(EscapeForDisplay(each.name, 128));
    read.layers.push_back({.name = each.name, .policy = *std::move(policy)});
    PolicyDocument document;
    LQ_RETURN_IF_ERROR(AddPolicy(each.text, document));
    read.documents.push_back(std::move(document));
  }
  return read;
}

Finding CheckSilent(const Read& read) {
  std::string silent;
  for (const PolicyLayer& layer : read.layers) {
    if (!layer.policy->says_nothing()) continue;
    silent += fmt::format("{}layer '{}' counts for nothing: {}", silent.empty() ? "" : "; ",
                          EscapeForDisplay(layer.name, 128), layer.policy->why_it_says_nothing());
  }
  constexpr std::string_view kCheck = "policy.check.layers.silent";
  return silent.empty() ? Passed(kCheck) : Failed(kCheck, std::move(silent), Cause::kConfiguration);
}

// Of two that hold the same, the later one is told.
Finding CheckShadowed(const Read& read) {
  std::string shadowed;
  const auto shadows = [&](std::size_t outer, std::size_t inner) {
    if (outer == inner || read.layers[outer].policy->says_nothing()) return false;
    if (!Shadows(read.documents[outer], read.documents[inner])) return false;
    return outer < inner || !Shadows(read.documents[inner], read.documents[outer]);
  };
  for (std::size_t inner = 0; inner < read.layers.size(); ++inner) {
    for (std::size_t outer = 0; outer < read.layers.size(); ++outer) {
      if (!shadows(outer, inner)) continue;
      shadowed +=
          fmt::format("{}layer '{}' adds nothing to layer '{}'", shadowed.empty() ? "" : "; ",
                      EscapeForDisplay(read.layers[inner].name, 128),
                      EscapeForDisplay(read.layers[outer].name, 128));
      break;
    }
  }
  constexpr std::string_view kCheck = "policy.check.layers.shadowed";
  return shadowed.empty() ? Passed(kCheck)
                          : Failed(kCheck, std::move(shadowed), Cause::kConfiguration);
}

}  // namespace

Result<Findings> CheckPolicyLayers(std::span<const LayerText> layers) {
  LQ_ASSIGN_OR_RETURN(const Read read, ReadAll(layers));
  LQ_ASSIGN_OR_RETURN(const auto set, PolicySet::Compose(read.layers));
  return Findings{CheckSilent(read), CheckShadowed(read),
                  set->says_nothing() ? Failed("policy.check.layers.together",
                                               set->why_it_says_nothing(), Cause::kConfiguration)
                                      : Passed("policy.check.layers.together")};
}

}  // namespace limequat::policy
