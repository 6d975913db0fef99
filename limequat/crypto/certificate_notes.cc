#include "limequat/crypto/certificate_notes.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/certificate_notes_internal.h"
#include "limequat/crypto/der.h"

namespace limequat::crypto {

namespace {

// Real certificates nest about ten deep.
constexpr int kMaxDepth = 24;
constexpr std::uint8_t kConstructed = 0x20;
constexpr std::uint8_t kExplicitVersion = 0xa0;
constexpr std::size_t kMaxSerialBytes = 20;  // RFC 5280, 4.1.2.2
constexpr std::string_view kKeyUsageOid = "2.5.29.15";
constexpr std::string_view kBasicConstraintsOid = "2.5.29.19";
constexpr std::string_view kAltNameOid = "2.5.29.17";

void AppendElement(Bytes& out, std::uint8_t tag, ByteView content) {
  out.push_back(tag);
  Bytes length;
  for (std::size_t rest = content.size(); rest != 0; rest >>= 8U) {
    length.insert(length.begin(), static_cast<std::uint8_t>(rest));
  }
  if (content.size() >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(0x80U | length.size()));
  } else if (length.empty()) {
    length.push_back(0);
  }
  Append(out, length);
  Append(out, content);
}

// The places in a certificate that no function of OpenSSL shows as they were written.
struct Anatomy {
  DerElement tbs;
  DerElement serial;
  ByteView before_serial;
  ByteView after_serial;
  ByteView after_tbs;
};

std::optional<Anatomy> Dissect(ByteView der) {
  DerReader outer(der);
  const auto certificate = outer.NextIf(kDerSequence);
  if (!certificate || !outer.empty()) return std::nullopt;
  DerReader inside(certificate->content);
  const auto tbs = inside.NextIf(kDerSequence);
  if (!tbs) return std::nullopt;
  DerReader fields(tbs->content);
  fields.NextIf(kExplicitVersion);
  const std::size_t version_size = tbs->content.size() - fields.rest().size();
  const auto serial = fields.NextIf(kDerInteger);
  if (!serial) return std::nullopt;
  return Anatomy{.tbs = *tbs,
                 .serial = *serial,
                 .before_serial = tbs->content.first(version_size),
                 .after_serial = fields.rest(),
                 .after_tbs = inside.rest()};
}

bool IsPadded(ByteView integer) {
  return integer.size() > 1 &&
         ((integer[0] == 0x00 && integer[1] < 0x80) || (integer[0] == 0xff && integer[1] >= 0x80));
}

class Notes {
 public:
  void Add(std::string_view id, std::string detail) {
    if (std::ranges::find(list_, id, &CertificateNote::id) != list_.end()) return;
    list_.push_back({.id = std::string(id), .detail = std::move(detail)});
  }
  CertificateNotes Take() { return std::move(list_); }

