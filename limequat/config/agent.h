#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/config/log.h"

namespace limequat::config {

// limequat-agent.toml. See RegistrarConfig for paths and errors.
struct AgentConfig {
  bool lab = false;
  std::string id = "hash_ek";  // or a UUID, or an identifier of A-Z a-z 0-9 . _ -
  std::string listen = "127.0.0.1";
  std::uint16_t port = 9002;
  std::string contact_ip = "127.0.0.1";  // where the verifier reaches the agent
  std::uint16_t contact_port = 0;        // 0: as port
  std::filesystem::path state_dir = "/var/lib/limequat";
  std::string registrar_host = "127.0.0.1";
  std::uint16_t registrar_port = 8890;
  Duration registrar_retry = std::chrono::seconds(2);
  int registrar_max_retries = 10;
  std::vector<std::filesystem::path> trusted_client_ca;  // at least one
  std::filesystem::path server_certificate;              // default: state_dir/server.pem, generated
  std::filesystem::path server_key;                      // default: state_dir/server.key, generated
  std::string tcti;                    // "": device:/dev/tpmrm0, else device:/dev/tpm0
  std::string tpm_key = "rsa2048";     // rsa2048, ecc256, ecc384
  std::string tpm_hash = "sha256";     // sha256, sha384, sha512, sha1
  std::string tpm_signing = "rsassa";  // rsassa, rsapss, ecdsa
  std::string ek_handle;               // hex of a persistent EK; "": made from the TCG template
  std::filesystem::path ima_log = "/sys/kernel/security/ima/ascii_runtime_measurements";
  std::filesystem::path boot_log = "/sys/kernel/security/tpm0/binary_bios_measurements";
  LogConfig log;
};

Result<AgentConfig> LoadAgentConfig(const std::filesystem::path& file);
Result<AgentConfig> ParseAgentConfig(std::string_view toml, const std::filesystem::path& folder);
std::string ToToml(const AgentConfig& config);

}  // namespace limequat::config
