#pragma once

#include <span>
#include <string>
#include <string_view>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"

namespace limequat::policy {

// A runtime policy that is to be a layer, and what it is called in findings.
struct LayerText {
  std::string name;
  std::string_view text;
};

// Looks for layers without effect in a set of them, given in their order:
//   policy.check.layers.silent    no layer says nothing: such a layer counts for nothing
//   policy.check.layers.shadowed  each layer adds something: not all that it holds is held by
//                                 another one, at least as long
//   policy.check.layers.together  their expressions together leave something to check (A10)
// Hostile input: time and memory as of RuntimePolicy::Parse for each. Errors as of it, and of
// PolicySet::Compose; the error names the layer.
Result<Findings> CheckPolicyLayers(std::span<const LayerText> layers);

}  // namespace limequat::policy
