#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/findings_view.h"
#include "limequat/cli/table.h"
#include "limequat/wire/own_api.h"

namespace limequat::cli {

// The text of `limequat explain`: standing, age of the evidence, identity, baseline,
// open incidents, what the newest appraisal found (grouped), and the failures before
// it. `current` is the newest appraisal, as findings.current has it. kMalformed if a result
// cannot be read.
Result<std::string> RenderExplanation(const wire::FindingsView& findings,
                                      const std::optional<ResultView>& current,
                                      const std::vector<wire::IncidentView>& open_incidents,
                                      bool all, const Look& look);

}  // namespace limequat::cli
