#include "limequat/tenant/fake_services_test.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/crypto/certificate.h"

namespace limequat::tenant {

namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Time Now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

}  // namespace

FakeServices::FakeServices() {
  std::string pattern = ::testing::TempDir() + "limequat-tenant-XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
  site_ = MakeSite("site");
  runtime_ = std::make_unique<http::Runtime>(http::RuntimeOptions{});
  registrar_ = Listen(site_.registrar);
  verifier_ = Listen(site_.verifier);
  registrar_port_ = registrar_->port();
  verifier_port_ = verifier_->port();
}

FakeServices::~FakeServices() {
  Stop();
  fs::remove_all(folder_);
}

void FakeServices::Stop() {
  registrar_.reset();
  verifier_.reset();
}

Site FakeServices::MakeSite(std::string_view name) const {
  SiteOptions options;
  options.folder = folder_ / name;
  options.now = Now();
  return CreateSite(options).value();
}

void FakeServices::Answer(std::string_view method_and_target, int status, std::string body) {
  const std::scoped_lock lock(mutex_);
  answers_.insert_or_assign(std::string(method_and_target), Told{status, std::move(body)});
}

std::vector<Asked> FakeServices::asked() const {
  const std::scoped_lock lock(mutex_);
  return asked_;
}

Result<http::Response> FakeServices::Handle(const http::Request& request) {
  const std::scoped_lock lock(mutex_);
  const std::string key = std::string(http::MethodName(request.method)) + ' ' + request.target;
  asked_.push_back({.method_and_target = key,
                    .content_type = std::string(request.headers.Find("Content-Type").value_or("")),
                    .body = request.body});
  const auto told = answers_.find(key);
  if (told == answers_.end()) return http::Reply(404, "{}");
  return http::Reply(told->second.status, told->second.body);
}

std::unique_ptr<http::Server> FakeServices::Listen(const fs::path& bundle) {
  auto router = std::make_shared<http::Router>();
  const auto handle = [this](const http::Request& request, http::Context&) {
    return Handle(request);
  };
  for (const http::Method method : {http::Method::kGet, http::Method::kPost, http::Method::kPut,
                                    http::Method::kPatch, http::Method::kDelete}) {
    for (const char* pattern :
         {"/{a}/{b}", "/{a}/{b}/{c}", "/{a}/{b}/{c}/{d}", "/{a}/{b}/{c}/{d}/{e}"}) {
      router->Add(method, pattern, http::Access::Roles({"operator"}), {.max_body = 1U << 20U},
                  handle);
    }
  }
  http::ServerTls tls;
  tls.chain = *crypto::Certificate::AllFromPem(Read(bundle / "server.pem"));
  tls.private_key_pem = Read(bundle / "server.key");
  tls.client_authorities.push_back(
      {.role = "operator",
       .anchors = *crypto::Certificate::AllFromPem(Read(bundle / "operators-ca.pem"))});
  http::ListenOptions options;
  options.tls = std::move(tls);
  auto server = http::Server::Listen(*runtime_, std::move(router), std::move(options));
  EXPECT_TRUE(server) << server.error().message;
  return *std::move(server);
}

OperatorIdentity FakeServices::IdentityOf(const Site& site) const {
  const fs::path& bundle = site.operator_bundle;
  return {.chain = *crypto::Certificate::AllFromPem(Read(bundle / "operator.pem")),
          .private_key_pem = Read(bundle / "operator.key"),
          .server_authorities = *crypto::Certificate::AllFromPem(Read(bundle / "servers-ca.pem"))};
}

Result<std::unique_ptr<Services>> FakeServices::ConnectWith(const OperatorIdentity& identity) {
  return Services::Create(*runtime_, identity, {.host = "127.0.0.1", .port = registrar_port_},
                          {.host = "127.0.0.1", .port = verifier_port_});
}

Result<std::unique_ptr<Services>> FakeServices::ConnectAs(const Site& site) {
  return ConnectWith(IdentityOf(site));
}

Result<std::unique_ptr<Services>> FakeServices::Connect() { return ConnectAs(site_); }

}  // namespace limequat::tenant
