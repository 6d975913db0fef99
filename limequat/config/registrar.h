#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/config/log.h"

namespace limequat::config {

// limequat-registrar.toml. Paths are absolute: relative ones were taken from the
// file's folder.
struct RegistrarConfig {
  bool lab = false;  // accept a lab's authorities (attack A17)
  std::string listen = "127.0.0.1";
  std::uint16_t port = 8890;
  std::uint16_t tls_port = 8891;
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::vector<std::filesystem::path> operator_ca;
  std::vector<std::filesystem::path> service_ca;
  std::string database_url = "sqlite:registrar.db";
  std::filesystem::path ek_trust;  // empty: no EK certificate is ever verified
  bool require_valid_time = false;
  LogConfig log;
};

// Reads the file; unknown keys, wrong types and values out of range stop it with
// file, line and key, all of them at once: kMalformed ("config.invalid").
// Environment variables LIMEQUAT_REGISTRAR_SECTION_KEY override.
Result<RegistrarConfig> LoadRegistrarConfig(const std::filesystem::path& file);
// The same from text; `folder` is what relative paths are taken from. For tests.
Result<RegistrarConfig> ParseRegistrarConfig(std::string_view toml,
                                             const std::filesystem::path& folder);
// Every key with its effective value, as a file that can be loaded.
std::string ToToml(const RegistrarConfig& config);

}  // namespace limequat::config
