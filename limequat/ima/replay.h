#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/entry.h"
#include "limequat/ima/list.h"

namespace limequat::ima {

// How a kernel extends a bank: with the hash of the template data in the bank's own
// algorithm, or, where it cannot compute that (kernels before 5.8, missing modules),
// with the SHA-1 hash padded with zero bytes. The same for all entries of one boot
// (attack A08).
enum class TemplateDigests : std::uint8_t { kNative, kZeroPadded };
std::string_view TemplateDigestsName(TemplateDigests kind);  // "native", "zero-padded"

// The template digest that `bank` was extended with for `entry`, computed from its
// template data, so that a replay covers what the entry says; ff...ff for a violation.
crypto::Digest TemplateDigest(const Entry& entry, crypto::HashAlgorithm bank, TemplateDigests kind);

// The same, taking the list's word where it has one: the stated digest, in the bank of
// SHA-1 or SHA-2 whose size it has, unless CheckStatedDigest finds it to be of another
// algorithm, and, if it is a SHA-1, padded or not, in zero-padded banks. For looking at a
// list (`limequat inspect ima` reports what the list says of itself). Verifies
// nothing: template data can be exchanged without a trace in the result.
crypto::Digest StatedTemplateDigest(const Entry& entry, crypto::HashAlgorithm bank,
                                    TemplateDigests kind);

// Whether the digest that the list states for `entry` is the hash of its template data, in
// any algorithm of a bank that has its length and that OpenSSL has (20 bytes SHA-1, 32
// SHA-256, SM3 or SHA3-256, ...), or its SHA-1 hash padded with zero bytes, or zero for a
// violation. Per-bank lists (Linux 6.12) state what each bank was extended with. One hash is
// computed for a good list of SHA-1 or SHA-2, three at most. A claim: what is trusted is the
// PCR.
enum class StatedDigest { kMatches, kDiffers, kUnknownLength };
StatedDigest CheckStatedDigest(const Entry& entry);

// The running value of PCR 10 in one bank. A value: copies are snapshots.
class Replay {
 public:
  Replay(crypto::HashAlgorithm bank, TemplateDigests kind) : kind_(kind), pcr_(bank) {}
  // Goes on from a value that a verified quote covered.
  Replay(const crypto::Digest& pcr, std::uint64_t entries, TemplateDigests kind)
      : kind_(kind), pcr_(pcr), entries_(entries) {}

  // Entries for other PCRs are counted, they do not change the value.
  void Extend(const Entry& entry);
  // With StatedTemplateDigest: for looking, not for verifying.
  void ExtendAsStated(const Entry& entry);

  const crypto::Digest& pcr() const { return pcr_; }
  std::uint64_t entries() const { return entries_; }
  TemplateDigests kind() const { return kind_; }

 private:
  void ExtendWith(const Entry& entry, const crypto::Digest& template_digest);

  TemplateDigests kind_;
  crypto::Digest pcr_;
  std::uint64_t entries_ = 0;
};

// Finds how many leading entries of `list` (its first entry is number
// `start.entries()`) lead from `start` to `quoted`; 0 if `start` is there already.
// The *longest* prefix is not searched: PCR values do not repeat unless the hash is
// broken. nullopt if none does. Parse errors behind the match are ignored (nothing
// unquoted may have an effect, attack A06), before it they are returned. Memory: that
// of a ListReader, whatever the list's size.
//
// Lines of the ASCII form are taken as they look. To read the entries again, give a ListReader
// the whole list, not this part of it, and stop at `bytes`: what is behind a line decides whether
// it is joined.
struct Prefix {
  std::uint64_t entries = 0;  // from the list's beginning
  std::size_t bytes = 0;      // offset behind the last of them
  TemplateDigests kind = TemplateDigests::kNative;
  LineFeeds line_feeds = LineFeeds::kAsTheyLook;
};
Result<std::optional<Prefix>> FindQuotedPrefix(ByteView list, Format format, Replay start,
                                               const crypto::Digest& quoted);

// The same with LineFeeds::kByDigest, from any of `starts`, which have the same number of
// entries: for ASCII lists that do not lead there as they look, because a name in them looks
// like a record. The list is read once, with a hash for each entry more than FindQuotedPrefix
// from each start costs. Of the binary form, and of a list that cannot be read: nullopt.
std::optional<Prefix> FindQuotedPrefixByDigests(ByteView list, Format format,
                                                std::span<const Replay> starts,
                                                const crypto::Digest& quoted);

// FindQuotedPrefix from one start after the other, then by digests. The error is that of
// FindQuotedPrefix. A list that leads nowhere costs about twice what the former cost.
Result<std::optional<Prefix>> FindQuotedPrefixEitherWay(ByteView list, Format format,
                                                        std::span<const Replay> starts,
                                                        const crypto::Digest& quoted);

}  // namespace limequat::ima
