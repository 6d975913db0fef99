#pragma once

// What the tests of this module share.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/http/test_support.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/registration.h"

namespace limequat::agent {

// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = testing::TempDir() + "limequat-agent-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A registrar over plain HTTP that does what a real one does, or what a test says.
class FakeRegistrar {
 public:
  // Answers a request instead of the registrar; nullopt: as the registrar.
  using Override =
      std::function<std::optional<http::Response>(const http::Request& request, int number)>;
  explicit FakeRegistrar(Override override = {});

  http::Endpoint endpoint() const { return server_->plain(); }
  std::uint16_t port() const { return server_->port(); }

  // "GET /version", ... in order.
  std::vector<std::string> requests() const;
  // What was registered last.
  std::optional<wire::RegistrationRequest> registration() const;
  std::string last_content_type() const;
  int activations() const;
  static constexpr std::string_view kSecret = "0123456789abcdefghijABCDEFGHIJ01";

 private:
  Result<http::Response> Handle(const http::Request& request);
  Result<http::Response> Register(const http::Request& request);
  Result<http::Response> Activate(const http::Request& request);

  Override override_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::optional<wire::RegistrationRequest> registration_;
  std::string last_content_type_;
  int activations_ = 0;
  std::unique_ptr<http::TestServer> server_;
};

inline http::Response Envelope(int status, std::string text, json::Value results = json::Object()) {
  return http::Reply(
      status, wire::WriteEnvelope(
                  {.code = status, .status = std::move(text), .results = std::move(results)}));
}

}  // namespace limequat::agent
