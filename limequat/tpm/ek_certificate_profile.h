#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/certificate_notes.h"

namespace limequat::tpm {

// What an EK certificate says of its TPM beyond X.509 (TCG EK Credential Profile for TPM
// Family 2.0, 2.x; and the profile for TPM 1.2, whose certificates look the same). All
// functions here take hostile input, never fail, and say in notes ("ekcert.*") what could
// not be read or is written in another way than the profile's. Text is escaped for
// display. Nothing is trusted before VerifyEkCertificate. Memory: a small multiple of the
// input.

// tcg-at-tpmManufacturer, -Model and -Version (2.23.133.2.1 to .3). Empty: not there.
struct TpmIdentity {
  std::string manufacturer;  // "id:49465800" for vendors of TCG's registry
  std::string model;         // "SLB 9670 TPM2.0"
  std::string version;       // firmware when it was made: "id:0728"
};

// tcg-at-tpmSpecification (2.23.133.2.16).
struct TpmSpecification {
  std::string family;  // "2.0"
  std::uint64_t level = 0;
  std::uint64_t revision = 0;
};

// tcg-at-tpmSecurityAssertions (2.23.133.2.18): claims of the maker. Names of the
// enumerations as TCG has them ("injected", "tpmManufacturer"); empty: not there.
struct SecurityAssertions {
  std::uint64_t version = 0;  // 0: v1
  bool field_upgradable = false;
  std::string ek_generation_type;
  std::string ek_generation_location;
  std::string ek_certificate_generation_location;
  std::string common_criteria;  // "3.1 EAL4+"
  std::string fips;             // "140-2 level 2"
  bool iso9000_certified = false;
};

// What a certificate says of the TPM by the profile; a member is absent if it says nothing.
struct EkProfile {
  std::optional<TpmIdentity> tpm;
  std::optional<TpmSpecification> specification;
  std::optional<SecurityAssertions> assertions;
  crypto::CertificateNotes notes;
};

// From the content of the extensions subjectAltName and subjectDirectoryAttributes, and
// from a Name.
void ReadAlternativeName(ByteView extension, EkProfile& profile);
void ReadDirectoryAttributes(ByteView extension, EkProfile& profile);
void ReadName(ByteView name, EkProfile& profile);

// All of it: the identity from the alternative name, or from the subject where the former
// has none.
EkProfile ReadEkProfile(const crypto::Certificate& certificate);

// The name of a TPM vendor in TCG's registry ("Infineon" for "id:49465800"), or empty.
std::string_view TpmVendorName(std::string_view manufacturer);

// Whether the certificate is what the profile calls one of an endorsement key: X.509 v3,
// no authority (nor a key usage of one), a usage of endorsement keys (2.23.133.8.1), an
// RSA key of at least 2048 bits or an ECC key on a known curve, and a key usage that is
// one of keys that decrypt or agree, or, as Google has it for keys that sign,
// digitalSignature. One finding "tpm.ekcert.profile". What only concerns how something is
// written is a note, not a failure.
Finding CheckEkProfile(const crypto::Certificate& certificate);

}  // namespace limequat::tpm
