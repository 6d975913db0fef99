#include "limequat/policy/list_digests.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/ima/buffer.h"
#include "limequat/ima/kernel_hash.h"
#include "limequat/ima/keyring.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/template.h"
#include "limequat/tpm/pcr.h"

namespace limequat::policy {

namespace {

constexpr std::string_view kWeak = "sha1";
constexpr std::size_t kShownName = 256;

// The part of the list that the quoted PCR covers.
Result<ima::Prefix> QuotedPart(ByteView list, ima::Format format, const crypto::Digest& pcr) {
  using ima::TemplateDigests;
  const std::array starts = {ima::Replay(pcr.algorithm(), TemplateDigests::kNative),
                             ima::Replay(pcr.algorithm(), TemplateDigests::kZeroPadded)};
  LQ_ASSIGN_OR_RETURN(const std::optional<ima::Prefix> found,
                      ima::FindQuotedPrefixEitherWay(list, format, starts, pcr));
  if (!found) {
    return Untrusted("policy.learn.replay", fmt::format("no part of the list leads to PCR {} = {}",
                                                        tpm::kImaPcr, pcr.hex()));
  }
  if (found->entries == 0) {
    return Untrusted("policy.learn.replay",
                     fmt::format("PCR {} is {}: nothing was measured", tpm::kImaPcr, pcr.hex()));
  }
  return *found;
}

class Collector {
 public:
  Collector(const ListDigestsOptions& options, ListDigests& out) : options_(options), out_(out) {}

  Status Take(const ima::Entry& entry) {
    ++out_.entries;
    // Whatever it says, nothing but the fact is covered.
    if (entry.violation) {
      LeaveOut(entry, "a violation: it changed while it was measured");
      return {};
    }
    if (ima::CheckStatedDigest(entry) != ima::StatedDigest::kMatches) {
      return Untrusted("policy.learn.template_digest",
                       fmt::format("entry {}: its template digest is not the hash of its data: "
                                   "the list was changed",
                                   entry.index));
    }
    if (entry.Find(ima::Field::kBuf) != nullptr) {
      TakeBuffer(entry);
    } else if (entry.index > 0 || entry.path != ima::kBootAggregate) {
      TakeFile(entry);
    }
    return {};
  }

 private:
  void TakeFile(const ima::Entry& entry) {
    const std::string_view reason = WhyNot(entry);
    if (!reason.empty()) return LeaveOut(entry, reason);
    if (options_.excludes != nullptr) {
      switch (options_.excludes->Match(entry.path)) {
        case Exclusion::kExcluded:
          ++out_.excluded;
          return;
        // As in an appraisal, it counts as not excluded.
        case Exclusion::kLimitHit:
        case Exclusion::kNo:
          break;
      }
    }
    Add(entry, out_.found.digests);
  }

  void TakeBuffer(const ima::Entry& entry) {
    const bool is_key = ima::HoldsKey(entry, ima::ParseKey(entry.buffer));
    if (!(is_key ? options_.keys : options_.buffers)) return;
    if (is_key && std::ranges::count(options_.ignored_keyrings, entry.path) > 0) {
      ++out_.excluded;
      return;
    }
    std::string_view reason = WhyNot(entry);
    // What is appraised is the buffer: under this digest it would be refused.
    if (reason.empty() && ima::CheckBufferDigest(entry) != ima::BufferDigest::kMatches) {
      reason = "its digest is not the one of the buffer beside it";
    }
    if (!reason.empty()) return LeaveOut(entry, reason);
    Add(entry, is_key ? out_.found.keyrings : out_.found.buffers);
  }

  static void Add(const ima::Entry& entry, DigestsByName& out) {
    out[std::string(entry.path)].insert(HexEncode(entry.file_digest));
  }

  // Empty if the policy can have it.
  std::string_view WhyNot(const ima::Entry& entry) const {
    if (entry.pcr != tpm::kImaPcr) return "measured into another PCR";
    if (entry.path == ima::kBootAggregate) return "a second one: another kernel was started";
    if (!ima::Template::IsKernels(entry.template_name)) {
      return "a custom template: nothing proves which field is the digest";
    }
    if (entry.path.empty() || entry.file_digest.empty()) return "no name or no digest";
    if (!entry.digest_type.empty() && entry.digest_type != "ima") {
      return "its digest is not one of a file's content";
    }
    if (entry.digest_algorithm == kWeak && !options_.allow_sha1) {
      return "a SHA-1 digest: weak, and not allowed (--allow-sha1-digests)";
    }
    if (entry.digest_algorithm != kWeak && !ima::IsStrongKernelHash(entry.digest_algorithm)) {
      return "no policy lists digests of this algorithm";
    }
    if (entry.path.size() > ima::kMaxName || EscapeForDisplay(entry.path) != entry.path ||
        entry.path.find(' ') != std::string_view::npos) {
      return "the name has characters that do not show as they are, or blanks";
    }
    return {};
  }

  void LeaveOut(const ima::Entry& entry, std::string_view reason) {
    if (out_.left_out.size() >= kMaxLeftOut) {
      ++out_.left_out_not_kept;
      return;
    }
    out_.left_out.push_back(
        fmt::format("{}: {}", EscapeForDisplay(entry.path, kShownName), reason));
  }

  const ListDigestsOptions& options_;
  ListDigests& out_;
};

}  // namespace

Status AddListDigests(ByteView list, ima::Format format, const ListDigestsOptions& options,
                      ListDigests& out) {
  ima::Prefix counted{.bytes = list.size()};
  if (options.pcr) {
    LQ_ASSIGN_OR_RETURN(counted, QuotedPart(list, format, *options.pcr));
  }
  ListDigests all = out;
  all.unquoted_bytes += list.size() - counted.bytes;
  Collector collector(options, all);
  ima::ListReader reader(list, format, counted.line_feeds);
  while (reader.offset() < counted.bytes) {
    LQ_ASSIGN_OR_RETURN(const std::optional<ima::Entry> entry, reader.Next());
    if (!entry) break;
    LQ_RETURN_IF_ERROR(collector.Take(*entry));
  }
  out = std::move(all);
  return {};
}

}  // namespace limequat::policy
