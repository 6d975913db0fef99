#include "limequat/agent/service.h"

#include <charconv>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "limequat/agent/api.h"
#include "limequat/agent/registrar_client.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/config/certificates.h"
#include "limequat/telemetry/log.h"

namespace limequat::agent {

namespace {

constexpr std::string_view kHashEk = "hash_ek";
constexpr std::size_t kMaxQueuedQuotes = 64;
constexpr std::size_t kMaxConnections = 128;

// The one place where this module asks for the time: certificates are made and judged by it.
Time Now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::uint16_t ContactPort(const config::AgentConfig& config) {
  return config.contact_port != 0 ? config.contact_port : config.port;
}

Result<std::optional<std::uint32_t>> ParseHandle(std::string_view text) {
  if (text.empty()) return std::optional<std::uint32_t>();
  std::string_view digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  std::uint32_t handle = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), handle, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return Malformed("agent.ek_handle", fmt::format("ek_handle: \"{}\" is not a hexadecimal number",
                                                    EscapeForDisplay(text, 40)));
  }
  return std::optional<std::uint32_t>(handle);
}

Result<wire::AgentId> ChooseId(const config::AgentConfig& config, const tpm::PublicArea& ek) {
  return wire::AgentId::Parse(config.id == kHashEk ? EkHash(ek) : config.id);
}

template <class Log>
std::optional<Log> OpenLog(const std::filesystem::path& path) {
  Result<Log> log = Log::Open(path.string());
  if (log) return *std::move(log);
  telemetry::LogWarning("agent.log_absent", {{"why", log.error().message}});
  return std::nullopt;
}

Result<std::unique_ptr<device::Tpm>> OpenTpm(const config::AgentConfig& config,
                                             const KeyChoice& choice, const StateFolder& state) {
  LQ_ASSIGN_OR_RETURN(std::unique_ptr<device::Tpm> tpm, device::Tpm::Open(config.tcti));
  if (tpm->says_it_is_software()) {
    telemetry::LogWarning("agent.software_tpm",
                          {{"consequence", "whoever runs it can say what it says"}});
  }
  LQ_RETURN_IF_ERROR(tpm->CheckBank(choice.hash));
  LQ_RETURN_IF_ERROR(FlushOldAttestationKey(*tpm, state));
  return tpm;
}

Result<ServerIdentity> ObtainServer(const config::AgentConfig& config, const StateFolder& state,
                                    const wire::AgentId& id) {
  const std::filesystem::path own_certificate = state.path() / kServerCertificateFile;
  const std::filesystem::path own_key = state.path() / kServerKeyFile;
  const bool own =
      (config.server_certificate.empty() || config.server_certificate == own_certificate) &&
      (config.server_key.empty() || config.server_key == own_key);
  if (own) return ObtainServerIdentity(state, id, config.contact_ip, Now());
  return LoadServerIdentity(config.server_certificate, config.server_key, Now());
}

}  // namespace

http::RuntimeOptions RuntimeOptions() {
  http::RuntimeOptions options;
  options.evidence = {.workers = 1, .max_queued = kMaxQueuedQuotes};
  options.administration = {.workers = 1, .max_queued = kMaxQueuedQuotes};
  return options;
}

Status CheckConfiguration(const config::AgentConfig& config) {
  LQ_RETURN_IF_ERROR(ParseKeyChoice(config.tpm_key, config.tpm_signing, config.tpm_hash));
  LQ_RETURN_IF_ERROR(ParseHandle(config.ek_handle));
  if (config.id != kHashEk) LQ_RETURN_IF_ERROR(wire::AgentId::Parse(config.id));
  LQ_RETURN_IF_ERROR(config::LoadTrusted(config.trusted_client_ca, config.lab));
  return {};
}

struct Service::Parts {
  StateFolder state;
  KeyChoice choice;
  std::optional<std::uint32_t> ek_handle;
  wire::AgentId id;
  crypto::PrivateKey transport_key;
  ServerIdentity server_identity;
  std::vector<crypto::Certificate> clients;
  std::unique_ptr<device::Tpm> tpm;
  device::Tpm::Key ek;
  device::Tpm::Key ak;
  std::optional<std::string> ek_certificate_pem;
  Logs logs;
};

Service::Service(http::Runtime& runtime, const config::AgentConfig& config, Parts parts)
    : runtime_(runtime),
      config_(config),
      state_(std::move(parts.state)),
      id_(std::move(parts.id)),
      transport_key_(std::move(parts.transport_key)),
      server_identity_(std::move(parts.server_identity)),
      clients_(std::move(parts.clients)),
      tpm_(std::move(parts.tpm)),
      ek_(std::move(parts.ek)),
      ek_tpm_(ek_->public_area().tpm2b()),
      ek_certificate_pem_(std::move(parts.ek_certificate_pem)),
      evidence_(
          *tpm_, std::move(parts.ak),
          [this, choice = parts.choice, handle = parts.ek_handle] {
            return ReloadAttestationKey(*tpm_, choice, handle, state_);
          },
          parts.choice, transport_key_.public_key(), std::move(parts.logs)),
      bootstrap_key_(id_) {}

