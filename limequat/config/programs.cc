#include <cstdlib>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/config/agent.h"
#include "limequat/config/command.h"
#include "limequat/config/registrar.h"
#include "limequat/config/settings.h"
#include "limequat/config/verifier.h"

// The keys of every program, each listed once: Bind reads, overrides and writes them.

namespace limequat::config {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Required = Settings::Required;

void BindLog(Settings& settings, LogConfig& log) {
  settings.Section("log");
  settings.Word("level", log.level, {"debug", "info", "warning", "error"},
                "debug, info, warning or error");
  settings.Word("format", log.format, {"text", "json"}, "text for people, json: one object a line");
}

template <class Config>
void BindServerTls(Settings& settings, Config& config) {
  settings.Path("certificate", config.certificate, Required::kYes,
                "this server's certificate with its chain, PEM");
  settings.Path("key", config.key, Required::kYes, "its private key, mode 0600");
  settings.Paths("operator_ca", config.operator_ca, Required::kYes,
                 "authorities whose certificates make an operator");
  settings.Paths("service_ca", config.service_ca, Required::kNo,
                 "authorities of other services; their certificates are no operators");
}

// A relative path of a database is taken from the configuration's folder, as others are.
void BindDatabase(Settings& settings, std::string& url) {
  constexpr std::string_view kSqlite = "sqlite:";
  settings.Section("database");
  settings.Text("url", url, "sqlite:PATH");
  if (!url.starts_with(kSqlite) || url.size() == kSqlite.size()) {
    settings.Problem("url", "sqlite:PATH is expected");
    return;
  }
  url = fmt::format("{}{}", kSqlite, settings.Absolute(url.substr(kSqlite.size())).string());
}

void Bind(Settings& settings, RegistrarConfig& config) {
  settings.Flag("lab", config.lab, "accept the authorities of a lab; only the lab sets it");
  settings.Section("server");
  settings.Text("listen", config.listen, "address to listen on");
  settings.Port("port", config.port, 0,
                "plain HTTP: registration and activation only; 0: any free port");
  settings.Port("tls_port", config.tls_port, 0, "HTTPS: everything");
  settings.Section("tls");
  BindServerTls(settings, config);
  BindDatabase(settings, config.database_url);
  settings.Section("identity");
  settings.Path(
      "ek_trust", config.ek_trust, Required::kNo,
      "folder with certificates of TPM manufacturers, PEM; without it no identity is verified");
  settings.Flag("require_valid_time", config.require_valid_time,
                "refuse EK certificates that have expired");
  BindLog(settings, config.log);
}

void Bind(Settings& settings, VerifierConfig& config) {
  settings.Flag("lab", config.lab, "accept the authorities of a lab; only the lab sets it");
  settings.Section("server");
  settings.Text("listen", config.listen, "address to listen on");
  settings.Port("port", config.port, 0, "HTTPS; 0: any free port");
  settings.Section("tls");
  BindServerTls(settings, config);
  settings.Path("client_certificate", config.client_certificate, Required::kNo,
                "shown to agents; default: certificate");
  settings.Path("client_key", config.client_key, Required::kNo, "its private key; default: key");
  BindDatabase(settings, config.database_url);
  settings.Section("attestation");
  settings.Span("interval", config.interval, milliseconds(10), hours(24),
                "how often each machine is asked");
  settings.Span("timeout", config.timeout, milliseconds(100), seconds(600), "of one question");
  settings.Span("late_after", config.late_after, milliseconds(100), hours(48),
                "age of the last verified evidence at which a machine is late; more than interval");
  settings.Span("max_retry_interval", config.max_retry_interval, milliseconds(10), hours(24),
                "longest pause between questions to a machine that does not answer");
  auto bytes = static_cast<std::int64_t>(config.max_ima_list_bytes);
  settings.Number("max_ima_list_bytes", bytes, 1 << 16, std::int64_t{1} << 30,
                  "longest answer of a machine");
  config.max_ima_list_bytes = static_cast<std::size_t>(bytes);
  if (config.late_after <= config.interval)
    settings.Problem("late_after", "it must be longer than interval");
  settings.Section("policy");
  settings.Paths("signing_keys", config.policy_keys, Required::kNo,
                 "public keys, PEM: policies must be signed with them");
  settings.Paths("signing_trust", config.policy_trust, Required::kNo,
                 "roots of certificates that may sign policies");
  auto threshold = static_cast<std::int64_t>(config.policy_threshold);
  settings.Number("signing_threshold", threshold, 1, 64,
                  "how many distinct keys must have signed a policy");
  config.policy_threshold = static_cast<std::size_t>(threshold);
  settings.Flag("require_signature", config.require_signed_policies,
                "refuse policies that are not signed, even if no key is listed here");
  settings.Word("measured_boot", config.boot_policy,
                {"example", "measured-only", "accept-all", "reject-all"},
                "what reference states of measured boot are held against, unless an enrolment "
                "says otherwise");
  settings.Section("notify");
  settings.Text("webhook", config.webhook,
                "http or https URL that failure, recovery and silence are posted to; empty: none");
  settings.Paths("webhook_ca", config.webhook_ca, Required::kNo, "authorities of an https webhook");
  settings.Span("timeout", config.webhook_timeout, milliseconds(100), seconds(600),
                "of one delivery");
  BindLog(settings, config.log);
  if (config.client_certificate.empty()) config.client_certificate = config.certificate;
  if (config.client_key.empty()) config.client_key = config.key;
}

void Bind(Settings& settings, AgentConfig& config) {
  settings.Flag("lab", config.lab, "trust the authorities of a lab; only the lab sets it");
  settings.Section("agent");
  settings.Text("id", config.id, "hash_ek, a UUID, or a name of letters, digits, '.', '_' and '-'");
  settings.Text("listen", config.listen, "address to listen on");
  settings.Port("port", config.port, 0, "HTTPS with client certificates");
  settings.Text("contact_ip", config.contact_ip,
                "address at which the verifier reaches this machine");
  settings.Port("contact_port", config.contact_port, 0, "0: as port");
  settings.Path("state_dir", config.state_dir, Required::kYes,
                "keys and certificates of the agent; outside what IMA measures");
  settings.Section("registrar");
  settings.Text("host", config.registrar_host);
  settings.Port("port", config.registrar_port, 1, "plain HTTP");
  settings.Span("retry", config.registrar_retry, milliseconds(10), hours(1),
                "pause before another try; it doubles");
  std::int64_t retries = config.registrar_max_retries;
  settings.Number("max_retries", retries, 0, 1'000'000);
  config.registrar_max_retries = static_cast<int>(retries);
  settings.Section("tls");
  settings.Paths("trusted_client_ca", config.trusted_client_ca, Required::kYes,
                 "authorities of those who may ask for evidence");
  settings.Path("server_certificate", config.server_certificate, Required::kNo,
                "default: made, in state_dir");
  settings.Path("server_key", config.server_key, Required::kNo, "default: made, in state_dir");
  settings.Section("tpm");
  settings.Text("tcti", config.tcti,
                "device:/dev/tpmrm0, tabrmd:, swtpm:host=H,port=P; empty: the first device");
  settings.Word("key", config.tpm_key, {"rsa2048", "ecc256", "ecc384"},
                "of the endorsement and attestation keys");
  settings.Word("hash", config.tpm_hash, {"sha256", "sha384", "sha512", "sha1"},
                "of quotes and the PCR bank");
  settings.Word("signing", config.tpm_signing, {"rsassa", "rsapss", "ecdsa"},
                "rsassa or rsapss with RSA, ecdsa with ECC");
  settings.Text(
      "ek_handle", config.ek_handle,
      "hexadecimal handle of a persistent endorsement key; empty: made from TCG's template");
  if ((config.tpm_signing == "ecdsa") != config.tpm_key.starts_with("ecc"))
    settings.Problem("signing", "it does not go with the type of key");
  settings.Section("evidence");
  settings.Path("ima_log", config.ima_log, Required::kYes);
  settings.Path("boot_log", config.boot_log, Required::kYes);
  BindLog(settings, config.log);
  if (config.contact_port == 0) config.contact_port = config.port;
  if (config.server_certificate.empty())
    config.server_certificate = config.state_dir / "server.pem";
  if (config.server_key.empty()) config.server_key = config.state_dir / "server.key";
}

void Bind(Settings& settings, CommandConfig& config) {
  settings.Section("verifier");
  settings.Text("host", config.verifier_host);
  settings.Port("port", config.verifier_port, 1);
  settings.Section("registrar");
  settings.Text("host", config.registrar_host);
  settings.Port("port", config.registrar_port, 1, "the HTTPS one");
  settings.Section("tls");
  settings.Path("certificate", config.certificate, Required::kYes, "an operator's certificate");
  settings.Path("key", config.key, Required::kYes, "its private key, mode 0600");
  settings.Paths("server_ca", config.server_ca, Required::kYes, "authorities of the services");
}

const char* FromEnvironment(const std::string& name) {
  return std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read before threads start
}

template <class Config>
Result<Config> Load(const std::filesystem::path& file, std::string prefix) {
  LQ_ASSIGN_OR_RETURN(const File read, ReadConfigFile(file));
  Settings settings(read.text, file.string(), read.folder, std::move(prefix), FromEnvironment);
  return LoadWith<Config>(settings, Bind);
}

template <class Config>
Result<Config> Parse(std::string_view text, const std::filesystem::path& folder) {
  Settings settings(text, "configuration", folder, "", nullptr);
  return LoadWith<Config>(settings, Bind);
}

template <class Config>
std::string Write(Config config) {
  Settings settings;
  Bind(settings, config);
  return settings.TakeText();
}

}  // namespace

