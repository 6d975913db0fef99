#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"
#include "limequat/http/client.h"
#include "limequat/http/message.h"
#include "limequat/http/server.h"

namespace limequat::http {

struct FreeSslContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, FreeSslContext>;

// Contexts of TLS 1.2 and 1.3 with forward secrecy and AEAD only, without session
// resumption: a resumed session would skip the check of the certificate.
// kMalformed ("http.tls.*") for key material that does not fit together.
Result<SslContext> CreateServerContext(const ServerTls& tls);
Result<SslContext> CreateClientContext(const std::vector<crypto::Certificate>& chain,
                                       const std::string& private_key_pem);

// Decides whether the other end of a handshake is who it should be.
class PeerCheck {
 public:
  virtual ~PeerCheck() = default;
  // `chain` is what the peer sent, leaf first, not empty; all of it hostile.
  virtual Status Accept(const std::vector<crypto::Certificate>& chain) = 0;
};

// For a server: the role whose authority issued the certificate.
class ClientCertificateCheck final : public PeerCheck {
 public:
  explicit ClientCertificateCheck(const ServerTls& tls) : tls_(tls) {}
  Status Accept(const std::vector<crypto::Certificate>& chain) override;
  Principal& principal() { return principal_; }

 private:
  const ServerTls& tls_;
  Principal principal_;
};

// For a client: the pinned certificate, or a chain to the anchors and the host's name.
class ServerCertificateCheck final : public PeerCheck {
 public:
  ServerCertificateCheck(const ServerTrust& trust, const std::string& host)
      : trust_(trust), host_(host) {}
  Status Accept(const std::vector<crypto::Certificate>& chain) override;

 private:
  const ServerTrust& trust_;
  const std::string& host_;
};

// How one attempt of non-blocking input or output ended.
enum class Io {
  kDone,
  kWantRead,   // again when the socket is readable
  kWantWrite,  // again when it is writable
  kEnd,        // the peer has ended its side in order
  kCut,        // the peer closed the socket without ending TLS: something may be missing
  kFailed,
};

// One end of a TLS connection over a non-blocking socket. All members on one thread.
class TlsSession {
 public:
  enum class Role { kServer, kClient };
  // `check` must outlive the session; the socket belongs to the caller.
  TlsSession(SSL_CTX* context, int socket, Role role, PeerCheck& check);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  // Server name indication; for names only (RFC 6066, section 3).
  void SetServerName(const std::string& host);

  Io Handshake();
  // `count`: bytes read, with kDone only.
  Io Read(std::span<char> into, std::size_t& count);
  // Removes what was written from the front of `data`; kDone when something was.
  Io Write(std::string_view& data);
  // Tells the peer that nothing follows.
  void Shutdown();

  // Why the last call ended with kFailed.
  const std::string& failure() const { return failure_; }
  // Set if the peer's certificate was refused.
  const std::optional<Error>& refusal() const { return refusal_; }

 private:
  static int VerifyPeer(X509_STORE_CTX* store, void*);
  Io Explain(int result);

  PeerCheck& check_;
  SSL* ssl_ = nullptr;
  std::string failure_;
  std::optional<Error> refusal_;

  friend Result<SslContext> CreateContext(bool server,
                                          const std::vector<crypto::Certificate>& chain,
                                          const std::string& private_key_pem);
};

}  // namespace limequat::http
