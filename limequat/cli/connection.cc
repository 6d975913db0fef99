#include "limequat/cli/connection.h"

#include <cstddef>
#include <string>
#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/config/certificates.h"
#include "limequat/config/command.h"
#include "limequat/config/files.h"

namespace limequat::cli {

namespace {
constexpr std::size_t kMaxKeyFile = 64U << 10U;
}  // namespace

std::unique_ptr<http::Runtime> StartClientRuntime() {
  // One thread that does the input and output is enough.
  return std::make_unique<http::Runtime>(
      http::RuntimeOptions{.io_threads = 1,
                           .health = {.workers = 1, .max_queued = 1},
                           .evidence = {.workers = 1, .max_queued = 1},
                           .administration = {.workers = 1, .max_queued = 1}});
}

Result<Connection> Connection::Open(const std::optional<std::filesystem::path>& config) {
  LQ_ASSIGN_OR_RETURN(const config::CommandConfig command, config::LoadCommandConfig(config));
  LQ_ASSIGN_OR_RETURN(auto chain, config::LoadCertificates({command.certificate}));
  LQ_ASSIGN_OR_RETURN(std::string key, config::ReadSecretFile(command.key, kMaxKeyFile));
  LQ_ASSIGN_OR_RETURN(auto authorities, config::LoadCertificates(command.server_ca));
  std::unique_ptr<http::Runtime> runtime = StartClientRuntime();
  const tenant::OperatorIdentity person{.chain = std::move(chain),
                                        .private_key_pem = std::move(key),
                                        .server_authorities = std::move(authorities)};
  LQ_ASSIGN_OR_RETURN(
      auto services,
      tenant::Services::Create(*runtime, person,
                               {.host = command.registrar_host, .port = command.registrar_port},
                               {.host = command.verifier_host, .port = command.verifier_port}));
  return Connection(std::move(runtime), std::move(services));
}

}  // namespace limequat::cli
