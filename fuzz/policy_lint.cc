// policy::CheckRuntimePolicy, DiffRuntimePolicies, CheckPolicyLayers and LabelPolicy of one hostile
// policy.

#include "limequat/policy/policy_lint.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/policy/layer_lint.h"
#include "limequat/policy/policy_diff.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  const auto policy = policy::RuntimePolicy::Parse(text);
  const auto findings = policy::CheckRuntimePolicy(text);
  const auto diff = policy::DiffRuntimePolicies(text, text);
  LQ_CHECK(diff.has_value() == policy.has_value());
  const std::array<policy::LayerText, 2> layers = {{{"a", text}, {"b", text}}};
  LQ_CHECK(policy || !policy::CheckPolicyLayers(layers));
  LQ_CHECK(!diff || diff->same());
  if (!findings) {
    LQ_CHECK(!policy);
    return 0;
  }
  LQ_CHECK(FindCheck(*findings, "policy.check.schema")->passed() == policy.has_value());
  if (!policy) return 0;
  LQ_CHECK(FindCheck(*findings, "policy.check.digests")->passed());
  const auto label = policy::LabelPolicy(text, {.name = "web", .release = 7, .window = {}});
  if (!label) return 0;
  const auto labelled = policy::RuntimePolicy::Parse(*label);
  LQ_CHECK(labelled && (*labelled)->name() == "web" && (*labelled)->release() == 7);
  LQ_CHECK((*labelled)->digests() == (*policy)->digests());
  return 0;
}

}  // namespace limequat
