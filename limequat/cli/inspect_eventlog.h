#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"
#include "limequat/cli/event_filter.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

// limequat inspect eventlog: what a TCG event log says of itself. Nothing is verified:
// `pcrs` is what the log leads to, not what a TPM holds.
struct InspectEventLog {
  std::string file;
  std::optional<tpm::PcrSet> pcrs;     // absent: events of all PCRs
  std::vector<EventTypeFilter> types;  // empty: of all types
  std::optional<PathFilter> path;      // absent: whatever they are about
  bool no_pager = false;

  // A log that is damaged is shown as far as it could be read, with a note that says
  // so; one without a record that can be read is an error. The filters choose events,
  // `pcrs` and notes are of the whole log.
  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
