// crypto::Certificate from DER and PEM, all it tells, and chains of it.

#include "limequat/crypto/certificate.h"

#include "limequat/base/check.h"
#include "limequat/crypto/certificate_notes.h"

namespace {

using namespace limequat;
using crypto::Certificate;
using crypto::ChainPurpose;

void CheckPrintable(std::string_view text) {
  for (const char c : text) LQ_CHECK(c >= 0x20 && c < 0x7f);
}

void Use(const Certificate& certificate) {
  CheckPrintable(certificate.subject());
  CheckPrintable(certificate.issuer());
  CheckPrintable(certificate.serial_hex());
  if (const auto name = certificate.common_name()) LQ_CHECK(!name->contains('\0'));
  for (const std::string& oid : certificate.extended_key_usage()) CheckPrintable(oid);
  LQ_CHECK(FormatRfc3339(certificate.not_before()).size() == 20);
  LQ_CHECK(FormatRfc3339(certificate.not_after()).size() == 20);
  certificate.is_ca();
  certificate.extension("2.5.29.17");
  CheckPrintable(certificate.subject(crypto::NameStyle::kOneLine));
  CheckPrintable(certificate.signature_algorithm());
  CheckPrintable(certificate.key_algorithm());
  certificate.key_usage();
  certificate.authority_information();
  certificate.crl_distribution_points();
  LQ_CHECK(!certificate.subject_der().empty());
  for (const crypto::Extension& extension : certificate.extensions()) {
    LQ_CHECK(certificate.extension(extension.oid) == extension.value || extension.oid.empty());
  }
  for (const crypto::CertificateNote& note : crypto::NotesOn(certificate)) {
    LQ_CHECK(note.id.starts_with("certificate."));
  }
  if (const auto key = certificate.public_key()) LQ_CHECK(*key == *key);
  for (const ChainPurpose purpose : {ChainPurpose::kAny, ChainPurpose::kTlsClient,
                                     ChainPurpose::kTlsServer, ChainPurpose::kEndorsementKey}) {
    crypto::ChainOptions options;
    options.at = certificate.not_before();
    options.purpose = purpose;
    const Findings findings =
        crypto::VerifyChain(certificate, {certificate}, {certificate}, options, "x");
    LQ_CHECK(findings.size() == 2);
    for (const Finding& finding : findings) CheckPrintable(finding.detail);
    LQ_CHECK(!AllPassed(crypto::VerifyChain(certificate, {}, {certificate}, options, "x")));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (const Result<Certificate> certificate = Certificate::FromDer(input)) {
    LQ_CHECK(Equal(certificate->ToDer(), input));
    const Result<Certificate> again = Certificate::FromPem(certificate->ToPem());
    LQ_CHECK(again && *again == *certificate);
    Use(*certificate);
  }
  if (const Result<Certificate> certificate = Certificate::FromVendorDer(input)) {
    LQ_CHECK(Equal(certificate->ToDer(), input));
    Use(*certificate);
  }
  if (const auto certificates = Certificate::AllFromPem(AsText(input), 4)) {
    LQ_CHECK(!certificates->empty() && certificates->size() <= 4);
    for (const Certificate& certificate : *certificates) Use(certificate);
  }
  return 0;
}
