#pragma once

// Forms of certificates that OpenSSL does not read. For the sources of this module only.

#include <optional>

#include "limequat/base/bytes.h"

namespace limequat::crypto {

// A certificate in a form that OpenSSL reads, which says the same as the one it was made
// from.
struct LenientForm {
  Bytes der;
  ByteView signed_part;  // the TBSCertificate of the one it was made from
};

// Nuvoton issued EK certificates, and STMicroelectronics EK authorities, whose serial
// number begins with zeros that X.690, 8.3.2 forbids: OpenSSL, Go and others refuse the
// whole certificate ("illegal padding", "integer not minimally-encoded"). Nothing hangs
// on those zeros: the number is the same, and nullopt is returned if there are none.
std::optional<LenientForm> WithMinimalSerial(ByteView der);

}  // namespace limequat::crypto
