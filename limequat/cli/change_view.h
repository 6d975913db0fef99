#pragma once

#include <string>

#include "limequat/appraise/boot_change.h"
#include "limequat/appraise/policy_change.h"
#include "limequat/cli/findings_view.h"

namespace limequat::cli {

// The change for what a result document tells. An outcome of another version counts as
// failed. Hostile input, as the document is.
appraise::PolicyChange ChangeFor(const ResultView& result);

// A change of policy for people: what would have to be listed, and what stays.
std::string RenderChange(const appraise::PolicyChange& change, const FindingsStyle& style);

// A change of a boot reference for people: the same.
std::string RenderChange(const appraise::BootChange& change, const FindingsStyle& style);

}  // namespace limequat::cli
