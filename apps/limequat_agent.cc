#include <cstdlib>
#include <thread>

#include "limequat/agent/service.h"
#include "limequat/config/agent.h"
#include "program.h"

// limequat-agent: proves which machine this is and answers with evidence.

namespace {

using limequat::Status;
namespace agent = limequat::agent;
namespace config = limequat::config;
namespace http = limequat::http;
namespace telemetry = limequat::telemetry;

Status Check(const std::string& file) {
  const auto loaded = config::LoadAgentConfig(file);
  if (!loaded) return loaded.error();
  return agent::CheckConfiguration(*loaded);
}

limequat::Result<std::string> Print(const std::string& file) {
  const auto loaded = config::LoadAgentConfig(file);
  if (!loaded) return loaded.error();
  return config::ToToml(*loaded);
}

// Registration may wait long for its registrar, so it has a thread of its own: a
// signal ends the program at any time.
Status Serve(agent::Service& service, http::StopSignal& stop) {
  http::CancelSource stopping;
  http::CancelSource failed;
  Status started;
  std::thread starter([&] {
    started = service.Start(stopping.token());
    if (!started) failed.Cancel();
  });
  const int signal = stop.Wait(failed.token());
  stopping.Cancel();
  starter.join();
  if (signal == 0) return started;
  telemetry::LogInfo("program.stopping", {{"signal", signal}});
  return {};
}

Status Run(const std::string& file) {
  const auto loaded = config::LoadAgentConfig(file);
  if (!loaded) return loaded.error();
  const auto level = telemetry::ParseLevel(loaded->log.level);
  if (!level) return level.error();
  telemetry::StartLog("limequat-agent", {.level = *level, .json = loaded->log.format == "json"});
  // The TSS writes to standard error on its own what is an error here anyway.
  ::setenv("TSS2_LOG", "all+none", 0);
  // Before any thread, so that every thread has the signals blocked.
  http::StopSignal stop;
  http::Runtime runtime(agent::RuntimeOptions());
  const auto service = agent::Service::Open(runtime, *loaded);
  if (!service) return service.error();
  return Serve(**service, stop);
}

constexpr const char* kDetails = R"(Example:
  limequat-agent --config agent/limequat-agent.toml

`limequat init` makes a configuration. At the start the agent opens the TPM, makes or
loads its attestation key, registers and proves the key; then it answers whoever has a
certificate of an authority in [tls] trusted_client_ca. Its keys are kept in [agent]
state_dir: without agent_data.json a registrar takes this machine for another one. The
program needs to read the TPM's device and the kernel's logs.

Files (defaults):
  /etc/limequat/limequat-agent.toml   configuration
  /var/lib/limequat                   keys, mode 0700

Exit status: 0 ended by a signal; 1 an authority is a lab's, another agent uses the
folder, or the registrar refuses this machine; 2 wrong usage; 3 the configuration is
malformed; 4 a file is missing; 5 a file may not be read or is open to others; 6 the
TPM, the registrar or the port is not available; 70 a defect.)";

}  // namespace

int main(int argc, char** argv) {
  return limequat::apps::RunProgram(
      argc, argv,
      {.name = "limequat-agent",
       .summary = "Proves which machine this is and answers verifiers with evidence from its TPM.",
       .default_config = "/etc/limequat/limequat-agent.toml",
       .details = kDetails},
      {.check = Check, .print = Print, .run = Run});
}
