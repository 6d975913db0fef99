#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "limequat/appraise/testing/machine.h"
#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/certificate.h"
#include "limequat/http/router.h"
#include "limequat/http/server.h"
#include "limequat/json/value.h"
#include "limequat/wire/attestation.h"
#include "limequat/wire/envelope.h"

// usage: bench_mock_agents COUNT ENTRIES FOLDER TRUSTED_CLIENTS.pem
//
// COUNT machines with RSA-2048 attestation keys and IMA lists of ENTRIES entries, each
// an agent of its own port over mutual TLS. Writes FOLDER/machines.json (one object a
// machine: id, port, ak_tpm, mtls_cert), FOLDER/policy.json and FOLDER/list, prints "ready", and
// serves until its standard input ends. What these machines cost is measured nowhere.

namespace limequat::bench {
namespace {

using appraise::testing::FakeMachine;

const Time kFrom = FromUnixSeconds(1'700'000'000);
const Time kUntil = FromUnixSeconds(4'000'000'000);

struct Agent {
  explicit Agent(const appraise::testing::MachineOptions& options) : machine(options) {}
  std::mutex mutex;
  FakeMachine machine;
  std::string certificate_pem;
  std::unique_ptr<http::Server> server;
};

std::uint64_t Number(const http::Request& request, std::string_view name, int base) {
  const std::string text(request.QueryParameter(name).value_or("0"));
  return std::strtoull(text.c_str(), nullptr, base);
}

Result<http::Response> Quote(Agent& agent, const http::Request& request) {
  const std::lock_guard lock(agent.mutex);
  FakeMachine& machine = agent.machine;
  machine.PassTime(10);
  const std::string nonce(request.QueryParameter("nonce").value_or(""));
  const tpm::PcrSet mask(static_cast<std::uint32_t>(Number(request, "mask", 16)));
  wire::QuoteAnswer answer;
  answer.quote = machine.QuoteText(AsBytes(nonce), mask);
  answer.hash_alg = machine.hash_name();
  answer.enc_alg = machine.key_name();
  answer.sign_alg = machine.scheme_name();
  if (Number(request, "partial", 10) == 0) answer.pubkey = machine.transport_key();
  const auto part = machine.ListFrom(Number(request, "ima_ml_entry", 10));
  answer.ima_measurement_list = std::string(part.text);
  answer.ima_measurement_list_entry = part.first;
  return http::Reply(
      200, wire::WriteEnvelope(
               {.code = 200, .status = "Success", .results = wire::WriteQuoteAnswer(answer)}));
}

Status Serve(http::Runtime& runtime, Agent& agent,
             const std::vector<crypto::Certificate>& clients) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const crypto::CertificateRequest request{.common_name = "mock agent",
                                           .organization = {},
                                           .dns_names = {},
                                           .ip_addresses = {"127.0.0.1"},
                                           .not_before = kFrom,
                                           .not_after = kUntil};
  LQ_ASSIGN_OR_RETURN(auto certificate, crypto::Issue(request, key.public_key(), nullptr, key));
  agent.certificate_pem = certificate.ToPem();
  auto router = std::make_shared<http::Router>();
  const auto anybody = [] {
    return http::Access::Public("the handshake has asked for a certificate");
  };
  router->Add(http::Method::kGet, "/version", anybody(), {.lane = http::Lane::kEvidence},
              [](const http::Request&, http::Context&) -> Result<http::Response> {
                return http::Reply(
                    200,
                    wire::WriteEnvelope(
                        {.code = 200, .status = "Success", .results = wire::WriteAgentVersions()}));
              });
  router->Add(
      http::Method::kGet, "/{version}/quotes/integrity", anybody(), {.lane = http::Lane::kEvidence},
      [&agent](const http::Request& question, http::Context&) { return Quote(agent, question); });
  http::ServerTls tls{.chain = {certificate},
                      .private_key_pem = key.ExposePem(),
                      .client_authorities = {{.role = "client", .anchors = clients}},
                      .require_client_certificate = true};
  LQ_ASSIGN_OR_RETURN(
      agent.server, http::Server::Listen(
                        runtime, router,
                        {.address = "127.0.0.1", .port = 0, .tls = std::move(tls), .limits = {}}));
  return {};
}

Status Run(int count, int entries, const std::filesystem::path& folder,
           const std::string& clients_file) {
  std::ifstream clients_stream(clients_file);
  const std::string pem((std::istreambuf_iterator<char>(clients_stream)), {});
  LQ_ASSIGN_OR_RETURN(auto clients, crypto::Certificate::AllFromPem(pem));
  http::Runtime runtime({});
  std::vector<std::unique_ptr<Agent>> agents;
  json::Array machines;
  for (int i = 0; i < count; ++i) {
    auto agent = std::make_unique<Agent>(
        appraise::testing::MachineOptions{.ak = appraise::testing::AkKind::kRsaSsa2048});
    agent->machine.Boot();
    for (int entry = 0; entry < entries; ++entry)
      agent->machine.Run(fmt::format("/usr/bin/program-{}", entry),
                         fmt::format("content {}", entry));
    LQ_RETURN_IF_ERROR(Serve(runtime, *agent, clients));
    machines.push_back(json::Object{{"id", fmt::format("mock-{}", i)},
                                    {"port", std::int64_t{agent->server->port()}},
                                    {"ak_tpm", Base64Encode(agent->machine.ak().tpm2b())},
                                    {"mtls_cert", agent->certificate_pem}});
    agents.push_back(std::move(agent));
  }
  std::ofstream(folder / "machines.json") << json::Serialize(machines);
  std::ofstream(folder / "policy.json") << agents.front()->machine.PolicyText();
  std::ofstream(folder / "list") << agents.front()->machine.list();
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  for (const auto& agent : agents) agent->server->Stop(std::chrono::milliseconds(0));
  return {};
}

}  // namespace
}  // namespace limequat::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: bench_mock_agents COUNT ENTRIES FOLDER TRUSTED_CLIENTS.pem\n";
    return 2;
  }
  const auto status =
      limequat::bench::Run(std::atoi(argv[1]), std::atoi(argv[2]), argv[3], argv[4]);
  if (!status) {
    std::cerr << status.error().message << '\n';
    return 1;
  }
  return 0;
}
