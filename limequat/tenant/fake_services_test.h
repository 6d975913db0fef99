#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/http/runtime.h"
#include "limequat/http/server.h"
#include "limequat/tenant/client.h"
#include "limequat/tenant/site.h"

namespace limequat::tenant {

// What was asked of a service.
struct Asked {
  std::string method_and_target;  // "GET /api/v1/agents"
  std::string content_type;
  std::string body;
};

// A registrar and a verifier that answer what a test tells them to, over mutual TLS
// with the certificates of a site; what they are not told about is 404.
class FakeServices {
 public:
  FakeServices();
  ~FakeServices();

  void Answer(std::string_view method_and_target, int status, std::string body);
  std::vector<Asked> asked() const;

  // An operator of this site, or of `site`.
  Result<std::unique_ptr<Services>> Connect();
  Result<std::unique_ptr<Services>> ConnectAs(const Site& site);
  Result<std::unique_ptr<Services>> ConnectWith(const OperatorIdentity& identity);
  OperatorIdentity IdentityOf(const Site& site) const;
  const Site& site() const { return site_; }
  // Another site beside this one.
  Site MakeSite(std::string_view name) const;
  http::Runtime& runtime() { return *runtime_; }
  // Nobody listens any more.
  void Stop();

 private:
  std::unique_ptr<http::Server> Listen(const std::filesystem::path& bundle);
  Result<http::Response> Handle(const http::Request& request);

  struct Told {
    int status;
    std::string body;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Told, std::less<>> answers_;
  std::vector<Asked> asked_;
  std::filesystem::path folder_;
  Site site_;
  std::unique_ptr<http::Runtime> runtime_;
  std::unique_ptr<http::Server> registrar_;
  std::unique_ptr<http::Server> verifier_;
  std::uint16_t registrar_port_ = 0;
  std::uint16_t verifier_port_ = 0;
};

}  // namespace limequat::tenant
