#include "limequat/base/finding.h"

#include <algorithm>
#include <utility>

namespace limequat {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kNotEvaluated:
      return "not_evaluated";
  }
  return "not_evaluated";
}

std::string_view CauseName(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return "";
    case Cause::kTamper:
      return "tamper";
    case Cause::kPolicyLag:
      return "policy-lag";
    case Cause::kConfiguration:
      return "configuration";
    case Cause::kTransport:
      return "transport";
    case Cause::kTpm:
      return "tpm";
    case Cause::kFirmware:
      return "firmware";
  }
  return "";
}

Finding Passed(std::string_view check, std::string detail) {
  return Finding{.check = std::string(check),
                 .outcome = Outcome::kPassed,
                 .detail = std::move(detail),
                 .subject = {},
                 .cause = Cause::kNone,
                 .next = {}};
}

Finding Failed(std::string_view check, std::string detail, Cause cause) {
  return Finding{.check = std::string(check),
                 .outcome = Outcome::kFailed,
                 .detail = std::move(detail),
                 .subject = {},
                 .cause = cause,
                 .next = {}};
}

Finding NotEvaluated(std::string_view check, std::string detail, Cause cause) {
  return Finding{.check = std::string(check),
                 .outcome = Outcome::kNotEvaluated,
                 .detail = std::move(detail),
                 .subject = {},
                 .cause = cause,
                 .next = {}};
}

bool AllPassed(const Findings& findings) {
  return !findings.empty() && std::ranges::all_of(findings, &Finding::passed);
}

const Finding* FindCheck(const Findings& findings, std::string_view check) {
  const auto found = std::ranges::find(findings, check, &Finding::check);
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace limequat
