#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/json/value.h"

// usage: bench_bare_loop PORT CERTIFICATE.pem KEY.pem MASK IMA_ENTRY COUNT
//
// The least that any verifier must do for one attestation: over one kept TLS
// connection send the question, read the answer, parse its JSON, decode the base64 of
// the quote, verify one RSA-2048 signature (of a key of this program, over the same
// message) and hash the body. Prints the microseconds of CPU per round.

namespace limequat::bench {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

SSL* Connect(SSL_CTX* context, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return nullptr;
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  return SSL_connect(ssl) == 1 ? ssl : nullptr;
}

// Head and body of one answer; the head must have a Content-Length.
std::string ReadAnswer(SSL* ssl) {
  std::string all;
  std::size_t end = std::string::npos;
  std::size_t length = 0;
  char buffer[16384];
  while (end == std::string::npos || all.size() < end + length) {
    const int read = SSL_read(ssl, buffer, sizeof buffer);
    if (read <= 0) return {};
    all.append(buffer, static_cast<std::size_t>(read));
    if (end != std::string::npos) continue;
    const std::size_t found = all.find("\r\n\r\n");
    if (found == std::string::npos) continue;
    end = found + 4;
    const std::size_t header = all.find("ontent-Length: ");
    if (header == std::string::npos || header > end) return {};
    length = std::strtoul(all.c_str() + header + std::strlen("ontent-Length: "), nullptr, 10);
  }
  return all.substr(end);
}

int Run(int port, const char* certificate, const char* key, const char* mask, const char* entry,
        int count) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_use_certificate_chain_file(context, certificate);
  SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM);
  SSL* ssl = Connect(context, port);
  if (ssl == nullptr) {
    std::cerr << "cannot connect\n";
    return 1;
  }
  const auto signer = crypto::PrivateKey::GenerateRsa(2048);
  const auto verifier = signer.public_key();
  Bytes message;
  Bytes signature;
  double began = 0;
  // The first rounds warm caches up and are not counted.
  const int warm_up = count / 10 + 1;
  for (int i = 0; i < count + warm_up; ++i) {
    if (i == warm_up) began = CpuSeconds();
    const std::string request = fmt::format(
        "GET /v2.6/quotes/integrity?nonce=n{:019}&mask={}&partial=1&ima_ml_entry={} "
        "HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        i, mask, entry);
    if (SSL_write(ssl, request.data(), static_cast<int>(request.size())) <= 0) return 1;
    const std::string body = ReadAnswer(ssl);
    const auto document = json::Parse(body);
    if (!document) {
      std::cerr << "no answer\n";
      return 1;
    }
    const std::string& quote =
        *document->as_object()->Find("results")->as_object()->Find("quote")->as_string();
    const std::size_t colon = quote.find(':');
    const auto attest = Base64Decode(std::string_view(quote).substr(1, colon - 1));
    if (message.empty()) {
      message = *attest;
      signature =
          *signer.Sign(crypto::SignatureScheme::kRsaSsa, crypto::HashAlgorithm::kSha256, message);
    }
    if (verifier.Verify(crypto::SignatureScheme::kRsaSsa, crypto::HashAlgorithm::kSha256, message,
                        signature) != crypto::SignatureCheck::kValid)
      return 1;
    if (crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(body)).IsZero()) return 1;
  }
  fmt::print("{:.2f}\n", (CpuSeconds() - began) * 1e6 / count);
  return 0;
}

}  // namespace
}  // namespace limequat::bench

int main(int argc, char** argv) {
  if (argc != 7) {
    std::cerr << "usage: bench_bare_loop PORT CERTIFICATE.pem KEY.pem MASK IMA_ENTRY COUNT\n";
    return 2;
  }
  return limequat::bench::Run(std::atoi(argv[1]), argv[2], argv[3], argv[4], argv[5],
                              std::atoi(argv[6]));
}
