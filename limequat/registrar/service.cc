#include "limequat/registrar/service.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/config/certificates.h"
#include "limequat/config/files.h"
#include "limequat/registrar/api.h"
#include "limequat/telemetry/log.h"

namespace limequat::registrar {

namespace {

constexpr std::size_t kMaxKeyFile = 64U << 10U;

// Every file of the folder; one that cannot be read is reported and left out, so
// that it makes nobody trusted and nobody's registration fail.
tpm::EkTrust LoadTrust(const config::RegistrarConfig& config) {
  tpm::EkTrust trust{
      .anchors = {}, .intermediates = {}, .require_valid_time = config.require_valid_time};
  if (config.ek_trust.empty()) return trust;
  auto loaded = config::LoadVendorCertificates(config.ek_trust);
  if (!loaded) {
    telemetry::LogError("registrar.ek_trust", loaded.error());
    return trust;
  }
  for (const Error& error : loaded->unreadable) telemetry::LogError("registrar.ek_trust", error);
  trust.anchors = std::move(loaded->certificates);
  telemetry::LogInfo("registrar.ek_trust", {{"certificates", trust.anchors.size()}});
  return trust;
}

Result<http::ServerTls> LoadTls(const config::RegistrarConfig& config) {
  http::ServerTls tls;
  LQ_ASSIGN_OR_RETURN(tls.chain, config::LoadTrusted({config.certificate}, config.lab));
  LQ_ASSIGN_OR_RETURN(tls.private_key_pem, config::ReadSecretFile(config.key, kMaxKeyFile));
  LQ_ASSIGN_OR_RETURN(auto operators, config::LoadTrusted(config.operator_ca, config.lab));
  LQ_ASSIGN_OR_RETURN(auto services, config::LoadTrusted(config.service_ca, config.lab));
  tls.client_authorities.push_back(
      {.role = std::string(kOperatorRole), .anchors = std::move(operators)});
  if (!services.empty())
    tls.client_authorities.push_back({.role = "service", .anchors = std::move(services)});
  return tls;
}

}  // namespace

Result<std::unique_ptr<Service>> Service::Start(http::Runtime& runtime,
                                                const config::RegistrarConfig& config) {
  LQ_ASSIGN_OR_RETURN(http::ServerTls tls, LoadTls(config));
  LQ_ASSIGN_OR_RETURN(auto store, Store::Open(config.database_url));
  const std::shared_ptr<const http::Router> router = MakeRouter(
      {.store = *store, .trust = std::make_shared<const tpm::EkTrust>(LoadTrust(config))});
  LQ_ASSIGN_OR_RETURN(
      auto plain, http::Server::Listen(
                      runtime, router,
                      {.address = config.listen, .port = config.port, .tls = {}, .limits = {}}));
  LQ_ASSIGN_OR_RETURN(auto secure, http::Server::Listen(runtime, router,
                                                        {.address = config.listen,
                                                         .port = config.tls_port,
                                                         .tls = std::move(tls),
                                                         .limits = {}}));
  telemetry::LogInfo(
      "registrar.started",
      {{"address", config.listen}, {"port", plain->port()}, {"tls_port", secure->port()}});
  return std::unique_ptr<Service>(
      new Service(std::move(store), std::move(plain), std::move(secure)));
}

}  // namespace limequat::registrar
