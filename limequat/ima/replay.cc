#include "limequat/ima/replay.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

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

// Those that banks of TPMs use, SHA-2 in front of others of its size: a good list costs one
// hash for each entry.
constexpr std::array kHashesOfBanks = {HashAlgorithm::kSha1,     HashAlgorithm::kSha256,
                                       HashAlgorithm::kSha384,   HashAlgorithm::kSha512,
                                       HashAlgorithm::kSm3_256,  HashAlgorithm::kSha3_256,
                                       HashAlgorithm::kSha3_384, HashAlgorithm::kSha3_512};

constexpr std::size_t kSha1Size = 20;

// A stated digest without the zero bytes behind a SHA-1 hash. One of another algorithm that
// ends with twelve of them is not taken for what it is: nobody can make one.
ByteView WithoutPadding(ByteView stated) {
  const ByteView rest = stated.subspan(std::min(stated.size(), kSha1Size));
  return IsAllZero(rest) ? stated.first(stated.size() - rest.size()) : stated;
}

// The algorithm in which `stated` is the hash of `data`; nullopt if there is none.
std::optional<HashAlgorithm> HashOf(ByteView data, ByteView stated) {
  for (const HashAlgorithm hash : kHashesOfBanks) {
    if (crypto::DigestSize(hash) != stated.size()) continue;
    if (crypto::IsAvailable(hash) && Equal(crypto::Hash(hash, data).bytes(), stated)) return hash;
  }
  return std::nullopt;
}

std::optional<HashAlgorithm> Sha1OrSha2OfSize(std::size_t size) {
  for (const HashAlgorithm hash : kHashesOfBanks) {
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
  const ByteView stated = WithoutPadding(entry.template_digest);
  const HashAlgorithm wanted = kind == TemplateDigests::kNative ? bank : HashAlgorithm::kSha1;
  if (entry.violation || Sha1OrSha2OfSize(stated.size()) != wanted) {
    return TemplateDigest(entry, bank, kind);
  }
  // It may be of another algorithm of that size.
  const auto proven = stated.size() == kSha1Size ? wanted : HashOf(entry.template_data, stated);
  return proven.value_or(wanted) == wanted ? Filled(bank, stated, 0)
                                           : TemplateDigest(entry, bank, kind);
}

StatedDigest CheckStatedDigest(const Entry& entry) {
  if (!IsTemplateDigestSize(entry.template_digest.size())) return StatedDigest::kUnknownLength;
  if (IsAllZero(entry.template_digest)) return StatedDigest::kMatches;
  return HashOf(entry.template_data, WithoutPadding(entry.template_digest))
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
  return std::optional<Prefix>(
      Prefix{.entries = reader.index(), .bytes = reader.offset(), .kind = replay.kind()});
}

std::optional<Prefix> FindQuotedPrefixByDigests(ByteView list, Format format,
                                                std::span<const Replay> starts,
                                                const Digest& quoted) {
  if (format != Format::kAscii) return std::nullopt;
  ListReader reader(list, format, LineFeeds::kByDigest);
  std::vector<Replay> replays(starts.begin(), starts.end());
  while (true) {
    const auto there = std::ranges::find(replays, quoted, &Replay::pcr);
    if (there != replays.end()) {
      return Prefix{.entries = reader.index(),
                    .bytes = reader.offset(),
                    .kind = there->kind(),
                    .line_feeds = LineFeeds::kByDigest};
    }
    const Result<std::optional<Entry>> entry = reader.Next();
    if (!entry || !*entry) return std::nullopt;
    for (Replay& replay : replays) replay.Extend(**entry);
  }
}

Result<std::optional<Prefix>> FindQuotedPrefixEitherWay(ByteView list, Format format,
                                                        std::span<const Replay> starts,
                                                        const Digest& quoted) {
  Result<std::optional<Prefix>> found = std::optional<Prefix>();
  for (const Replay& start : starts) {
    found = FindQuotedPrefix(list, format, start, quoted);
    if (found && *found) return found;
  }
  auto by_digests = FindQuotedPrefixByDigests(list, format, starts, quoted);
  if (by_digests) return by_digests;
  return found;
}

}  // namespace limequat::ima