Result<RegistrarConfig> LoadRegistrarConfig(const std::filesystem::path& file) {
  return Load<RegistrarConfig>(file, "LIMEQUAT_REGISTRAR_");
}
Result<RegistrarConfig> ParseRegistrarConfig(std::string_view toml,
                                             const std::filesystem::path& folder) {
  return Parse<RegistrarConfig>(toml, folder);
}
std::string ToToml(const RegistrarConfig& config) { return Write(config); }

Result<VerifierConfig> LoadVerifierConfig(const std::filesystem::path& file) {
  return Load<VerifierConfig>(file, "LIMEQUAT_VERIFIER_");
}
Result<VerifierConfig> ParseVerifierConfig(std::string_view toml,
                                           const std::filesystem::path& folder) {
  return Parse<VerifierConfig>(toml, folder);
}
std::string ToToml(const VerifierConfig& config) { return Write(config); }

Result<AgentConfig> LoadAgentConfig(const std::filesystem::path& file) {
  return Load<AgentConfig>(file, "LIMEQUAT_AGENT_");
}
Result<AgentConfig> ParseAgentConfig(std::string_view toml, const std::filesystem::path& folder) {
  return Parse<AgentConfig>(toml, folder);
}
std::string ToToml(const AgentConfig& config) { return Write(config); }

