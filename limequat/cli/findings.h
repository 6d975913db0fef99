#pragma once

#include <optional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat findings: the catalogue of checks, or one of them: what its failure means, what
// usually causes it, and what to do. kNotFound ("cli.findings") for a check that this
// version does not have. Needs no service.
struct CheckCatalogueShow {
  std::optional<std::string> check;

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
