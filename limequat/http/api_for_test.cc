#include "limequat/http/api_for_test.h"

#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace limequat::http {

json::Value ApiAnswer::At(std::initializer_list<std::string_view> path) const {
  const json::Value* value = &document;
  for (const std::string_view name : path) {
    const json::Object* object = value->as_object();
    value = object == nullptr ? nullptr : object->Find(name);
    if (value == nullptr) return {};
  }
  return *value;
}

std::string ApiAnswer::Text(std::initializer_list<std::string_view> path) const {
  const json::Value value = At(path);
  return value.as_string() != nullptr ? *value.as_string() : "(no text)";
}

std::int64_t ApiAnswer::Int(std::initializer_list<std::string_view> path) const {
  return At(path).as_int64().value_or(-1);
}

std::string ApiAnswer::Error() const { return fmt::format("{} {}", status, Text({"error", "id"})); }

std::string ApiAnswer::Told() const {
  if (Int({"code"}) != status || At({"results"}).as_object() == nullptr) {
    return fmt::format("{} without an envelope: {}", status, body);
  }
  return fmt::format("{} {}", status, Text({"status"}));
}

ApiCallers::ApiCallers(Runtime& runtime, std::string operators) : role_(std::move(operators)) {
  const Identity service = services_.Client("a service");
  for (const Identity* identity :
       std::initializer_list<const Identity*>{&alice_, &service, nullptr}) {
    ClientOptions options;
    if (identity != nullptr) {
      options.chain = {identity->certificate};
      options.private_key_pem = identity->key.ExposePem();
    }
    clients_.push_back(*Client::Create(runtime, std::move(options)));
  }
}

ListenOptions ApiCallers::Secure() const {
  ListenOptions options;
  options.tls = TlsOf(servers_.Server());
  options.tls->client_authorities = {{.role = role_, .anchors = {operators_.certificate()}},
                                     {.role = "service", .anchors = {services_.certificate()}}};
  return options;
}

ApiAnswer ApiCallers::Call(std::uint16_t port, As as, Method method, const std::string& target,
                           std::string body) {
  const bool tls = as != As::kPlain;
  const Endpoint endpoint{.host = "127.0.0.1",
                          .port = port,
                          .tls = tls,
                          .trust = tls ? Anchored(servers_.certificate()) : nullptr};
  const auto& client = clients_.at(static_cast<std::size_t>(tls ? as : As::kNobody));
  const auto response = client->SendAndWait(
      endpoint, {.method = method, .target = target, .headers = {}, .body = std::move(body)},
      In(10s));
  if (!response) {
    ADD_FAILURE() << target << ": " << response.error().message;
    return {};
  }
  ApiAnswer answer{.status = response->status,
                   .content_type = std::string(response->headers.Find("Content-Type").value_or("")),
                   .body = response->body,
                   .document = {}};
  if (auto document = json::Parse(answer.body)) answer.document = *std::move(document);
  return answer;
}

}  // namespace limequat::http
