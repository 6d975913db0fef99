#include <memory>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "limequat/http/test_support.h"
#include "limequat/http/tls_internal.h"

namespace limequat::http {
namespace {

constexpr std::string_view kWho = "GET /who HTTP/1.1\r\nHost: h\r\n\r\n";

// Answers with the caller's role and name.
Router Who() {
  Router router;
  router.Add(Method::kGet, "/who", Access::Public("test"), {},
             [](const Request& request, Context& context) {
               EXPECT_TRUE(request.tls);
               const Principal& who = context.principal();
               EXPECT_EQ(who.certificate.has_value(), !who.anonymous());
               return Result<Response>(Reply(200, who.role + "/" + who.common_name));
             });
  router.Add(Method::kGet, "/operators", Access::Roles({"operator"}), {},
             [](const Request&, Context&) { return Result<Response>(Reply(200, "welcome")); });
  return router;
}

// A server with two authorities of its own: operators and agents.
class Roles : public testing::Test {
 protected:
  explicit Roles(bool require = false) : server_(Who(), Options(require)) {}

  ListenOptions Options(bool require) const {
    ListenOptions options;
    options.tls = TlsOf(server_ca_.Server());
    options.tls->client_authorities = {{"operator", {operators_.certificate()}},
                                       {"agent", {agents_.certificate()}}};
    options.tls->require_client_certificate = require;
    return options;
  }

  // What "/who" answers to a client with this identity; "refused" without an answer.
  std::string Ask(const Identity* identity, int max_version = 0) const {
    RawClient client(server_.port());
    // With TLS 1.3 a client learns only afterwards that its certificate was refused.
    if (!client.StartTls(identity, max_version)) return "refused";
    const auto answer = client.Exchange(kWho);
    return answer ? answer->body : "refused";
  }

  TestCa server_ca_{"servers"};
  TestCa operators_{"operators"};
  TestCa agents_{"agents"};
  TestServer server_;
};

class RolesRequired : public Roles {
 protected:
  RolesRequired() : Roles(true) {}
};

TEST_F(Roles, IsTheAuthorityThatIssued) {
  const Identity op = operators_.Client("alice");
  const Identity agent = agents_.Client("agent-1");
  EXPECT_EQ(Ask(&op), "operator/alice");
  EXPECT_EQ(Ask(&agent), "agent/agent-1");
  EXPECT_EQ(Ask(&op, TLS1_2_VERSION), "operator/alice");
}

TEST_F(Roles, NobodyIsAnonymous) {
  EXPECT_EQ(Ask(nullptr), "/");
  EXPECT_EQ(Ask(nullptr, TLS1_2_VERSION), "/");
}

TEST_F(RolesRequired, NobodyIsRefused) {
  EXPECT_EQ(Ask(nullptr), "refused");
  EXPECT_EQ(Ask(nullptr, TLS1_2_VERSION), "refused");
  const Identity agent = agents_.Client("agent-1");
  EXPECT_EQ(Ask(&agent), "agent/agent-1");
}

// A wrong certificate never counts as none.
TEST_F(Roles, CertificateOfAnotherAuthorityFailsTheHandshake) {
  const TestCa strangers("strangers");
  const Identity stranger = strangers.Client("alice");
  EXPECT_EQ(Ask(&stranger), "refused");
  EXPECT_EQ(Ask(&stranger, TLS1_2_VERSION), "refused");
  // The server's own authority issues servers, not clients.
  const Identity of_server_ca = server_ca_.Client("alice");
  EXPECT_EQ(Ask(&of_server_ca), "refused");
  crypto::CertificateRequest own = Named("alice");
  own.client_auth = true;
  const Identity self_signed = SelfSigned(own);
  EXPECT_EQ(Ask(&self_signed), "refused");
  // The same name as an authority is not the authority.
  const TestCa namesake("operators");
  const Identity imitation = namesake.Client("alice");
  EXPECT_EQ(Ask(&imitation), "refused");
}

// Keylime's authorities issue certificates without extended key usage (Q29).
TEST_F(Roles, Quirk_Q29_CertificateWithoutExtendedKeyUsageIsAccepted) {
  const Identity client = agents_.Issue(Named("payload"));
  ASSERT_TRUE(client.certificate.extended_key_usage().empty());
  EXPECT_EQ(Ask(&client), "agent/payload");
}

TEST_F(Roles, CertificateForServersOnlyIsRefused) {
  crypto::CertificateRequest request = Named("server");
  request.server_auth = true;
  const Identity server_only = operators_.Issue(request);
  EXPECT_EQ(Ask(&server_only), "refused");
  request.client_auth = true;
  const Identity both = operators_.Issue(request);
  EXPECT_EQ(Ask(&both), "operator/server");
}

TEST_F(Roles, ExpiredAndFutureCertificatesAreRefused) {
  crypto::CertificateRequest expired = Named("late");
  expired.not_after = expired.not_before + std::chrono::minutes(1);
  const Identity late = operators_.Issue(expired);
  EXPECT_EQ(Ask(&late), "refused");
  crypto::CertificateRequest future = Named("early");
  future.not_before = future.not_after - std::chrono::minutes(1);
  const Identity early = operators_.Issue(future);
  EXPECT_EQ(Ask(&early), "refused");
}

TEST_F(Roles, AccessRuleOfTheRoute) {
  const Identity op = operators_.Client("alice");
  const Identity agent = agents_.Client("agent-1");
  const auto status = [&](const Identity* identity) {
    RawClient client(server_.port());
    EXPECT_TRUE(client.StartTls(identity));
    const auto answer = client.Exchange("GET /operators HTTP/1.1\r\nHost: h\r\n\r\n");
    return answer ? answer->status : -1;
  };
  EXPECT_EQ(status(&op), 200);
  EXPECT_EQ(status(&agent), 403);
  EXPECT_EQ(status(nullptr), 403);
}

TEST_F(Roles, CommonNameIsEscaped) {
  const Identity client = agents_.Client("a\x1b[31m");
  EXPECT_EQ(Ask(&client), "agent/a\\x1b[31m");
}

TEST_F(Roles, OldProtocolsAndWeakSuitesAreRefused) {
  EXPECT_EQ(Ask(nullptr, TLS1_1_VERSION), "refused");
  EXPECT_EQ(Ask(nullptr, TLS1_VERSION), "refused");
  const auto accepted = [&](const char* suites) {
    RawClient client(server_.port());
    return client.StartTls(nullptr, TLS1_2_VERSION, suites);
  };
  EXPECT_TRUE(accepted("ECDHE-ECDSA-AES128-GCM-SHA256"));
  EXPECT_TRUE(accepted("ECDHE-ECDSA-CHACHA20-POLY1305"));
  EXPECT_FALSE(accepted("ECDHE-ECDSA-AES128-SHA256"));  // CBC
  EXPECT_FALSE(accepted("ECDHE-ECDSA-NULL-SHA"));
  EXPECT_FALSE(accepted("AECDH-AES128-SHA"));  // no certificate at all
}

// A resumed session would carry a role without a check of the certificate.
TEST_F(Roles, SessionsAreNotResumed) {
  const Identity op = operators_.Client("alice");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawClient client(server_.port());
    ASSERT_TRUE(client.StartTls(&op, version));
    ASSERT_TRUE(client.Exchange(kWho));
    EXPECT_FALSE(client.HasResumableSession()) << version;
  }
}

TEST_F(Roles, PlainHttpIsNotAnswered) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send(kWho));
  EXPECT_FALSE(client.Receive().has_value());
}

