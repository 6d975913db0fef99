#include "limequat/verifier/service.h"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/config/certificates.h"
#include "limequat/config/files.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/api.h"

namespace limequat::verifier {

namespace {

constexpr std::size_t kMaxKeyFile = 64U << 10U;
// Half of the processors receive and appraise short answers; the other half is for long
// answers, the API and the database. One thread does several thousand answers a second.
constexpr unsigned kMaxFleetThreads = 16;

Result<http::ServerTls> LoadTls(const config::VerifierConfig& config) {
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

Result<http::ClientOptions> LoadClient(const config::VerifierConfig& config) {
  http::ClientOptions options;
  LQ_ASSIGN_OR_RETURN(options.chain, config::LoadCertificates({config.client_certificate}));
  LQ_ASSIGN_OR_RETURN(options.private_key_pem,
                      config::ReadSecretFile(config.client_key, kMaxKeyFile));
  // One machine, one connection: questions to one machine never overlap.
  options.max_connections_per_endpoint = 1;
  options.max_connections = kMaxMachines;
  options.max_waiting = kMaxMachines;
  return options;
}

Result<PolicySigning> LoadSigning(const config::VerifierConfig& config) {
  PolicySigning signing;
  signing.required = config.require_signed_policies;
  signing.signers.threshold = config.policy_threshold;
  for (const std::filesystem::path& file : config.policy_keys) {
    LQ_ASSIGN_OR_RETURN(const std::string pem, config::ReadTextFile(file, kMaxKeyFile));
    auto key = crypto::PublicKey::FromPem(pem);
    if (!key) return std::move(key).error().In(file.string());
    if (Status fits = policy::CheckSigningKey(*key); !fits) {
      return std::move(fits).error().In(file.string());
    }
    signing.signers.keys.push_back(*std::move(key));
  }
  LQ_ASSIGN_OR_RETURN(signing.signers.anchors,
                      config::LoadTrusted(config.policy_trust, config.lab));
  return signing;
}

std::chrono::milliseconds Milliseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration);
}

http::RuntimeOptions FleetThreads() {
  const unsigned threads =
      std::clamp(std::thread::hardware_concurrency() / 2, 1U, kMaxFleetThreads);
  http::RuntimeOptions options;
  options.io_threads = threads;
  options.evidence.workers = threads;
  options.health.workers = 0;
  options.administration.workers = 0;
  return options;
}

FleetOptions OptionsOf(const config::VerifierConfig& config) {
  return {.pace = {.interval = config.interval,
                   .late_after = config.late_after,
                   .max_retry_interval = config.max_retry_interval},
          .request_timeout = Milliseconds(config.timeout),
          .max_answer = config.max_ima_list_bytes};
}

}  // namespace

Result<std::unique_ptr<Service>> Service::Start(http::Runtime& runtime,
                                                const config::VerifierConfig& config) {
  LQ_ASSIGN_OR_RETURN(http::ServerTls tls, LoadTls(config));
  LQ_ASSIGN_OR_RETURN(const http::ClientOptions client, LoadClient(config));
  LQ_ASSIGN_OR_RETURN(PolicySigning signing, LoadSigning(config));
  auto service = std::unique_ptr<Service>(
      new Service(std::move(signing), *policy::BootPolicyFromName(config.boot_policy)));
  LQ_ASSIGN_OR_RETURN(service->store_, Store::Open(config.database_url));
  service->fleet_runtime_ = std::make_unique<http::Runtime>(FleetThreads());
  LQ_ASSIGN_OR_RETURN(service->client_, http::Client::Create(*service->fleet_runtime_, client));
  if (!config.webhook.empty()) {
    LQ_ASSIGN_OR_RETURN(auto authorities, config::LoadCertificates(config.webhook_ca));
    LQ_ASSIGN_OR_RETURN(
        service->outbox_,
        notify::Outbox::Create(runtime, *service->client_, service->store_->database(),
                               {.url = config.webhook,
                                .authorities = std::move(authorities),
                                .timeout = Milliseconds(config.webhook_timeout)}));
  }
  service->fleet_ = std::make_unique<Fleet>(FleetParts{.runtime = *service->fleet_runtime_,
                                                       .client = *service->client_,
                                                       .store = *service->store_,
                                                       .policies = service->policies_,
                                                       .boots = service->boots_,
                                                       .outbox = service->outbox_.get()},
                                            OptionsOf(config));
  LQ_RETURN_IF_ERROR(service->fleet_->Start());
  const std::shared_ptr<const http::Router> router = MakeRouter({.fleet = *service->fleet_,
                                                                 .store = *service->store_,
                                                                 .policies = service->policies_,
                                                                 .boots = service->boots_,
                                                                 .verifier_id = "default",
                                                                 .listen_address = config.listen,
                                                                 .listen_port = config.port});
  LQ_ASSIGN_OR_RETURN(
      service->server_,
      http::Server::Listen(
          runtime, router,
          {.address = config.listen, .port = config.port, .tls = std::move(tls), .limits = {}}));
  telemetry::LogInfo("verifier.started", {{"address", config.listen},
                                          {"port", service->server_->port()},
                                          {"machines", service->fleet_->size()}});
  return service;
}

}  // namespace limequat::verifier
