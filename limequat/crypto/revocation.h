#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"

namespace limequat::crypto {

// A certificate revocation list as a value (RFC 5280, 5); copies share it. Parsing says
// nothing about trust: VerifyChain checks who signed it.
class RevocationList {
 public:
  // Exactly one list in DER. Hostile input: kMalformed ("crypto.crl.*") for anything
  // else, also for times that are none; kUnsupported for indirect lists (those about
  // certificates of other issuers), lists of changes and lists for some reasons only,
  // which are easily taken for more than they say. Memory is a small multiple of the
  // input.
  static Result<RevocationList> FromDer(ByteView der);
  // The content of a file: one list in DER, or every PEM block "X509 CRL" in it, at most
  // `limit`. One that cannot be read is an error: it might be the one that matters.
  static Result<std::vector<RevocationList>> AllFromBytes(ByteView bytes, std::size_t limit = 256);

  std::string issuer() const;  // RFC 2253 text, escaped for display
  Time this_update() const;
  std::optional<Time> next_update() const;
  std::size_t size() const;  // revoked certificates

  struct Impl;
  const Impl& impl() const { return *impl_; }  // for this module only
  explicit RevocationList(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace limequat::crypto