TEST_F(Roles, IntermediatesOfTheClientAreUsed) {
  crypto::CertificateRequest request = Named("intermediate");
  request.ca = true;
  const Identity intermediate = agents_.Issue(request);
  const crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const auto leaf =
      crypto::Issue(Named("below"), key.public_key(), &intermediate.certificate, intermediate.key);
  ASSERT_TRUE(leaf.has_value());
  Runtime runtime({});
  const auto ask = [&](std::vector<crypto::Certificate> chain) -> std::string {
    ClientOptions options;
    options.chain = std::move(chain);
    options.private_key_pem = key.ExposePem();
    const auto client = Client::Create(runtime, std::move(options));
    EXPECT_TRUE(client.has_value());
    const auto answer = (*client)->SendAndWait(
        server_.tls(Anchored(server_ca_.certificate())),
        {.method = Method::kGet, .target = "/who", .headers = {}, .body = {}}, In(5s));
    return answer ? answer->body : answer.error().id;
  };
  EXPECT_EQ(ask({*leaf, intermediate.certificate}), "agent/below");
  EXPECT_EQ(ask({*leaf}), "http.client.closed");
}

// Each certificate costs the server work before it knows anything of the client.
TEST_F(Roles, MoreThanElevenCertificatesOfTheClientAreRefused) {
  const Identity leaf = agents_.Client("agent-1");
  Runtime runtime({});
  const auto ask = [&](std::size_t more) -> std::string {
    ClientOptions options;
    options.chain = {leaf.certificate};
    options.chain.insert(options.chain.end(), more, server_ca_.certificate());
    options.private_key_pem = leaf.key.ExposePem();
    const auto client = Client::Create(runtime, std::move(options));
    EXPECT_TRUE(client.has_value());
    const auto answer = (*client)->SendAndWait(
        server_.tls(Anchored(server_ca_.certificate())),
        {.method = Method::kGet, .target = "/who", .headers = {}, .body = {}}, In(5s));
    return answer ? answer->body : answer.error().id;
  };
  EXPECT_EQ(ask(10), "agent/agent-1");
  EXPECT_EQ(ask(11), "http.client.closed");
}

