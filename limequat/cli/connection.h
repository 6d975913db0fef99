#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "limequat/base/result.h"
#include "limequat/http/runtime.h"
#include "limequat/tenant/client.h"

namespace limequat::cli {

// What a command needs to be a client: one exchange at a time.
std::unique_ptr<http::Runtime> StartClientRuntime();

// An operator's connection to the registrar and the verifier, as the configuration
// file says. Nothing is sent before the first call.
class Connection {
 public:
  // `config` as config::LoadCommandConfig takes it. Its errors, and those of the
  // files it names.
  static Result<Connection> Open(const std::optional<std::filesystem::path>& config);

  tenant::Services& services() { return *services_; }

 private:
  Connection(std::unique_ptr<http::Runtime> runtime, std::unique_ptr<tenant::Services> services)
      : runtime_(std::move(runtime)), services_(std::move(services)) {}
  std::unique_ptr<http::Runtime> runtime_;
  std::unique_ptr<tenant::Services> services_;
};

}  // namespace limequat::cli
