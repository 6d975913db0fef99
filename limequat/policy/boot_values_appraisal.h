#pragma once

#include <string_view>
#include <vector>

#include "limequat/eventlog/verify.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/policy/boot_values.h"
#include "limequat/tpm/pcr.h"

namespace limequat::policy {

// The PCRs that must be signed and replay for a boot to be held against `values`.
tpm::PcrSet PcrsOf(const BootValues& values);

// The names of the checks, in the order in which they are told: each without a finding has
// passed.
const std::vector<std::string_view>& BootValuesChecks();

// How many texts of one kind a boot may have measured (command lines, records), and how
// often one of them is tried against an expression in all: more is an objection, so that
// time is not a hostile log's to choose.
inline constexpr std::size_t kMaxJudgedTexts = 1024;
inline constexpr std::size_t kMaxExpressionTrials = 4096;

// Holds a boot against reference values. `model` is the machine's, as its owner enrolled it
// ("": not known): no log says it in a way that anything covers.
//
// One kernel of the values has to fit as a whole: its images, and none that is neither its
// own nor a loader's; its file, initrd, command line and sections. If none does, the one
// that fits best is what the objections are about. An event means what its digest proves;
// its type and name decide nothing. What needs a PCR that is not covered is not evaluated.
// Findings that passed are among them where there is something to say. Memory: bounded by
// kMaxBootObjections and kMaxCollected.
BootObjections AppraiseByValues(const BootValues& values, const eventlog::VerifiedLog& log,
                                std::string_view model);

}  // namespace limequat::policy