Result<std::unique_ptr<Service>> Service::Open(http::Runtime& runtime,
                                               const config::AgentConfig& config) {
  LQ_RETURN_IF_ERROR(CheckConfiguration(config));
  LQ_ASSIGN_OR_RETURN(const KeyChoice choice,
                      ParseKeyChoice(config.tpm_key, config.tpm_signing, config.tpm_hash));
  LQ_ASSIGN_OR_RETURN(const std::optional<std::uint32_t> handle, ParseHandle(config.ek_handle));
  LQ_ASSIGN_OR_RETURN(std::vector<crypto::Certificate> clients,
                      config::LoadTrusted(config.trusted_client_ca, config.lab));
  Logs logs{.ima = OpenLog<device::ImaLog>(config.ima_log),
            .boot = OpenLog<device::BootLog>(config.boot_log)};
  LQ_ASSIGN_OR_RETURN(StateFolder state, StateFolder::Open(config.state_dir));
  LQ_ASSIGN_OR_RETURN(std::unique_ptr<device::Tpm> tpm, OpenTpm(config, choice, state));
  LQ_ASSIGN_OR_RETURN(device::Tpm::Key ek, ObtainEndorsementKey(*tpm, choice.kind, handle));
  const device::EkCertificates certificates = tpm->ReadEkCertificates(choice.kind);
  if (certificates.state == device::EkCertificates::State::kUnreadable) {
    telemetry::LogWarning("agent.ek_certificate_unreadable", {{"why", certificates.reason}});
  }
  LQ_ASSIGN_OR_RETURN(wire::AgentId id, ChooseId(config, ek.public_area()));
  LQ_ASSIGN_OR_RETURN(device::Tpm::Key ak, ObtainAttestationKey(*tpm, ek, choice, state));
  LQ_ASSIGN_OR_RETURN(crypto::PrivateKey transport_key, ObtainTransportKey(state));
  LQ_ASSIGN_OR_RETURN(ServerIdentity server, ObtainServer(config, state, id));
  return std::unique_ptr<Service>(
      new Service(runtime, config,
                  Parts{.state = std::move(state),
                        .choice = choice,
                        .ek_handle = handle,
                        .id = std::move(id),
                        .transport_key = std::move(transport_key),
                        .server_identity = std::move(server),
                        .clients = std::move(clients),
                        .tpm = std::move(tpm),
                        .ek = std::move(ek),
                        .ak = std::move(ak),
                        .ek_certificate_pem = EkCertificatePem(certificates),
                        .logs = std::move(logs)}));
}

Status Service::Start(const http::CancelToken& cancel) {
  LQ_RETURN_IF_ERROR(RegisterOnce(cancel));
  // Its slot in the TPM is of use to others from here on.
  ek_.reset();
  LQ_RETURN_IF_ERROR(Listen());
  telemetry::LogInfo(
      "agent.serving",
      {{"agent", id().text()}, {"address", config_.listen}, {"port", server_->port()}});
  return {};
}

Status Service::RegisterOnce(const http::CancelToken& cancel) {
  LQ_ASSIGN_OR_RETURN(const std::unique_ptr<http::Client> client,
                      http::Client::Create(runtime_, {}));
  const http::Endpoint registrar{.host = config_.registrar_host,
                                 .port = config_.registrar_port,
                                 .tls = false,
                                 .trust = nullptr};
  const wire::Registration registration{
      .aik_tpm = evidence_.ak_public().tpm2b(),
      .ek_tpm = ek_tpm_,
      .ek_certificate_pem = ek_certificate_pem_,
      .ip = config_.contact_ip,
      .port = ContactPort(config_),
      .transport_certificate_pem = server_identity_.certificate.ToPem()};
  RetryPolicy policy;
  policy.first_delay =
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.registrar_retry);
  policy.max_retries = config_.registrar_max_retries;
  LQ_RETURN_IF_ERROR(Register(
      *client, registrar, id(), registration,
      [this](const tpm::Credential& credential) { return evidence_.Activate(*ek_, credential); },
      policy, cancel));
  telemetry::LogInfo("agent.registered", {{"agent", id().text()}, {"registrar", registrar.host}});
  return {};
}

Status Service::Listen() {
  http::ListenOptions options;
  options.address = config_.listen;
  options.port = config_.port;
  options.limits.max_connections = kMaxConnections;
  options.limits.max_connections_per_address = kMaxConnections;
  options.tls = http::ServerTls{
      .chain = {server_identity_.certificate},
      .private_key_pem = server_identity_.key.ExposePem(),
      .client_authorities = {{.role = std::string(kClientRole), .anchors = clients_}},
      .require_client_certificate = true};
  auto router = std::make_shared<const http::Router>(MakeRouter({.id = id_,
                                                                 .transport_key = transport_key_,
                                                                 .evidence = evidence_,
                                                                 .bootstrap_key = bootstrap_key_}));
  LQ_ASSIGN_OR_RETURN(server_,
                      http::Server::Listen(runtime_, std::move(router), std::move(options)));
  return {};
}

std::uint16_t Service::port() const { return server_->port(); }

}  // namespace limequat::agent