Result<CommandConfig> LoadCommandConfig(const std::optional<std::filesystem::path>& file) {
  if (file) return Load<CommandConfig>(*file, "LIMEQUAT_COMMAND_");
  // Named by the operator: another in its place would be a surprise.
  if (const char* named = FromEnvironment("LIMEQUAT_CONFIG")) {
    return Load<CommandConfig>(named, "LIMEQUAT_COMMAND_");
  }
  std::vector<std::filesystem::path> places;
  if (const char* home = FromEnvironment("HOME"))
    places.push_back(std::filesystem::path(home) / ".config/limequat/limequat.toml");
  places.emplace_back("/etc/limequat/limequat.toml");
  std::error_code ignored;
  for (const auto& place : places) {
    if (std::filesystem::exists(place, ignored))
      return Load<CommandConfig>(place, "LIMEQUAT_COMMAND_");
  }
  std::string tried;
  for (const auto& place : places) tried += (tried.empty() ? "" : ", ") + place.string();
  return NotFound(
      "config.none",
      fmt::format(
          "no configuration: give --config FILE, or put it at one of {}; `limequat init` makes one",
          tried));
}
Result<CommandConfig> ParseCommandConfig(std::string_view toml,
                                         const std::filesystem::path& folder) {
  return Parse<CommandConfig>(toml, folder);
}
std::string ToToml(const CommandConfig& config) { return Write(config); }

}  // namespace limequat::config
