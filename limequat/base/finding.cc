#include "limequat/base/finding.h"

#include <algorithm>
#include <utility>

#include "limequat/base/escape.h"

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
                 .expected = {},
                 .found = {},
                 .cause = Cause::kNone,
                 .next = {}};
}

Finding Failed(std::string_view check, std::string detail, Cause cause) {
  return Finding{.check = std::string(check),
                 .outcome = Outcome::kFailed,
                 .detail = std::move(detail),
                 .subject = {},
                 .expected = {},
                 .found = {},
                 .cause = cause,
                 .next = {}};
}

Finding NotEvaluated(std::string_view check, std::string detail, Cause cause) {
  return Finding{.check = std::string(check),
                 .outcome = Outcome::kNotEvaluated,
                 .detail = std::move(detail),
                 .subject = {},
                 .expected = {},
                 .found = {},
                 .cause = cause,
                 .next = {}};
}

Finding Comparing(Finding finding, const std::vector<std::string>& expected,
                  std::string_view found) {
  finding.expected.clear();
  for (std::size_t i = 0; i < std::min(kMaxExpected, expected.size()); ++i) {
    finding.expected.push_back(EscapeForDisplay(expected[i], kMaxCompared));
  }
  finding.found = EscapeForDisplay(found, kMaxCompared);
  return finding;
}

bool AllPassed(const Findings& findings) {
  return !findings.empty() && std::ranges::all_of(findings, &Finding::passed);
}

const Finding* FindCheck(const Findings& findings, std::string_view check) {
  const auto found = std::ranges::find(findings, check, &Finding::check);
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace limequat
