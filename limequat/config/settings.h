#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/error.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"

namespace limequat::config {

// One visit of all keys of a configuration. Each program lists its keys once, in a
// function `Bind(Settings&, Config&)`; the same list reads a file, takes overrides
// from the environment and writes the effective configuration. Internal to this
// module.
class Settings {
 public:
  // Reads TOML `text`; `name` is what problems call it; relative paths are taken from
  // `folder`. `environment` gives the value of a variable, or nullptr.
  using Environment = std::function<const char*(const std::string&)>;
  Settings(std::string_view text, std::string name, std::filesystem::path folder,
           std::string environment_prefix, Environment environment);
  // Writes: every bound value becomes a line.
  Settings();
  ~Settings();

  // The section of the keys that follow; "" before the first.
  void Section(std::string_view name, std::string_view about = {});

  void Text(std::string_view key, std::string& value, std::string_view about = {});
  // One of these words.
  void Word(std::string_view key, std::string& value, const std::vector<std::string_view>& words,
            std::string_view about = {});
  void Flag(std::string_view key, bool& value, std::string_view about = {});
  void Number(std::string_view key, std::int64_t& value, std::int64_t least, std::int64_t most,
              std::string_view about = {});
  void Port(std::string_view key, std::uint16_t& value, std::uint16_t least,
            std::string_view about = {});
  void Span(std::string_view key, Duration& value, Duration least, Duration most,
            std::string_view about = {});
  enum class Required { kNo, kYes };
  void Path(std::string_view key, std::filesystem::path& value, Required required,
            std::string_view about = {});
  void Paths(std::string_view key, std::vector<std::filesystem::path>& value, Required required,
             std::string_view about = {});

  // Records that the value of `key` in the present section does not do.
  void Problem(std::string_view key, std::string_view why);
  std::filesystem::path Absolute(const std::filesystem::path& path) const;

  // kMalformed ("config.invalid") with every problem found, keys that nobody asked
  // for included.
  Status Finish();
  // What writing made.
  std::string TakeText();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads the file at `path` with `bind`: shared by all programs.
template <class Config>
Result<Config> LoadWith(Settings& settings, void (*bind)(Settings&, Config&)) {
  Config config;
  bind(settings, config);
  if (const Status status = settings.Finish(); !status) return status.error();
  return config;
}

// The text of a configuration file and its folder.
struct File {
  std::string text;
  std::filesystem::path folder;
};
Result<File> ReadConfigFile(const std::filesystem::path& path);

}  // namespace limequat::config
