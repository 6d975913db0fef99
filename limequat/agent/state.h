#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/base/result.h"

namespace limequat::agent {

// The folder in which an agent keeps what must survive it: its keys. Held by one
// process at a time, since two agents with one attestation key would disturb each
// other's quotes.
class StateFolder {
 public:
  // Makes the folder (mode 0700) if it is not there. kUnavailable ("agent.state"):
  // it cannot be made or used; kConflict ("agent.state.in_use"): another agent runs.
  static Result<StateFolder> Open(const std::filesystem::path& path);
  StateFolder(StateFolder&& other) noexcept;
  StateFolder& operator=(StateFolder&&) = delete;
  ~StateFolder();

  // The file's text; nullopt if there is none. Errors of config::ReadTextFile.
  Result<std::optional<std::string>> Read(std::string_view name) const;
  // Same for private keys: errors of config::ReadSecretFile, too.
  Result<std::optional<std::string>> ReadSecret(std::string_view name) const;
  // Replaces the file (mode 0600): after a crash there is the old content or the new
  // one (quirk A33 of Keylime).
  Status Write(std::string_view name, std::string_view content) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  StateFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::filesystem::path path_;
  int lock_;
};

}  // namespace limequat::agent
