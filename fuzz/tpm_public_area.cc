// tpm::PublicArea in its three forms, the checks of attributes, and MakeCredential.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/credential.h"
#include "limequat/tpm/public_area.h"

namespace tpm = limequat::tpm;
using limequat::AsBytes;
using limequat::ByteView;
using limequat::Equal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto tpmt = tpm::PublicArea::FromTpmt(input);
  const auto tpm2b = tpm::PublicArea::FromTpm2b(input);
  const auto either = tpm::PublicArea::FromEither(input);
  LQ_CHECK(!(tpmt && tpm2b));
  LQ_CHECK(either.has_value() == (tpmt.has_value() || tpm2b.has_value()));
  if (!either) return 0;
  LQ_CHECK(Equal(tpm2b ? either->tpm2b() : either->tpmt(), input));
  const bool ak = tpm::CheckAttestationKey(*either).passed();
  const bool ek = tpm::CheckEndorsementKey(*either).passed();
  LQ_CHECK(!(ak && ek));
  // Whatever the key is, the answer is a credential or an error.
  const auto credential = tpm::MakeCredential(*either, either->Name(), AsBytes("secret"));
  if (!credential) return 0;
  const auto again = tpm::ParseCredentialBlob(tpm::WriteCredentialBlob(*credential));
  LQ_CHECK(again.has_value() && again->id_object == credential->id_object);
  return 0;
}
