#include "limequat/crypto/stored_certificate.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/der.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

namespace {

// TCG PC Client Implementation for BIOS 1.2, 7.4.
constexpr std::uint16_t kStoredCertificateTag = 0x1001;
constexpr std::uint16_t kFullCertificateTag = 0x1002;
constexpr std::uint8_t kFullCertificateType = 0;
constexpr std::size_t kMinCertificate = 64;  // shorter than any

// Makers that moved from TPM 1.2 kept its structure around the certificate; NPCT6xx is
// the one that is met. A size that reaches beyond the content is not believed.
std::optional<ByteView> WithoutTcgHeader(ByteView content) {
  ByteReader in(content);
  const auto tag = in.U16Be("tag");
  const auto type = in.U8("certType");
  const auto size = in.U16Be("certSize");
  if (!tag || !type || !size || *tag != kStoredCertificateTag || *type != kFullCertificateType) {
    return std::nullopt;
  }
  const auto inside = in.Take(*size, "cert");
  if (!inside) return std::nullopt;
  ByteReader full(*inside);
  const auto full_tag = full.U16Be("tag");
  return full_tag && *full_tag == kFullCertificateTag ? full.rest() : *inside;
}

// A SEQUENCE that is whole and not empty: what is inside is for others to see.
bool BeginsWithSequence(ByteView bytes) {
  DerReader in(bytes);
  const auto sequence = in.NextIf(kDerSequence);
  return sequence && !sequence->content.empty();
}

// Reads through software that keeps the TPM2B_MAX_NV_BUFFER around the data, or writes
// its own size before it: two or four bytes, which name no more than there is.
std::optional<ByteView> WithoutLengthPrefix(ByteView content) {
  for (const std::size_t width : {std::size_t{2}, std::size_t{4}}) {
    if (content.size() < width + kMinCertificate) return std::nullopt;
    if (!BeginsWithSequence(content.subspan(width))) continue;
    std::size_t big = 0;
    std::size_t little = 0;
    for (std::size_t i = 0; i < width; ++i) {
      big = (big << 8U) | content[i];
      little = (little << 8U) | content[width - 1 - i];
    }
    const ByteView inside = content.subspan(width);
    const std::size_t least = DerReader(inside).Next()->whole.size();
    for (const std::size_t size : {big, little}) {
      if (size >= least && size <= inside.size()) return inside.first(size);
    }
  }
  return std::nullopt;
}

// Indices of a chain that are padded each: how many zeros or ones are at the front.
std::size_t PaddingBefore(ByteView rest) {
  if (rest.empty() || (rest[0] != 0x00 && rest[0] != 0xff)) return 0;
  const auto end = std::ranges::find_if(rest, [&](std::uint8_t byte) { return byte != rest[0]; });
  return static_cast<std::size_t>(end - rest.begin());
}

bool IsPadding(ByteView rest) {
  return std::ranges::all_of(rest, [&](std::uint8_t byte) { return byte == rest[0]; });
}

void NoteRest(ByteView rest, CertificateNotes& notes) {
  if (rest.empty()) return;
  if (IsPadding(rest)) {
    notes.push_back({.id = "certificate.padding",
                     .detail = fmt::format("{} bytes {:02x} follow", rest.size(), rest[0])});
    return;
  }
  notes.push_back(
      {.id = "certificate.trailing", .detail = fmt::format("{} other bytes follow", rest.size())});
}

// Base64 of DER in one line or many, of either alphabet, with or without padding.
std::optional<Bytes> DecodeText(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == ' ' || c == '\t') continue;
    plain.push_back(c == '-' ? '+' : c == '_' ? '/' : c);
  }
  if (plain.size() < kMinCertificate) return std::nullopt;
  while (plain.size() % 4 != 0) plain.push_back('=');
  Result<Bytes> der = Base64Decode(plain);
  if (!der) return std::nullopt;
  return *std::move(der);
}

Error NoCertificate() {
  return Malformed("crypto.certificate.der", "the file does not begin with a certificate");
}

