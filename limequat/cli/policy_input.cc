#include "limequat/cli/policy_input.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/config/certificates.h"
#include "limequat/http/client.h"

namespace limequat::cli {

namespace {

constexpr int kFound = 200;

// Where distributions keep the authorities of their certificates, in one file.
constexpr std::array<const char*, 4> kSystemAuthorities = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",              // SUSE
    "/etc/ssl/cert.pem",
};

// SSL_CERT_FILE is what OpenSSL's programs obey, too.
Result<std::filesystem::path> FindAuthorities(const PolicySource& source) {
  if (source.authorities_file) return std::filesystem::path(*source.authorities_file);
  // Before any other thread is started.
  const char* named = std::getenv("SSL_CERT_FILE");  // NOLINT(concurrency-mt-unsafe)
  if (named != nullptr && *named != '\0') return std::filesystem::path(named);
  for (const char* file : kSystemAuthorities) {
    std::error_code error;
    if (std::filesystem::exists(file, error)) return std::filesystem::path(file);
  }
  return NotFound("cli.policy_input.authorities",
                  "this system has no certificate authorities: name a file with --url-ca");
}

Result<std::shared_ptr<const http::ServerTrust>> LoadTrust(const PolicySource& source) {
  LQ_ASSIGN_OR_RETURN(const std::filesystem::path file, FindAuthorities(source));
  auto trust = std::make_shared<http::ServerTrust>();
  LQ_ASSIGN_OR_RETURN(trust->anchors, config::LoadCertificates({file}));
  return trust;
}

Error NotFetched(const PolicySource& source, const http::ClientResponse& response) {
  std::string message =
      fmt::format("{}: the server answered {}", Shown(source.place), response.status);
  if (const auto location = response.headers.Find("Location")) {
    message +=
        fmt::format("; redirects are not followed, give the URL it leads to: {}", Shown(*location));
  }
  return Unavailable("cli.policy_input.status", std::move(message));
}

Result<std::string> Fetch(const PolicySource& source) {
  LQ_ASSIGN_OR_RETURN(const http::Url url, http::ParseUrl(source.place));
  http::Endpoint server{.host = url.host, .port = url.port, .tls = url.tls, .trust = nullptr};
  if (url.tls) {
    LQ_ASSIGN_OR_RETURN(server.trust, LoadTrust(source));
  }
  const std::unique_ptr<http::Runtime> runtime = StartClientRuntime();
  LQ_ASSIGN_OR_RETURN(const auto client, http::Client::Create(*runtime, {}));
  http::ClientRequest request;
  request.target = url.target;
  request.max_response = kMaxPolicyInput;
  auto response = client->SendAndWait(
      server, std::move(request),
      std::chrono::steady_clock::now() + std::chrono::seconds(kMaxFetchSeconds));
  if (!response) return std::move(response).error().In(Shown(source.place));
  if (response->status != kFound) return NotFetched(source, *response);
  return std::move(response->body);
}

}  // namespace

bool IsUrl(std::string_view place) {
  return place.starts_with("http://") || place.starts_with("https://");
}

Result<std::string> ReadPolicy(const PolicySource& source) {
  const bool is_url = IsUrl(source.place);
  if (is_url && !source.checksum) {
    return UsageError("a policy at a URL needs the SHA-256 that it must have: give its checksum");
  }
  if (source.authorities_file && !source.place.starts_with("https://")) {
    return UsageError("--url-ca is for a policy at an https URL");
  }
  LQ_ASSIGN_OR_RETURN(std::string text,
                      is_url ? Fetch(source) : ReadInput(source.place, kMaxPolicyInput));
  if (!source.checksum) return text;
  const crypto::Digest found = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text));
  if (found == *source.checksum) return text;
  return Untrusted("cli.checksum",
                   fmt::format("{} has the SHA-256 {}, expected {}", Shown(source.place),
                               found.hex(), source.checksum->hex()));
}

}  // namespace limequat::cli
