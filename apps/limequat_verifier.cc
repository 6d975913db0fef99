#include <cstdint>

#include "limequat/config/verifier.h"
#include "limequat/verifier/service.h"
#include "program.h"

// limequat-verifier: asks machines for evidence, verifies it, appraises it against
// policy, and tells whom it concerns.

namespace {

std::uint64_t Machines(limequat::verifier::Service& service) { return service.fleet().size(); }

}  // namespace

int main(int argc, char** argv) {
  return limequat::apps::RunProgram(
      argc, argv,
      {.name = "limequat-verifier",
       .summary = "Asks machines for evidence and appraises it against policy.",
       .default_config = "/etc/limequat/limequat-verifier.toml",
       .details = "Example:\n  limequat-verifier --config verifier/limequat-verifier.toml\n\n"
                  "`limequat init` makes a configuration and certificates.\n\n"
                  "Exit status: 0 ended by a signal, 1 an authority is a lab's, 2 wrong usage, 3 "
                  "the configuration is\n"
                  "malformed, 4 a file is missing, 5 a file may not be read or is open to others, "
                  "6 a port or the\n"
                  "database is not available, 70 a defect."},
      limequat::apps::ServiceActions("limequat-verifier", limequat::config::LoadVerifierConfig,
                                     limequat::verifier::Service::Start, Machines));
}