// --- the client's side ------------------------------------------------------------

class ClientTls : public testing::Test {
 protected:
  // What a client that trusts in this way gets from a server with this certificate.
  std::string Ask(const Identity& identity, std::shared_ptr<const ServerTrust> trust,
                  const std::string& host = "127.0.0.1") {
    ListenOptions options;
    options.tls = TlsOf(identity);
    const TestServer server(Who(), std::move(options));
    Runtime runtime({});
    const auto client = Client::Create(runtime, {});
    EXPECT_TRUE(client.has_value());
    Endpoint endpoint = server.tls(std::move(trust));
    endpoint.host = host;
    const auto answer = (*client)->SendAndWait(
        endpoint, {.method = Method::kGet, .target = "/who", .headers = {}, .body = {}}, In(5s));
    if (answer) return answer->body;
    EXPECT_EQ(answer.error().code, ErrorCode::kUntrusted) << answer.error().message;
    return answer.error().id;
  }

  TestCa ca_{"servers"};
  static constexpr const char* kRefused = "http.client.certificate";
};

TEST_F(ClientTls, PinnedCertificate) {
  const Identity server = ca_.Server();
  EXPECT_EQ(Ask(server, Pinned(server.certificate)), "/");
  EXPECT_EQ(Ask(server, Pinned(ca_.Server().certificate)), kRefused);
  // Not the issuer either: a pin is the certificate itself.
  EXPECT_EQ(Ask(server, Pinned(ca_.certificate())), kRefused);
}

TEST_F(ClientTls, AnchorsAndHost) {
  const Identity server = ca_.Server();
  EXPECT_EQ(Ask(server, Anchored(ca_.certificate())), "/");
  EXPECT_EQ(Ask(server, Anchored(ca_.certificate()), "localhost"), "/");
  EXPECT_EQ(Ask(server, Anchored(TestCa("others").certificate())), kRefused);
  // The right name by an authority of the same name.
  EXPECT_EQ(Ask(server, Anchored(TestCa("servers").certificate())), kRefused);
}

TEST_F(ClientTls, HostMustBeInTheCertificate) {
  crypto::CertificateRequest names_only = Named("127.0.0.1");
  names_only.server_auth = true;
  names_only.dns_names = {"localhost", "127.0.0.1"};
  const Identity names = ca_.Issue(names_only);
  EXPECT_EQ(Ask(names, Anchored(ca_.certificate()), "localhost"), "/");
  // Neither the common name nor a DNS name stands for an address.
  EXPECT_EQ(Ask(names, Anchored(ca_.certificate()), "127.0.0.1"), kRefused);
  crypto::CertificateRequest addresses_only = Named("localhost");
  addresses_only.server_auth = true;
  addresses_only.ip_addresses = {"127.0.0.1"};
  const Identity addresses = ca_.Issue(addresses_only);
  EXPECT_EQ(Ask(addresses, Anchored(ca_.certificate()), "127.0.0.1"), "/");
  EXPECT_EQ(Ask(addresses, Anchored(ca_.certificate()), "localhost"), kRefused);
  auto unnamed = std::make_shared<ServerTrust>(*Anchored(ca_.certificate()));
  unnamed->check_host = false;
  EXPECT_EQ(Ask(addresses, unnamed, "localhost"), "/");
}

TEST_F(ClientTls, PurposeAndTimeOfTheServersCertificate) {
  crypto::CertificateRequest request = Named("server");
  request.ip_addresses = {"127.0.0.1"};
  EXPECT_EQ(Ask(ca_.Issue(request), Anchored(ca_.certificate())), "/");  // no EKU: any purpose
  request.client_auth = true;
  EXPECT_EQ(Ask(ca_.Issue(request), Anchored(ca_.certificate())), kRefused);
  request.server_auth = true;
  request.not_after = request.not_before + std::chrono::minutes(1);
  EXPECT_EQ(Ask(ca_.Issue(request), Anchored(ca_.certificate())), kRefused);
}

struct FreeX509 {
  void operator()(X509* p) const { X509_free(p); }
};

