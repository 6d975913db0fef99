#include "limequat/tenant/site.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/config/files.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"

namespace limequat::tenant {

namespace {

namespace fs = std::filesystem;

// Clocks of freshly installed machines are often behind.
constexpr std::chrono::hours kBackdate{1};

struct Authority {
  crypto::PrivateKey key;
  crypto::Certificate certificate;
};

struct Identity {
  std::string certificate_pem;
  std::string key_pem;
};

bool IsAddress(const std::string& host) {
  return host.find_first_not_of("0123456789.") == std::string::npos ||
         host.find(':') != std::string::npos;
}

// A folder that was there keeps its mode: it may be somebody's home, or "/tmp".
Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (!error && made) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) {
    return Unavailable("tenant.site_folder",
                       fmt::format("{}: {}", folder.string(), error.message()));
  }
  return {};
}

Status WriteFile(const fs::path& path, const std::string& text) {
  return config::WriteFileAtomically(path, text, 0600);
}

Result<Authority> CreateAuthority(const SiteOptions& options, std::string_view what) {
  crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const crypto::CertificateRequest request{
      .common_name = fmt::format("{} {} CA", options.organization, what),
      .organization = options.organization,
      .dns_names = {},
      .ip_addresses = {},
      .not_before = options.now - kBackdate,
      .not_after = options.now + kAuthorityLifetime,
      .ca = true,
      .path_length = 0,
      .server_auth = false,
      .client_auth = false,
      .lab = options.lab};
  LQ_ASSIGN_OR_RETURN(auto certificate, crypto::Issue(request, key.public_key(), nullptr, key));
  return Authority{.key = std::move(key), .certificate = std::move(certificate)};
}

Result<Identity> CreateIdentity(const SiteOptions& options, const Authority& authority,
                                std::string common_name, const std::vector<std::string>& hosts,
                                bool server, bool client) {
  const crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  crypto::CertificateRequest request{.common_name = std::move(common_name),
                                     .organization = options.organization,
                                     .dns_names = {},
                                     .ip_addresses = {},
                                     .not_before = options.now - kBackdate,
                                     .not_after = options.now + kCertificateLifetime,
                                     .ca = false,
                                     .path_length = -1,
                                     .server_auth = server,
                                     .client_auth = client,
                                     .lab = options.lab};
  for (const std::string& host : hosts)
    (IsAddress(host) ? request.ip_addresses : request.dns_names).push_back(host);
  LQ_ASSIGN_OR_RETURN(auto certificate, crypto::Issue(request, key.public_key(),
                                                      &authority.certificate, authority.key));
  return Identity{.certificate_pem = certificate.ToPem(), .key_pem = key.ExposePem()};
}

// The one place of a site where TOML is written: small, and every value is ours or
// was checked by the command (host names, ports).
std::string Quote(std::string_view text) { return fmt::format("\"{}\"", text); }

std::string LabLine(const SiteOptions& options) { return options.lab ? "lab = true\n\n" : ""; }

std::string RegistrarToml(const SiteOptions& options) {
  return fmt::format(
      "# limequat-registrar. Every key: limequat-registrar --print-config\n\n{}"
      "[server]\nlisten = {}\nport = {}\ntls_port = {}\n\n"
      "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\noperator_ca = "
      "[\"operators-ca.pem\"]\n\n"
      "[database]\nurl = \"sqlite:registrar.db\"\n\n"
      "[identity]\n# Certificates of TPM manufacturers, PEM, one or more to a file.\nek_trust = "
      "\"ek-trust\"\n",
      LabLine(options), Quote(options.listen), options.registrar_port, options.registrar_tls_port);
}

std::string VerifierToml(const SiteOptions& options) {
  return fmt::format(
      "# limequat-verifier. Every key: limequat-verifier --print-config\n\n{}"
      "[server]\nlisten = {}\nport = {}\n\n"
      "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\noperator_ca = "
      "[\"operators-ca.pem\"]\n\n"
      "[database]\nurl = \"sqlite:verifier.db\"\n\n"
      "[attestation]\n{}",
      LabLine(options), Quote(options.listen), options.verifier_port,
      // A lab is watched by somebody who waits.
      options.lab ? "interval = \"500ms\"\nlate_after = \"4s\"\nmax_retry_interval = \"1s\"\n"
                  : "interval = \"2s\"\nlate_after = \"10s\"\n");
}

std::string OperatorToml(const SiteOptions& options) {
  return fmt::format(
      "# limequat, the operator's command\n\n"
      "[verifier]\nhost = {}\nport = {}\n\n[registrar]\nhost = {}\nport = {}\n\n"
      "[tls]\ncertificate = \"operator.pem\"\nkey = \"operator.key\"\nserver_ca = "
      "[\"servers-ca.pem\"]\n",
      Quote(options.verifier_hosts.front()), options.verifier_port,
      Quote(options.registrar_hosts.front()), options.registrar_tls_port);
}

