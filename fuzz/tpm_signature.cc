// tpm::ParseSignature and ParseSignatureFile, and VerifySignature with what it gives.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/signature.h"

namespace crypto = limequat::crypto;
namespace tpm = limequat::tpm;
using limequat::AsBytes;
using limequat::ByteView;
using limequat::Equal;

namespace {

const crypto::PublicKey& EcKey() {
  static const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key();
  return key;
}

const crypto::PublicKey& RsaKey() {
  static const auto key = crypto::PrivateKey::GenerateRsa(2048).public_key();
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto signature = tpm::ParseSignature(input);
  if (signature) {
    LQ_CHECK(Equal(tpm::WriteSignature(*signature), input));
    // The keys are made here: no input holds a signature of theirs.
    for (const crypto::PublicKey* key : {&EcKey(), &RsaKey()}) {
      LQ_CHECK(tpm::VerifySignature(*key, *signature, AsBytes("message")) ==
               crypto::SignatureCheck::kInvalid);
    }
  }
  const auto rsa =
      tpm::ParseSignatureFile(input, RsaKey(), crypto::HashAlgorithm::kSha256, AsBytes("message"));
  LQ_CHECK(rsa.has_value() == (signature.has_value() || size == 256));
  const auto ecdsa =
      tpm::ParseSignatureFile(input, EcKey(), crypto::HashAlgorithm::kSha256, AsBytes("message"));
  LQ_CHECK(!signature || ecdsa.has_value());
  if (ecdsa && !signature) {
    LQ_CHECK(tpm::VerifySignature(EcKey(), *ecdsa, AsBytes("message")) ==
             crypto::SignatureCheck::kInvalid);
  }
  return 0;
}
