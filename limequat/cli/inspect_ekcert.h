#pragma once

#include <string>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat inspect ekcert: what a certificate of an endorsement key says, in any form of
// crypto::ReadStoredCertificates. Nothing is verified.
struct InspectEkcert {
  std::string file;

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
