// crypto::PublicKey from DER and PEM, crypto::PrivateKey from PEM.

#include "limequat/crypto/key.h"

#include "limequat/base/check.h"

namespace {

using namespace limequat;
using crypto::PublicKey;

void Use(const PublicKey& key) {
  const Result<PublicKey> der = PublicKey::FromSpkiDer(key.ToSpkiDer());
  LQ_CHECK(der && *der == key && der->ToSpkiDer() == key.ToSpkiDer());
  const Result<PublicKey> pem = PublicKey::FromPem(key.ToPem());
  LQ_CHECK(pem && *pem == key);
  LQ_CHECK(key.curve().has_value() == crypto::PointOf(key).has_value());
  LQ_CHECK((key.type() == crypto::KeyType::kRsa) == crypto::RsaModulusOf(key).has_value());
  // The key comes from the input, its signature does not.
  LQ_CHECK(key.Verify(crypto::SignatureScheme::kEcdsa, crypto::HashAlgorithm::kSha256, {}, {}) ==
           crypto::SignatureCheck::kInvalid);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (const Result<PublicKey> key = PublicKey::FromSpkiDer(input)) Use(*key);
  if (const Result<PublicKey> key = PublicKey::FromPem(AsText(input))) Use(*key);
  if (const Result<crypto::PrivateKey> key = crypto::PrivateKey::FromPem(AsText(input))) {
    Use(key->public_key());
  }
  return 0;
}
