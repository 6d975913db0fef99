#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"

namespace limequat::tenant {

// What `limequat init` sets up.
struct SiteOptions {
  std::filesystem::path folder;
  // One box for everything: the authorities' keys then lie beside the services.
  bool all_in_one = false;
  // Certificates carry the lab's mark, services start with `lab = true` (attack A17).
  bool lab = false;
  std::string organization = "Limequat";
  // Names and addresses under which agents, services and operators reach the host.
  std::vector<std::string> registrar_hosts{"127.0.0.1", "localhost"};
  std::vector<std::string> verifier_hosts{"127.0.0.1", "localhost"};
  std::string listen = "127.0.0.1";
  std::uint16_t registrar_port = 8890;
  std::uint16_t registrar_tls_port = 8891;
  std::uint16_t verifier_port = 8881;
  std::string operator_name = "operator";
  Time now{};
};

// Where things are. Each bundle is a folder to copy to its host; none holds the key
// of an authority.
struct Site {
  std::filesystem::path authorities;  // keys of the issuing authorities: stays with the operator
  std::filesystem::path registrar;
  std::filesystem::path verifier;
  std::filesystem::path operator_bundle;
  std::filesystem::path agent;
};

// Makes three issuing authorities (servers, agents, operators; ECDSA P-256, attack
// A16), certificates for the registrar, the verifier and one operator, and a
// configuration for each program. Folders it makes are 0700, files 0600. kConflict
// ("tenant.site_exists") if one of the site's folders is there already: nothing is ever
// overwritten, and the mode of `folder` itself stays if it exists. kUnavailable if it cannot be
// written.
Result<Site> CreateSite(const SiteOptions& options);

// How long certificates are valid.
inline constexpr std::chrono::days kAuthorityLifetime{3650};
inline constexpr std::chrono::days kCertificateLifetime{825};

}  // namespace limequat::tenant