void Merge(CertificateNotes notes, CertificateNotes& into) {
  std::ranges::move(notes, std::back_inserter(into));
}

// The certificates of NV content; the first of all must be readable.
Status AddContent(ByteView content, StoredCertificates& stored) {
  NvCertificates found = SplitNvCertificates(content);
  Merge(std::move(found.notes), stored.notes);
  if (found.der.empty() && stored.certificates.empty()) return NoCertificate();
  if (found.der.empty()) {
    stored.notes.push_back({.id = "certificate.chain_unreadable",
                            .detail = "a PEM block behind the first holds no certificate"});
  }
  for (const ByteView der : found.der) {
    Result<Certificate> certificate = Certificate::FromVendorDer(der);
    if (certificate) {
      stored.certificates.push_back(*std::move(certificate));
      continue;
    }
    if (stored.certificates.empty()) return std::move(certificate).error();
    stored.notes.push_back({.id = "certificate.chain_unreadable",
                            .detail = fmt::format("a certificate of {} bytes behind the first: {}",
                                                  der.size(), certificate.error().message)});
  }
  return {};
}

Result<StoredCertificates> ReadPem(std::string_view text, std::size_t limit) {
  StoredCertificates stored;
  PemBlocks blocks(text);
  PemBlock block;
  PemBlocks::Step step = PemBlocks::Step::kEnd;
  while (stored.certificates.size() < limit &&
         (step = blocks.Next(block)) == PemBlocks::Step::kBlock) {
    if (block.label != "CERTIFICATE" && block.label != "X509 CERTIFICATE") continue;
    LQ_RETURN_IF_ERROR(AddContent(block.der, stored));
  }
  if (stored.certificates.empty()) {
    return Malformed("crypto.certificate.pem", "no readable PEM block \"CERTIFICATE\"");
  }
  if (step == PemBlocks::Step::kDamaged) {
    stored.notes.push_back({.id = "certificate.chain_unreadable",
                            .detail = "a PEM block behind the first is damaged"});
  }
  return stored;
}

}  // namespace

NvCertificates SplitNvCertificates(ByteView content) {
  NvCertificates found;
  ByteView rest = content;
  if (const auto inside = WithoutTcgHeader(content)) {
    rest = *inside;
    found.notes.push_back({.id = "certificate.tcg_header",
                           .detail = "the certificate is inside a TCG_PCCLIENT_STORED_CERT"});
  } else if (const auto prefixed = WithoutLengthPrefix(content)) {
    rest = *prefixed;
    found.notes.push_back(
        {.id = "certificate.length_prefix",
         .detail = fmt::format("a size of {} bytes comes first",
                               static_cast<std::size_t>(rest.data() - content.data()))});
  }
  const std::size_t behind =
      content.size() - static_cast<std::size_t>(rest.data() - content.data()) - rest.size();
  const ByteView outside = content.last(behind);
  while (found.der.size() < kMaxNvCertificates) {
    const std::size_t padding = PaddingBefore(rest);
    if (!BeginsWithSequence(rest.subspan(padding))) break;
    if (padding != 0) {
      found.notes.push_back(
          {.id = "certificate.padding",
           .detail = fmt::format("{} bytes {:02x} come before a certificate", padding, rest[0])});
    }
    found.der.push_back(DerReader(rest.subspan(padding)).Next()->whole);
    rest = rest.subspan(padding + found.der.back().size());
  }
  if (found.der.empty()) return {};
  NoteRest(rest, found.notes);
  NoteRest(outside, found.notes);
  return found;
}

Result<StoredCertificates> ReadStoredCertificates(ByteView bytes, std::size_t limit) {
  const std::string_view text = AsText(bytes);
  if (!BeginsWithSequence(bytes) && text.contains("-----BEGIN")) return ReadPem(text, limit);
  StoredCertificates stored;
  const std::optional<Bytes> decoded = DecodeText(text);
  LQ_RETURN_IF_ERROR(AddContent(decoded ? ByteView(*decoded) : bytes, stored));
  return stored;
}

}  // namespace limequat::crypto
