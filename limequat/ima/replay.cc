#include "limequat/ima/replay.h"

#include <algorithm>
#include <array>
#include <utility>

#include "limequat/base/check.h"
#include "limequat/ima/template_data.h"
#include "limequat/tpm/pcr.h"

namespace limequat::ima {

namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

// A digest of the bank's size that begins with `start` and goes on with `fill`.
Digest Filled(HashAlgorithm bank, ByteView start, std::uint8_t fill) {
  std::array<std::uint8_t, crypto::kMaxDigestSize> bytes;
  bytes.fill(fill);
  std::ranges::copy(start, bytes.begin());
  auto digest = Digest::FromBytes(bank, ByteView(bytes).first(crypto::DigestSize(bank)));
  LQ_CHECK(digest.has_value());
  return *digest;
}

std::optional<HashAlgorithm> HashOfSize(std::size_t size) {
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    if (crypto::DigestSize(hash) == size) return hash;
  }
  return std::nullopt;
}

}  // namespace

std::string_view TemplateDigestsName(TemplateDigests kind) {
  return kind == TemplateDigests::kNative ? "native" : "zero-padded";
}

Digest TemplateDigest(const Entry& entry, HashAlgorithm bank, TemplateDigests kind) {
  if (entry.violation) return Filled(bank, {}, 0xff);
  if (kind == TemplateDigests::kNative) return crypto::Hash(bank, entry.template_data);
  return Filled(bank, crypto::Hash(HashAlgorithm::kSha1, entry.template_data).bytes(), 0);
}

Digest StatedTemplateDigest(const Entry& entry, HashAlgorithm bank, TemplateDigests kind) {
  const auto stated = HashOfSize(entry.template_digest.size());
  if (!entry.violation && kind == TemplateDigests::kNative && stated == bank) {
    return Filled(bank, entry.template_digest, 0);
  }
  if (!entry.violation && kind == TemplateDigests::kZeroPadded && stated == HashAlgorithm::kSha1) {
    return Filled(bank, entry.template_digest, 0);
  }
  return TemplateDigest(entry, bank, kind);
}

StatedDigest CheckStatedDigest(const Entry& entry) {
  const auto hash = HashOfSize(entry.template_digest.size());
  if (!hash) return StatedDigest::kUnknownLength;
  if (IsAllZero(entry.template_digest)) return StatedDigest::kMatches;
  return Equal(crypto::Hash(*hash, entry.template_data).bytes(), entry.template_digest)
             ? StatedDigest::kMatches
             : StatedDigest::kDiffers;
}

void Replay::Extend(const Entry& entry) {
  if (entry.violation || kind_ != TemplateDigests::kNative) {
    ExtendWith(entry, TemplateDigest(entry, pcr_.algorithm(), kind_));
    return;
  }
  ++entries_;
  if (entry.pcr == tpm::kImaPcr) pcr_ = crypto::ExtendByHash(pcr_, entry.template_data);
}

void Replay::ExtendAsStated(const Entry& entry) {
  ExtendWith(entry, StatedTemplateDigest(entry, pcr_.algorithm(), kind_));
}

void Replay::ExtendWith(const Entry& entry, const Digest& template_digest) {
  ++entries_;
  if (entry.pcr == tpm::kImaPcr) pcr_ = crypto::Extend(pcr_, template_digest.bytes());
}

Result<std::optional<Prefix>> FindQuotedPrefix(ByteView list, Format format, Replay start,
                                               const Digest& quoted) {
  ListReader reader(list, format);
  reader.NumberFrom(start.entries());
  Replay replay = std::move(start);
  while (replay.pcr() != quoted) {
    const Result<std::optional<Entry>> entry = reader.Next();
    if (!entry) return entry.error();
    if (!*entry) return std::optional<Prefix>();
    replay.Extend(**entry);
  }
  return std::optional<Prefix>(Prefix{.entries = reader.index(), .bytes = reader.offset()});
}

}  // namespace limequat::ima
