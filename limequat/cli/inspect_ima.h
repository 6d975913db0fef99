#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"
#include "limequat/cli/event_filter.h"
#include "limequat/ima/list.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

// limequat inspect ima: what an IMA list says of itself. Nothing of it is verified: the
// values of `pcrs` follow the template digests as the list states them. With keys, its
// signatures are held against the digests that it states.
struct InspectIma {
  std::string file;
  std::optional<ima::Format> format;  // absent: as the list looks
  bool entries = false;               // show the entries too
  // Show these entries: absent or empty, all. Any of them means `entries`.
  std::optional<tpm::PcrSet> pcrs;
  std::vector<std::string> templates;
  std::optional<PathFilter> path;
  bool no_pager = false;
  std::vector<std::string> keys;  // files: see ReadKeyFiles

  // A list that is damaged is shown as far as it could be read, with a note that says
  // so; one whose first record cannot be read is that record's error, and one with a
  // record of an unsupported kind is shown as far as that and ends with kMalformed. The
  // filters choose entries; counts, `pcrs` and notes are of the whole list.
  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
