#include <cstdint>

#include "limequat/config/registrar.h"
#include "limequat/registrar/service.h"
#include "program.h"

// limequat-registrar: proves that an attestation key lives in the TPM that the
// endorsement key names.

namespace {

// Those who register come and go.
std::uint64_t Machines(limequat::registrar::Service&) { return 0; }

}  // namespace

int main(int argc, char** argv) {
  return limequat::apps::RunProgram(
      argc, argv,
      {.name = "limequat-registrar",
       .summary = "Registers machines by the endorsement key of their TPM.",
       .default_config = "/etc/limequat/limequat-registrar.toml",
       .details = "Example:\n  limequat-registrar --config registrar/limequat-registrar.toml\n\n"
                  "`limequat init` makes a configuration and certificates.\n\n"
                  "Exit status: 0 ended by a signal, 1 an authority is a lab's, 2 wrong usage, 3 "
                  "the configuration is\n"
                  "malformed, 4 a file is missing, 5 a file may not be read or is open to others, "
                  "6 a port or the\n"
                  "database is not available, 70 a defect."},
      limequat::apps::ServiceActions("limequat-registrar", limequat::config::LoadRegistrarConfig,
                                     limequat::registrar::Service::Start, Machines));
}