std::string AgentToml(const SiteOptions& options) {
  return fmt::format(
      "# limequat-agent. Set contact_ip to the address at which the verifier reaches this "
      "machine.\n\n{}"
      "[agent]\nid = \"hash_ek\"\nlisten = \"0.0.0.0\"\nport = 9002\ncontact_ip = \"127.0.0.1\"\n"
      "state_dir = \"/var/lib/limequat\"\n\n"
      "[registrar]\nhost = {}\nport = {}\n\n"
      "[tls]\n# Whoever may ask for evidence: the verifier and the operators.\ntrusted_client_ca = "
      "[\"trusted-clients.pem\"]\n",
      LabLine(options), Quote(options.registrar_hosts.front()), options.registrar_port);
}

struct Authorities {
  Authority servers;
  Authority agents;
  Authority operators;
};

Result<Authorities> CreateAuthorities(const SiteOptions& options, const fs::path& folder) {
  LQ_ASSIGN_OR_RETURN(Authority servers, CreateAuthority(options, "servers"));
  LQ_ASSIGN_OR_RETURN(Authority agents, CreateAuthority(options, "agents"));
  LQ_ASSIGN_OR_RETURN(Authority operators, CreateAuthority(options, "operators"));
  const auto save = [&](const Authority& authority, std::string_view name) -> Status {
    LQ_RETURN_IF_ERROR(
        WriteFile(folder / fmt::format("{}-ca.pem", name), authority.certificate.ToPem()));
    return WriteFile(folder / fmt::format("{}-ca.key", name), authority.key.ExposePem());
  };
  LQ_RETURN_IF_ERROR(save(servers, "servers"));
  LQ_RETURN_IF_ERROR(save(agents, "agents"));
  LQ_RETURN_IF_ERROR(save(operators, "operators"));
  return Authorities{.servers = std::move(servers),
                     .agents = std::move(agents),
                     .operators = std::move(operators)};
}

Status WriteServiceBundle(const fs::path& folder, const Identity& identity,
                          const Authorities& authorities, std::string_view config_name,
                          const std::string& config_text) {
  LQ_RETURN_IF_ERROR(WriteFile(folder / "server.pem", identity.certificate_pem));
  LQ_RETURN_IF_ERROR(WriteFile(folder / "server.key", identity.key_pem));
  LQ_RETURN_IF_ERROR(
      WriteFile(folder / "operators-ca.pem", authorities.operators.certificate.ToPem()));
  return WriteFile(folder / config_name, config_text);
}

Status WriteBundles(const SiteOptions& options, const Site& site, const Authorities& authorities) {
  LQ_ASSIGN_OR_RETURN(Identity registrar, CreateIdentity(options, authorities.servers, "registrar",
                                                         options.registrar_hosts, true, false));
  LQ_RETURN_IF_ERROR(WriteServiceBundle(site.registrar, registrar, authorities,
                                        "limequat-registrar.toml", RegistrarToml(options)));
  // The verifier is also a client: of the agents.
  LQ_ASSIGN_OR_RETURN(Identity verifier, CreateIdentity(options, authorities.servers, "verifier",
                                                        options.verifier_hosts, true, true));
  LQ_RETURN_IF_ERROR(WriteServiceBundle(site.verifier, verifier, authorities,
                                        "limequat-verifier.toml", VerifierToml(options)));

  LQ_ASSIGN_OR_RETURN(Identity person, CreateIdentity(options, authorities.operators,
                                                      options.operator_name, {}, false, true));
  LQ_RETURN_IF_ERROR(WriteFile(site.operator_bundle / "operator.pem", person.certificate_pem));
  LQ_RETURN_IF_ERROR(WriteFile(site.operator_bundle / "operator.key", person.key_pem));
  LQ_RETURN_IF_ERROR(
      WriteFile(site.operator_bundle / "servers-ca.pem", authorities.servers.certificate.ToPem()));
  LQ_RETURN_IF_ERROR(WriteFile(site.operator_bundle / "limequat.toml", OperatorToml(options)));

  LQ_RETURN_IF_ERROR(WriteFile(
      site.agent / "trusted-clients.pem",
      authorities.servers.certificate.ToPem() + authorities.operators.certificate.ToPem()));
  return WriteFile(site.agent / "limequat-agent.toml", AgentToml(options));
}

}  // namespace

Result<Site> CreateSite(const SiteOptions& options) {
  const Site site{.authorities = options.folder / "authorities",
                  .registrar = options.folder / "registrar",
                  .verifier = options.folder / "verifier",
                  .operator_bundle = options.folder / "operator",
                  .agent = options.folder / "agent"};
  for (const fs::path& folder :
       {site.authorities, site.registrar, site.verifier, site.operator_bundle, site.agent}) {
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(folder, ignored))) continue;
    return Conflict("tenant.site_exists",
                    fmt::format("{} is there already; nothing was changed", folder.string()));
  }
  for (const fs::path& folder :
       {options.folder, site.authorities, site.registrar, site.registrar / "ek-trust",
        site.verifier, site.operator_bundle, site.agent}) {
    LQ_RETURN_IF_ERROR(MakeFolder(folder));
  }
  LQ_ASSIGN_OR_RETURN(Authorities authorities, CreateAuthorities(options, site.authorities));
  LQ_RETURN_IF_ERROR(WriteBundles(options, site, authorities));
  return site;
}

}  // namespace limequat::tenant