 private:
  CertificateNotes list_;
};

// Go and Python refuse what is not DER; OpenSSL reads it.
//   set_order         Nuvoton NPCT6xx: issuer and SAN are one RDN of three attributes in
//                     the order of writing (python-cryptography: InvalidSetOrdering)
//   length_not_minimal, boolean   no vendor known; BER allows both
void NoteEncoding(ByteView der, int depth, Notes& notes) {
  DerReader in(der);
  while (!in.empty() && depth < kMaxDepth) {
    const auto element = in.Next();
    if (!element) return;
    if (!element->minimal_length) {
      notes.Add("certificate.length_not_minimal", "a length takes more bytes than it needs");
    }
    if (element->tag == kDerBoolean && element->content.size() == 1 &&
        element->content[0] != 0x00 && element->content[0] != 0xff) {
      notes.Add("certificate.boolean",
                fmt::format("TRUE is written as {:02x}", element->content[0]));
    }
    if (element->tag == kDerSet) {
      DerReader members(element->content);
      ByteView previous;
      while (const auto member = members.Next()) {
        if (std::ranges::lexicographical_compare(member->whole, previous)) {
          notes.Add("certificate.set_order", "the members of a SET are not in the order of DER");
        }
        previous = member->whole;
      }
    }
    if ((element->tag & kConstructed) != 0) NoteEncoding(element->content, depth + 1, notes);
  }
}

// Nuvoton and STMicroelectronics (see WithMinimalSerial); AMD's firmware TPMs have random
// serial numbers of which half are negative, which Go refuses since 1.23.
void NoteSerial(ByteView serial, Notes& notes) {
  if (IsPadded(serial)) {
    notes.Add("certificate.serial_not_minimal",
              fmt::format("the serial number begins with a needless {:02x}", serial[0]));
  }
  if (!serial.empty() && serial[0] >= 0x80) {
    notes.Add("certificate.serial_negative", "the serial number is negative");
  }
  if (std::ranges::all_of(serial, [](std::uint8_t byte) { return byte == 0; })) {
    notes.Add("certificate.serial_zero", "the serial number is zero");
  }
  if (serial.size() > kMaxSerialBytes) {
    notes.Add("certificate.serial_long",
              fmt::format("the serial number takes {} bytes, 20 are allowed", serial.size()));
  }
}

// AMD and Intel write out values that are the default: "critical FALSE" and "CA FALSE"
// (python-cryptography: EncodedDefault). Infineon and TCG's own example count no unused
// bits in keyUsage, swtpm adds a byte of zeros.
void NoteExtensions(const Certificate& certificate, ByteView tbs, Notes& notes) {
  for (const Extension& extension : certificate.extensions()) {
    NoteEncoding(extension.value, 0, notes);
    DerReader in(extension.value);
    if (extension.oid == kBasicConstraintsOid) {
      const auto constraints = in.NextIf(kDerSequence);
      if (constraints && Equal(constraints->content, Bytes{0x01, 0x01, 0x00})) {
        notes.Add("certificate.default_encoded", "basicConstraints says cA FALSE");
      }
    }
    if (extension.oid == kKeyUsageOid) {
      const auto bits = in.NextIf(kDerBitString);
      if (bits && bits->content.size() >= 2 &&
          (bits->content.back() & (1U << (bits->content[0] & 7U))) == 0) {
        notes.Add("certificate.key_usage_not_minimal", "keyUsage has bits behind its last one");
      }
    }
    if (extension.oid == kAltNameOid && !extension.critical && certificate.subject().empty()) {
      notes.Add("certificate.alternative_name_not_critical",
                "there is no subject, and the alternative name is not critical");
    }
  }
  constexpr std::array<std::uint8_t, 3> kFalse = {0x01, 0x01, 0x00};
  constexpr std::uint8_t kExplicitExtensions = 0xa3;
  DerReader fields(tbs);
  while (const auto field = fields.Next()) {
    if (field->tag != kExplicitExtensions) continue;
    DerReader wrapper(field->content);
    const auto list = wrapper.NextIf(kDerSequence);
    DerReader extensions(list ? list->content : ByteView());
    while (const auto extension = extensions.NextIf(kDerSequence)) {
      DerReader members(extension->content);
      members.NextIf(kDerOid);
      const auto critical = members.NextIf(kDerBoolean);
      if (critical && Equal(critical->whole, kFalse)) {
        notes.Add("certificate.default_encoded", "an extension says critical FALSE");
      }
    }
  }
}

// RFC 5280, 4.1.2.5: UTCTime with seconds and Z up to 2049, GeneralizedTime from 2050.
// A time without seconds or with an offset is one all the same.
void NoteTime(const ASN1_TIME* time, Notes& notes) {
  const ByteView content(ASN1_STRING_get0_data(time),
                         static_cast<std::size_t>(ASN1_STRING_length(time)));
  const bool utc = ASN1_STRING_type(time) == V_ASN1_UTCTIME;
  const std::string_view text = AsText(content);
  const bool strict = text.ends_with('Z') && text.size() == (utc ? 13U : 15U);
  if (!strict || (!utc && text < "2050")) {
    notes.Add("certificate.time_form",
              fmt::format("the time {} is not written as X.509 wants it", EscapeForDisplay(text)));
  }
}

// Nuvoton's AIA names a file with blanks in it.
void NoteUris(const Certificate& certificate, Notes& notes) {
  std::vector<std::string> uris = certificate.authority_information();
  std::ranges::copy(certificate.crl_distribution_points(), std::back_inserter(uris));
  for (const std::string& uri : uris) {
    if (uri.find_first_of(" <>\"{}|\\^`") == std::string::npos && uri.contains(':')) continue;
    notes.Add("certificate.uri", fmt::format("'{}' is no URI", uri));
  }
}

}  // namespace

std::optional<LenientForm> WithMinimalSerial(ByteView der) {
  const std::optional<Anatomy> anatomy = Dissect(der);
  if (!anatomy || !IsPadded(anatomy->serial.content)) return std::nullopt;
  ByteView serial = anatomy->serial.content;
  while (IsPadded(serial)) serial = serial.subspan(1);
  Bytes fields = ToBytes(anatomy->before_serial);
  AppendElement(fields, kDerInteger, serial);
  Append(fields, anatomy->after_serial);
  Bytes content;
  AppendElement(content, kDerSequence, fields);
  Append(content, anatomy->after_tbs);
  LenientForm form{.der = {}, .signed_part = anatomy->tbs.whole};
  AppendElement(form.der, kDerSequence, content);
  return form;
}

CertificateNotes NotesOn(const Certificate& certificate) {
  const ErrorQueueScope scope;
  Notes notes;
  const Certificate::Impl& impl = certificate.impl();
  const std::optional<Anatomy> anatomy = Dissect(impl.der);
  if (anatomy) {
    NoteSerial(anatomy->serial.content, notes);
    NoteEncoding(impl.der, 0, notes);
  }
  NoteExtensions(certificate, anatomy ? anatomy->tbs.content : ByteView(), notes);
  NoteTime(X509_get0_notBefore(impl.x509.get()), notes);
  NoteTime(X509_get0_notAfter(impl.x509.get()), notes);
  NoteUris(certificate, notes);
  if (certificate.key_algorithm() == "rsaesOaep") {
    // Infineon SLB9635, ST33ZP24 and NPCT6xx: the profile of TPM 1.2 wanted it.
    notes.Add("certificate.key_algorithm",
              "the key is marked as one for RSAES-OAEP, as the profile of TPM 1.2 wanted it");
  }
  if (certificate.signature_algorithm().starts_with("sha1") ||
      certificate.signature_algorithm() == "ecdsa-with-SHA1") {
    notes.Add("certificate.sha1", "the certificate is signed with SHA-1");
  }
  return notes.Take();
}

}  // namespace limequat::crypto
