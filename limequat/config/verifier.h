#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/config/log.h"

namespace limequat::config {

// limequat-verifier.toml. See RegistrarConfig for paths and errors.
struct VerifierConfig {
  bool lab = false;
  std::string listen = "127.0.0.1";
  std::uint16_t port = 8881;
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::vector<std::filesystem::path> operator_ca;
  std::vector<std::filesystem::path> service_ca;
  std::filesystem::path client_certificate;  // towards agents; default: certificate
  std::filesystem::path client_key;          // default: key
  std::string database_url = "sqlite:verifier.db";
  Duration interval = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(10);
  Duration late_after = std::chrono::seconds(10);  // must be longer than interval
  Duration max_retry_interval = std::chrono::seconds(60);
  std::size_t max_ima_list_bytes = 64U << 20U;
  // Whose signatures policies need; empty: only what a request asks for.
  std::vector<std::filesystem::path> policy_keys;   // public keys, PEM
  std::vector<std::filesystem::path> policy_trust;  // roots of signers' certificates, PEM
  std::size_t policy_threshold = 1;                 // distinct keys that must have signed
  bool require_signed_policies = false;
  // Measured-boot policy of machines whose enrolment names none: a name of policy::BootPolicy.
  std::string boot_policy = "example";
  std::string webhook;  // http or https URL; "": none
  std::vector<std::filesystem::path> webhook_ca;
  Duration webhook_timeout = std::chrono::seconds(10);
  LogConfig log;
};

Result<VerifierConfig> LoadVerifierConfig(const std::filesystem::path& file);
Result<VerifierConfig> ParseVerifierConfig(std::string_view toml,
                                           const std::filesystem::path& folder);
std::string ToToml(const VerifierConfig& config);

}  // namespace limequat::config
