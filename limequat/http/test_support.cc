#include "limequat/http/test_support.h"

#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limequat/base/check.h"
#include "limequat/http/response.h"

namespace limequat::http {
namespace {

Time Now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

SSL_CTX* NewContext(const Identity* identity, int max_version, const std::string& suites) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  LQ_CHECK(context != nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, max_version);
  LQ_CHECK(SSL_CTX_set_cipher_list(context, (suites + ":@SECLEVEL=0").c_str()) == 1);
  if (identity != nullptr) {
    const Bytes der = identity->certificate.ToDer();
    const std::string pem = identity->key.ExposePem();
    LQ_CHECK(SSL_CTX_use_certificate_ASN1(context, static_cast<int>(der.size()), der.data()) == 1);
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    LQ_CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
    EVP_PKEY_free(key);
    BIO_free(bio);
  }
  return context;
}

}  // namespace

crypto::CertificateRequest Named(const std::string& common_name) {
  crypto::CertificateRequest request;
  request.common_name = common_name;
  request.not_before = Now() - std::chrono::hours(1);
  request.not_after = Now() + std::chrono::hours(24);
  return request;
}

Identity SelfSigned(const crypto::CertificateRequest& request) {
  crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  Result<crypto::Certificate> certificate = crypto::Issue(request, key.public_key(), nullptr, key);
  LQ_CHECK(certificate.has_value());
  return {*certificate, key};
}

TestCa::TestCa(const std::string& name)
    : identity_([&] {
        crypto::CertificateRequest request = Named(name);
        request.ca = true;
        return SelfSigned(request);
      }()) {}

Identity TestCa::Issue(const crypto::CertificateRequest& request) const {
  crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  Result<crypto::Certificate> certificate =
      crypto::Issue(request, key.public_key(), &identity_.certificate, identity_.key);
  LQ_CHECK(certificate.has_value());
  return {*certificate, key};
}

Identity TestCa::Server(const std::string& name) const {
  crypto::CertificateRequest request = Named(name);
  request.dns_names = {"localhost"};
  request.ip_addresses = {"127.0.0.1"};
  request.server_auth = true;
  return Issue(request);
}

Identity TestCa::Client(const std::string& name) const {
  crypto::CertificateRequest request = Named(name);
  request.client_auth = true;
  return Issue(request);
}

ServerTls TlsOf(const Identity& identity) {
  ServerTls tls;
  tls.chain = {identity.certificate};
  tls.private_key_pem = identity.key.ExposePem();
  return tls;
}

std::shared_ptr<const ServerTrust> Pinned(const crypto::Certificate& certificate) {
  auto trust = std::make_shared<ServerTrust>();
  trust->pinned = certificate;
  return trust;
}

std::shared_ptr<const ServerTrust> Anchored(const crypto::Certificate& anchor) {
  auto trust = std::make_shared<ServerTrust>();
  trust->anchors = {anchor};
  return trust;
}

// --- RawClient --------------------------------------------------------------------

RawClient::RawClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  LQ_CHECK(fd_ >= 0);
  const timeval timeout{10, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  LQ_CHECK(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

RawClient::~RawClient() {
  Close();
  SSL_CTX_free(context_);
}

bool RawClient::StartTls(const Identity* identity, int max_version, const char* suites) {
  context_ = NewContext(identity, max_version, suites);
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, fd_);
  return SSL_connect(ssl_) == 1;
}

bool RawClient::HasResumableSession() const {
  const SSL_SESSION* session = SSL_get0_session(ssl_);
  return session != nullptr && SSL_SESSION_is_resumable(session) == 1;
}

bool RawClient::Send(std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ssl_ != nullptr
                              ? SSL_write(ssl_, data.data(), static_cast<int>(data.size()))
                              : send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool RawClient::Fill() {
  char buffer[65536];
  const ssize_t count =
      ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof buffer) : recv(fd_, buffer, sizeof buffer, 0);
  if (count <= 0) return false;
  received_.append(buffer, static_cast<std::size_t>(count));
  return true;
}

std::string RawClient::ReadUntil(std::string_view end) {
  for (;;) {
    if (const std::size_t at = received_.find(end); at != std::string::npos) {
      std::string read = received_.substr(0, at + end.size());
      received_.erase(0, read.size());
      return read;
    }
    if (!Fill()) return std::exchange(received_, {});
  }
}

std::string RawClient::Answer::Header(std::string_view name) const {
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", at + 2);
    const std::string_view line = std::string_view(head).substr(at + 2, end - at - 2);
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos && EqualName(line.substr(0, colon), name)) {
      return std::string(line.substr(colon + 2));
    }
    at = end;
  }
  return "(none)";
}

std::optional<RawClient::Answer> RawClient::Receive() {
  Answer answer;
  answer.head = ReadUntil("\r\n\r\n");
  if (!answer.head.ends_with("\r\n\r\n") || answer.head.size() < 12) return std::nullopt;
  std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
  if (answer.Header("Transfer-Encoding") == "chunked") {
    for (;;) {
      const std::string line = ReadUntil("\r\n");
      std::size_t size = 0;
      if (std::from_chars(line.data(), line.data() + line.size(), size, 16).ec != std::errc())
        return std::nullopt;
      while (received_.size() < size + 2) {
        if (!Fill()) return std::nullopt;
      }
      answer.body += received_.substr(0, size);
      received_.erase(0, size + 2);
      if (size == 0) return answer;
    }
  }
  const std::string length = answer.Header("Content-Length");
  std::size_t size = 0;
  std::from_chars(length.data(), length.data() + length.size(), size);
  while (received_.size() < size) {
    if (!Fill()) return std::nullopt;
  }
  answer.body = received_.substr(0, size);
  received_.erase(0, size);
  return answer;
}

std::optional<RawClient::Answer> RawClient::Exchange(std::string_view request) {
  if (!Send(request)) return std::nullopt;
  return Receive();
}

bool RawClient::Closed() { return received_.empty() && !Fill() && errno != EAGAIN; }

void RawClient::Close() {
  SSL_free(std::exchange(ssl_, nullptr));
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

void RawClient::ShutdownWrite() { shutdown(fd_, SHUT_WR); }

// --- ReservedPort -----------------------------------------------------------------

// A socket that does not listen does not keep others with SO_REUSEADDR from the port that
// they name, and keeps it from those who name none.
ReservedPort::ReservedPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  LQ_CHECK(fd_ >= 0);
  const int on = 1;
  LQ_CHECK(setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  LQ_CHECK(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  LQ_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  number_ = ntohs(address.sin_port);
}

ReservedPort::~ReservedPort() { close(fd_); }

// --- waiting ----------------------------------------------------------------------

void Gate::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  opened_.notify_all();
}

bool Gate::Wait() {
  std::unique_lock lock(mutex_);
  return opened_.wait_for(lock, 10s, [this] { return open_; });
}

bool Eventually(const std::function<bool()>& condition) {
  const Deadline end = In(10s);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

TestServer::TestServer(Router routes, ListenOptions options, const RuntimeOptions& threads)
    : runtime(threads) {
  Result<std::unique_ptr<Server>> listening = Server::Listen(
      runtime, std::make_shared<const Router>(std::move(routes)), std::move(options));
  LQ_CHECK(listening.has_value());
  server = *std::move(listening);
}

}  // namespace limequat::http
