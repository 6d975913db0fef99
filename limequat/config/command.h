#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"

namespace limequat::config {

// limequat.toml: how an operator's command reaches the services. See
// RegistrarConfig for paths and errors.
struct CommandConfig {
  std::string verifier_host = "127.0.0.1";
  std::uint16_t verifier_port = 8881;
  std::string registrar_host = "127.0.0.1";
  std::uint16_t registrar_port = 8891;
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::vector<std::filesystem::path> server_ca;
};

// `file`, else the one that $LIMEQUAT_CONFIG names, else the first that exists of
// ~/.config/limequat/limequat.toml and /etc/limequat/limequat.toml. kNotFound
// ("config.none") names the places.
Result<CommandConfig> LoadCommandConfig(const std::optional<std::filesystem::path>& file);
Result<CommandConfig> ParseCommandConfig(std::string_view toml,
                                         const std::filesystem::path& folder);
std::string ToToml(const CommandConfig& config);

}  // namespace limequat::config
