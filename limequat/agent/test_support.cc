#include "limequat/agent/test_support.h"

#include <utility>

#include "limequat/tpm/credential.h"
#include "limequat/tpm/public_area.h"

namespace limequat::agent {

FakeRegistrar::FakeRegistrar(Override override) : override_(std::move(override)) {
  http::Router router;
  const auto handler = [this](const http::Request& request, http::Context&) {
    return Handle(request);
  };
  const auto anybody = http::Access::Public("a test");
  http::RouteOptions options;
  options.max_body = 1U << 20U;
  router.Add(http::Method::kGet, "/version", anybody, options, handler);
  router.Add(http::Method::kPost, "/{version}/agents/{id}", anybody, options, handler);
  router.Add(http::Method::kPut, "/{version}/agents/{id}", anybody, options, handler);
  server_ = std::make_unique<http::TestServer>(std::move(router));
}

std::vector<std::string> FakeRegistrar::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::optional<wire::RegistrationRequest> FakeRegistrar::registration() const {
  const std::lock_guard lock(mutex_);
  return registration_;
}

std::string FakeRegistrar::last_content_type() const {
  const std::lock_guard lock(mutex_);
  return last_content_type_;
}

int FakeRegistrar::activations() const {
  const std::lock_guard lock(mutex_);
  return activations_;
}

Result<http::Response> FakeRegistrar::Handle(const http::Request& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(std::string(http::MethodName(request.method)) + " " + request.path);
  if (override_) {
    if (std::optional<http::Response> response =
            override_(request, static_cast<int>(requests_.size()))) {
      return *std::move(response);
    }
  }
  if (request.method == http::Method::kGet)
    return Envelope(200, "Success", wire::WriteServerVersions());
  last_content_type_ = request.headers.Find("Content-Type").value_or("");
  return request.method == http::Method::kPost ? Register(request) : Activate(request);
}

Result<http::Response> FakeRegistrar::Register(const http::Request& request) {
  Result<wire::RegistrationRequest> registration = wire::ParseRegistration(request.body);
  if (!registration) return Envelope(400, registration.error().message);
  const Result<tpm::PublicArea> ek =
      tpm::PublicArea::FromTpm2b(registration->ek_tpm.value.value_or(Bytes()));
  const Result<tpm::PublicArea> ak = tpm::PublicArea::FromTpm2b(registration->aik_tpm);
  // Tests without a TPM register no real keys and look at nothing inside the credential.
  tpm::Credential credential{Bytes{0, 2, 1, 1, 9}, Bytes{1}};
  if (ek && ak) credential = *tpm::MakeCredential(*ek, ak->Name(), AsBytes(kSecret));
  registration_ = *std::move(registration);
  return Envelope(200, "Success",
                  wire::WriteRegistrationResults(tpm::WriteCredentialBlob(credential)));
}

Result<http::Response> FakeRegistrar::Activate(const http::Request& request) {
  const Result<std::string> tag = wire::ParseActivation(request.body);
  const Result<wire::AgentId> id = wire::AgentId::Parse(request.PathParameter("id"));
  if (!tag || !id || *tag != wire::AuthTag(AsBytes(kSecret), *id)) {
    return Envelope(400, "Auth tag does not match expected value");
  }
  ++activations_;
  return Envelope(200, "Success");
}

}  // namespace limequat::agent
