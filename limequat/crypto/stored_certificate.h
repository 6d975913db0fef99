#pragma once

#include <cstddef>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/certificate_notes.h"

namespace limequat::crypto {

// Certificates as they lie in files and NV indices. Everything here takes hostile input;
// what is found is as trustworthy as where it was found: not at all.

// The certificates in the content of one NV index, or of several one after another:
// views of DER SEQUENCEs in `content`, none of them looked into. `notes` says what else is there:
//   certificate.tcg_header     TCG_PCCLIENT_STORED_CERT, tag 0x1001 (TCG PC Client
//                              Implementation for BIOS 1.2, 7.4.4): Nuvoton, Atmel and
//                              Infineon chips of the TPM 1.2 age, and what was updated
//   certificate.length_prefix  the size first: reads that keep the TPM2B around the data
//   certificate.padding        one byte repeated up to the end of the index: 00 (Nationz,
//                              Infineon), ff (ST33), 11 (NPCT6xx), or others
//   certificate.trailing       other bytes
// Certificates behind the first are the chain that Intel's On-Die CA (ODCA) and others
// keep in 0x01c00100 to 0x01c001ff, or next to the certificate.
struct NvCertificates {
  std::vector<ByteView> der;
  CertificateNotes notes;
};
// At most kMaxNvCertificates; the rest is trailing bytes. Memory: one view a certificate.
NvCertificates SplitNvCertificates(ByteView content);
inline constexpr std::size_t kMaxNvCertificates = 64;

// What a file of certificates holds.
struct StoredCertificates {
  std::vector<Certificate> certificates;  // never empty; the first is what the file is about
  CertificateNotes notes;                 // about the bytes around them
};
// The certificates of a file in any form in which EK certificates go around: PEM, DER,
// base64 of DER in either alphabet, NV content as above, and these inside a PEM block.
// kMalformed ("crypto.certificate.*") if the first certificate cannot be read; one behind
// it is left out with the note "certificate.chain_unreadable". Read with FromVendorDer.
// PEM text is read up to `limit` certificates.
Result<StoredCertificates> ReadStoredCertificates(ByteView bytes,
                                                  std::size_t limit = kMaxNvCertificates);

}  // namespace limequat::crypto
