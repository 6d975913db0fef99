#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/table.h"
#include "limequat/collect/package_owners.h"
#include "limequat/json/value.h"

namespace limequat::cli {

// A finding of a result document, as it is shown.
struct ShownFinding {
  std::string check;
  std::string outcome;  // "passed", "failed", "not_evaluated"
  std::string detail;
  std::string path;
  std::optional<std::uint64_t> pcr;
  std::optional<std::uint64_t> event;
  std::vector<std::string> expected{};  // what would have passed, as far as it is told
  std::string found{};
  std::string cause;
  std::string next;
  std::optional<collect::Owner> owner{};  // of the file, if packages were named; see NamePackages
  bool passed() const { return outcome == "passed"; }
};

// A result document (docs: the command-line contract, "Results").
struct ResultView {
  std::string verdict;
  std::vector<ShownFinding> findings;
  std::uint64_t findings_not_shown = 0;
  std::string evidence_time;
  std::string evaluated_at;
};

// kMalformed ("json.member"): a service of another version, or no result at all.
// Text in it is made safe where it is rendered.
Result<ResultView> ParseResultView(const json::Value& document);

// Looks for the packages of the files that did not pass in `sources`; see collect::FindOwners.
Status NamePackages(const std::vector<std::string>& sources, ResultView& result);

// The packages that NamePackages found, as a document: [{"package", "content": "same", "other" or
// "unknown", "paths"}], those with the most files first.
json::Value PackagesOf(const ResultView& result);

// Findings of one check with the same outcome, cause and next step; a thousand
// unknown files are one group.
struct FindingGroup {
  std::string check;
  std::string outcome;
  std::string cause;
  std::string next;
  std::vector<const ShownFinding*> findings;  // never empty, in the document's order
};

// Groups in the order in which they first appear, what failed before what was not
// evaluated before what passed. They point into `findings`.
std::vector<FindingGroup> GroupFindings(const std::vector<ShownFinding>& findings);

struct FindingsStyle {
  Look look;
  bool all = false;     // every finding, not only the first of each group
  std::size_t few = 5;  // how many are the first
};

// What did not pass, group by group: what was found, what it means, what to do next;
// then the names of the checks that passed.
std::string RenderFindings(const ResultView& result, const FindingsStyle& style);

// The line that says it: "PASS", "FAIL", "UNPOLICED", "ERROR" and when.
std::string RenderVerdict(const ResultView& result, const Look& look);

// How the integrity or a verdict is coloured.
Tint TintOf(std::string_view verdict);

}  // namespace limequat::cli
