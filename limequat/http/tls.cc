#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/http/tls_internal.h"

namespace limequat::http {
namespace {

struct FreeOpenSsl {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509_NAME* p) const { X509_NAME_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeOpenSsl>;

// Forward secrecy and AEAD. Finite-field DHE is left out: every peer has ECDHE, and a
// stranger could make the server compute with it (CVE-2002-20001).
constexpr char kTls12Suites[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kTls13Suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
char groups_list[] = "X25519:P-256:P-384";  // OpenSSL's macro takes no const
constexpr std::size_t kMaxPeerChain = 11;   // a leaf and the path length of VerifyChain

std::string OpenSslReason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

Owned<X509> ToX509(const crypto::Certificate& certificate) {
  const Bytes der = certificate.ToDer();
  const unsigned char* p = der.data();
  return Owned<X509>(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
}

Result<crypto::Certificate> FromX509(X509* x509) {
  Bytes der(static_cast<std::size_t>(std::max(i2d_X509(x509, nullptr), 0)));
  unsigned char* p = der.data();
  if (der.empty() || i2d_X509(x509, &p) < 0) {
    return Malformed("http.tls.certificate", "a certificate cannot be encoded");
  }
  return crypto::Certificate::FromDer(der);
}

Time Now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

// --- the socket as a BIO ----------------------------------------------------------
// OpenSSL's own socket BIO writes with write(2): a closed connection would end the
// program by SIGPIPE unless it is ignored in the whole process.

int SocketOf(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int Transferred(BIO* bio, ssize_t count, int flag) {
  if (count < 0 && (errno == EAGAIN || errno == EINTR))
    BIO_set_flags(bio, flag | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(count);
}

int ReadSocket(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = recv(SocketOf(bio), data, static_cast<std::size_t>(size), 0);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return Transferred(bio, count, BIO_FLAGS_READ);
}

int WriteSocket(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t count = send(SocketOf(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  return Transferred(bio, count, BIO_FLAGS_WRITE);
}

long ControlSocket(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "limequat socket");
    LQ_CHECK(method != nullptr);
    BIO_meth_set_read(method, ReadSocket);
    BIO_meth_set_write(method, WriteSocket);
    BIO_meth_set_ctrl(method, ControlSocket);
    return method;
  }();
  return kMethod;
}

// --- contexts ---------------------------------------------------------------------

Status UseIdentity(SSL_CTX* context, const std::vector<crypto::Certificate>& chain,
                   const std::string& private_key_pem) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Owned<X509> certificate = ToX509(chain[i]);
    if (!certificate) return Malformed("http.tls.certificate", OpenSslReason());
    const int ok = i == 0 ? SSL_CTX_use_certificate(context, certificate.get())
                          : static_cast<int>(SSL_CTX_add1_chain_cert(context, certificate.get()));
    if (ok != 1) return Malformed("http.tls.certificate", OpenSslReason());
  }
  const Owned<BIO> bio(
      BIO_new_mem_buf(private_key_pem.data(), static_cast<int>(private_key_pem.size())));
  LQ_CHECK(bio != nullptr);
  // The callback stands for "no pass phrase": the default would ask on the terminal.
  const auto no_pass_phrase = [](char*, int, int, void*) { return -1; };
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
  if (!key) return Malformed("http.tls.key", "the private key cannot be read: " + OpenSslReason());
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return Malformed("http.tls.key",
                     "the private key is not the certificate's: " + OpenSslReason());
  }
  return {};
}

// Names of the authorities in the request for a certificate, so that a client with
// several can choose (RFC 8446, 4.2.4).
Status NameAuthorities(SSL_CTX* context, const ServerTls& tls) {
  for (const ClientAuthority& authority : tls.client_authorities) {
    if (authority.role.empty() || authority.anchors.empty()) {
      return Malformed("http.tls.authority", "an authority needs a role and certificates");
    }
    for (const crypto::Certificate& anchor : authority.anchors) {
      const Owned<X509> certificate = ToX509(anchor);
      if (!certificate || SSL_CTX_add_client_CA(context, certificate.get()) != 1) {
        return Malformed("http.tls.authority", OpenSslReason());
      }
    }
  }
  return {};
}

// --- checks -----------------------------------------------------------------------

std::string FirstFailure(const Findings& findings) {
  for (const Finding& finding : findings) {
    if (!finding.passed()) return finding.check + ": " + finding.detail;
  }
  return "no check ran";
}

// Subject alternative names only: the common name proves nothing (RFC 9525, section 2).
bool NamesHost(X509* certificate, const std::string& host) {
  const int address = X509_check_ip_asc(certificate, host.c_str(), 0);
  if (address != -2) return address == 1;  // -2: `host` is not an address
  constexpr unsigned kFlags =
      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  return X509_check_host(certificate, host.data(), host.size(), kFlags, nullptr) == 1;
}

}  // namespace

Result<SslContext> CreateContext(bool server, const std::vector<crypto::Certificate>& chain,
                                 const std::string& private_key_pem) {
  SslContext context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  LQ_CHECK(context != nullptr);
  SSL_CTX* const c = context.get();
  const bool configured = SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1 &&
                          SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) == 1 &&
                          SSL_CTX_set_cipher_list(c, kTls12Suites) == 1 &&
                          SSL_CTX_set_ciphersuites(c, kTls13Suites) == 1 &&
                          SSL_CTX_set1_groups_list(c, groups_list) == 1 &&
                          SSL_CTX_set_num_tickets(c, 0) == 1;
  LQ_CHECK(configured);
  SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  // Buffers are given back between records: thousands of kept connections wait.
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_cert_verify_callback(c, TlsSession::VerifyPeer, nullptr);
  if (chain.empty() != private_key_pem.empty()) {
    return Malformed("http.tls.key", "a certificate and its private key go together");
  }
  if (!chain.empty()) LQ_RETURN_IF_ERROR(UseIdentity(c, chain, private_key_pem));
  return context;
}

Result<SslContext> CreateServerContext(const ServerTls& tls) {
  if (tls.chain.empty())
    return Malformed("http.tls.certificate", "a TLS server needs a certificate");
  if (tls.require_client_certificate && tls.client_authorities.empty()) {
    return Malformed("http.tls.authority",
                     "client certificates are required but no authority is given");
  }
  LQ_ASSIGN_OR_RETURN(SslContext context, CreateContext(true, tls.chain, tls.private_key_pem));
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  if (tls.client_authorities.empty()) return context;
  LQ_RETURN_IF_ERROR(NameAuthorities(context.get(), tls));
  SSL_CTX_set_verify(
      context.get(),
      SSL_VERIFY_PEER | (tls.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  return context;
}

Result<SslContext> CreateClientContext(const std::vector<crypto::Certificate>& chain,
                                       const std::string& private_key_pem) {
  LQ_ASSIGN_OR_RETURN(SslContext context, CreateContext(false, chain, private_key_pem));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

Status ClientCertificateCheck::Accept(const std::vector<crypto::Certificate>& chain) {
  const std::vector<crypto::Certificate> intermediates(chain.begin() + 1, chain.end());
  const crypto::ChainOptions options{.purpose = crypto::ChainPurpose::kTlsClient, .at = Now()};
  std::string reasons;
  for (const ClientAuthority& authority : tls_.client_authorities) {
    const Findings findings = crypto::VerifyChain(chain.front(), authority.anchors, intermediates,
                                                  options, "http.client_certificate");
    if (AllPassed(findings)) {
      principal_.role = authority.role;
      principal_.common_name = EscapeForDisplay(chain.front().common_name().value_or(""), 256);
      principal_.certificate = chain.front();
      return {};
    }
    reasons += (reasons.empty() ? "" : "; ") + authority.role + ": " + FirstFailure(findings);
  }
  return Untrusted("http.client_certificate",
                   "subject " + chain.front().subject() + ": " + reasons);
}

Status ServerCertificateCheck::Accept(const std::vector<crypto::Certificate>& chain) {
  const crypto::Certificate& leaf = chain.front();
  if (trust_.pinned) {
    if (leaf == *trust_.pinned) return {};
    return Untrusted(
        "http.client.certificate",
        "the server showed another certificate than the pinned one: " + leaf.subject());
  }
  const std::vector<crypto::Certificate> intermediates(chain.begin() + 1, chain.end());
  const crypto::ChainOptions options{.purpose = crypto::ChainPurpose::kTlsServer, .at = Now()};
  const Findings findings =
      crypto::VerifyChain(leaf, trust_.anchors, intermediates, options, "http.server_certificate");
  if (!AllPassed(findings)) return Untrusted("http.client.certificate", FirstFailure(findings));
  if (!trust_.check_host) return {};
  const Owned<X509> x509 = ToX509(leaf);
  if (x509 && NamesHost(x509.get(), host_)) return {};
  return Untrusted("http.client.certificate",
                   "the server's certificate does not name " + EscapeForDisplay(host_, 253));
}

// --- sessions ---------------------------------------------------------------------

TlsSession::TlsSession(SSL_CTX* context, int socket, Role role, PeerCheck& check)
    : check_(check), ssl_(SSL_new(context)) {
  LQ_CHECK(ssl_ != nullptr);
  BIO* bio = BIO_new(SocketMethod());
  LQ_CHECK(bio != nullptr);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
  if (role == Role::kServer) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
  }
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

void TlsSession::SetServerName(const std::string& host) {
  SSL_set_tlsext_host_name(ssl_, host.c_str());
}

int TlsSession::VerifyPeer(X509_STORE_CTX* store, void*) {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* session = static_cast<TlsSession*>(SSL_get_app_data(ssl));
  const auto refuse = [&](Error why) {
    session->refusal_ = std::move(why);
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
  };
  std::vector<crypto::Certificate> chain;
  const auto add = [&](X509* x509) -> Status {
    if (chain.size() == kMaxPeerChain)
      return Malformed("http.tls.chain", "more than 11 certificates");
    LQ_ASSIGN_OR_RETURN(crypto::Certificate certificate, FromX509(x509));
    chain.push_back(std::move(certificate));
    return {};
  };
  if (Status leaf = add(X509_STORE_CTX_get0_cert(store)); !leaf)
    return refuse(std::move(leaf).error());
  // The peer's whole list: it usually begins with the leaf again.
  const STACK_OF(X509)* others = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(others); ++i) {
    X509* const other = sk_X509_value(others, i);
    if (other == X509_STORE_CTX_get0_cert(store)) continue;
    if (Status next = add(other); !next) return refuse(std::move(next).error());
  }
  if (Status accepted = session->check_.Accept(chain); !accepted) {
    return refuse(std::move(accepted).error());
  }
  return 1;
}

Io TlsSession::Explain(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Io::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kEnd;
    case SSL_ERROR_SYSCALL:
      failure_ = "the connection was reset";
      return Io::kFailed;
    default: {
      const bool cut = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
      failure_ = OpenSslReason();
      return cut ? Io::kCut : Io::kFailed;
    }
  }
}

Io TlsSession::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  return result == 1 ? Io::kDone : Explain(result);
}

Io TlsSession::Read(std::span<char> into, std::size_t& count) {
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &count);
  return result == 1 ? Io::kDone : Explain(result);
}

Io TlsSession::Write(std::string_view& data) {
  ERR_clear_error();
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl_, data.data(), data.size(), &written);
  if (result != 1) return Explain(result);
  data.remove_prefix(written);
  return Io::kDone;
}

void TlsSession::Shutdown() {
  if (SSL_is_init_finished(ssl_) == 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace limequat::http
