// policy::UnverifiedEnvelope::Parse, VerifyEnvelope and ReadSignedPolicy of a hostile
// envelope.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/base/check.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/signed_policy.h"

namespace limequat {

namespace {

// A key of ours: nothing in the input can be signed with it. And every certificate that
// a key identifier holds is judged against a root, which it never leads to.
const policy::TrustedSigners& Signers() {
  static const policy::TrustedSigners signers = [] {
    policy::TrustedSigners made;
    made.keys = {crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key(),
                 crypto::PrivateKey::GenerateEd25519().public_key()};
    const auto root = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
    crypto::CertificateRequest request;
    request.common_name = "root";
    request.not_after = FromUnixSeconds(4'000'000'000);
    request.ca = true;
    made.anchors = {*crypto::Issue(request, root.public_key(), nullptr, root)};
    return made;
  }();
  return signers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  if (const auto read = policy::ReadSignedPolicy(text, Signers())) {
    LQ_CHECK(read->policy == nullptr && !AllPassed(read->findings));
  }
  const auto envelope = policy::UnverifiedEnvelope::Parse(text);
  if (!envelope) return 0;
  // What is written of it is the same envelope.
  const auto again = policy::UnverifiedEnvelope::Parse(policy::WriteEnvelope(
      envelope->payload_type(), envelope->unverified_payload(), envelope->signatures()));
  if (again) {
    LQ_CHECK(again->payload_type() == envelope->payload_type());
    LQ_CHECK(again->unverified_payload() == envelope->unverified_payload());
    LQ_CHECK(again->signatures().size() == envelope->signatures().size());
  }
  const auto verification = policy::VerifyEnvelope(*envelope, Signers());
  LQ_CHECK(!verification.envelope);
  LQ_CHECK(verification.signatures.size() == envelope->signatures().size());
  LQ_CHECK(!policy::VerifyEnvelope(*envelope, {}).envelope);
  return 0;
}

}  // namespace limequat