// As the Rust agent makes it: signed first, then given its names, so that the
// signature is wrong; serial 0; here also expired.
Identity AsTheRustAgentMakesIt() {
  crypto::PrivateKey key = crypto::PrivateKey::GenerateRsa(2048);
  const std::string pem = key.ExposePem();
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), -1), BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pkey(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const std::unique_ptr<X509, FreeX509> x509(X509_new());
  X509_set_version(x509.get(), X509_VERSION_3);
  X509_NAME* name = X509_get_subject_name(x509.get());
  const unsigned char uuid[] = "d432fbb3-d2f1-4a97-9ef7-75bd81c00000";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, uuid, -1, -1, 0);
  X509_set_issuer_name(x509.get(), name);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 0);
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), -3600);
  X509_set_pubkey(x509.get(), pkey.get());
  EXPECT_GT(X509_sign(x509.get(), pkey.get(), EVP_sha256()), 0);
  X509_EXTENSION* san =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:elsewhere");
  X509_add_ext(x509.get(), san, -1);
  X509_EXTENSION_free(san);
  EXPECT_NE(X509_verify(x509.get(), pkey.get()), 1);
  Bytes der(static_cast<std::size_t>(i2d_X509(x509.get(), nullptr)));
  unsigned char* p = der.data();
  i2d_X509(x509.get(), &p);
  Result<crypto::Certificate> certificate = crypto::Certificate::FromDer(der);
  EXPECT_TRUE(certificate.has_value()) << certificate.error().message;
  return {*certificate, key};
}

TEST_F(ClientTls, Quirk_A12_PinnedCertificateOfTheRustAgentIsUsable) {
  const Identity agent = AsTheRustAgentMakesIt();
  EXPECT_EQ(Ask(agent, Pinned(agent.certificate)), "/");
  EXPECT_EQ(Ask(agent, Pinned(ca_.Server().certificate)), kRefused);
  EXPECT_EQ(Ask(agent, Anchored(ca_.certificate())), kRefused);
}

TEST_F(ClientTls, TrustThatIsNoneIsRefusedBeforeConnecting) {
  const Identity server = ca_.Server();
  EXPECT_EQ(Ask(server, nullptr), kRefused);
  EXPECT_EQ(Ask(server, std::make_shared<ServerTrust>()), kRefused);
  auto both = std::make_shared<ServerTrust>(*Anchored(ca_.certificate()));
  both->pinned = server.certificate;
  EXPECT_EQ(Ask(server, both), kRefused);
  // Trust without TLS would be ignored silently.
  const TestServer plain(Who());
  Runtime runtime({});
  const auto client = Client::Create(runtime, {});
  Endpoint endpoint = plain.plain();
  endpoint.trust = Anchored(ca_.certificate());
  const auto answer = (*client)->SendAndWait(endpoint, {}, In(5s));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().id, kRefused);
  EXPECT_EQ(plain.server->connections(), 0U);
}

// Connections are shared by equal trust only, whatever object holds it.
TEST_F(ClientTls, ConnectionsAreNotSharedAcrossTrust) {
  const Identity identity = ca_.Server();
  ListenOptions options;
  options.tls = TlsOf(identity);
  const TestServer server(Who(), std::move(options));
  Runtime runtime({});
  const auto client = Client::Create(runtime, {});
  const auto ask = [&](std::shared_ptr<const ServerTrust> trust) {
    const auto answer = (*client)->SendAndWait(
        server.tls(std::move(trust)),
        {.method = Method::kGet, .target = "/who", .headers = {}, .body = {}}, In(5s));
    return answer ? answer->body : answer.error().id;
  };
  EXPECT_EQ(ask(Pinned(identity.certificate)), "/");
  EXPECT_EQ(ask(Pinned(identity.certificate)), "/");
  EXPECT_EQ(server.server->connections(), 1U);
  EXPECT_EQ(ask(Pinned(ca_.certificate())), kRefused);
  EXPECT_EQ(ask(Anchored(ca_.certificate())), "/");
  EXPECT_EQ(server.server->connections(), 2U);
  EXPECT_EQ(ask(Anchored(TestCa("others").certificate())), kRefused);
  auto unnamed = std::make_shared<ServerTrust>(*Anchored(ca_.certificate()));
  unnamed->check_host = false;
  EXPECT_EQ(ask(unnamed), "/");
  EXPECT_EQ(server.server->connections(), 3U);
}

TEST_F(ClientTls, KeyMaterialMustFit) {
  Runtime runtime({});
  const auto error = [&](std::vector<crypto::Certificate> chain, std::string key) {
    ClientOptions options;
    options.chain = std::move(chain);
    options.private_key_pem = std::move(key);
    const auto client = Client::Create(runtime, std::move(options));
    return client ? "created" : client.error().id;
  };
  const Identity one = ca_.Client();
  EXPECT_EQ(error({one.certificate}, one.key.ExposePem()), "created");
  EXPECT_EQ(error({one.certificate}, ca_.Client().key.ExposePem()), "http.tls.key");
  EXPECT_EQ(error({one.certificate}, ""), "http.tls.key");
  EXPECT_EQ(error({}, one.key.ExposePem()), "http.tls.key");
}

}  // namespace
}  // namespace limequat::http
