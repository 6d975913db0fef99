#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/ima/buffer.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

namespace {

bool HasItsDigest(const ima::Entry& entry, Appraisal& out) {
  constexpr std::string_view kCheck = "ima.buffer_digest";
  switch (ima::CheckBufferDigest(entry)) {
    case ima::BufferDigest::kMatches:
      return true;
    case ima::BufferDigest::kDiffers:
      AddFailure(entry, kCheck,
                 fmt::format("{} is not the digest of the buffer '{}' beside it",
                             FileDigestOf(entry), PathOf(entry)),
                 out);
      return false;
    case ima::BufferDigest::kUnknownAlgorithm:
      break;
  }
  AddAbout(entry,
           NotEvaluated(kCheck, fmt::format("the buffer '{}' has a digest ({}) that cannot be "
                                            "computed here",
                                            PathOf(entry), FileDigestOf(entry))),
           out);
  return false;
}

void Learn(const ima::Entry& entry, Result<ima::Key> key, Learned& learned, Appraisal& out) {
  // Nothing behind another PCR is quoted (attack A06); the entry has failed for it.
  if (entry.pcr != tpm::kImaPcr) return;
  Status added = key ? learned.keys.Add(*std::move(key), entry.path) : Status(key.error());
  if (added) return;
  AddAbout(entry,
           NotEvaluated("ima.key",
                        fmt::format("the key {} for keyring '{}' is listed, but cannot "
                                    "be used: {}",
                                    FileDigestOf(entry), PathOf(entry), added.error().message)),
           out);
}

void AppraiseKey(const ima::Entry& entry, Result<ima::Key> key, const policy::PolicyAt& policy,
                 Learned& learned, Appraisal& out) {
  const policy::PathAnswer answer = policy.LookKey(entry.path, entry.file_digest);
  if (answer == policy::PathAnswer::kListed) {
    Learn(entry, std::move(key), learned, out);
    return;
  }
  AddUnlisted(entry,
              Failed("ima.key", fmt::format("a key ({}) was added to keyring '{}'; the policy {}",
                                            FileDigestOf(entry), PathOf(entry),
                                            answer == policy::PathAnswer::kUnknownPath
                                                ? "lists no keys for that keyring"
                                                : "lists other keys for that keyring")),
              {}, out);
}

}  // namespace

void AppraiseBuffer(const ima::Entry& entry, const policy::PolicyAt& policy, Learned& learned,
                    Appraisal& out) {
  Result<ima::Key> key = ima::ParseKey(entry.buffer);
  const bool is_key = ima::HoldsKey(entry, key);
  if (is_key && policy.IgnoresKeyring(entry.path)) return;
  if (!HasItsDigest(entry, out)) return;
  if (is_key) return AppraiseKey(entry, std::move(key), policy, learned, out);
  if (policy.device_mapper() != nullptr && IsDeviceMapperEvent(entry)) {
    return AppraiseDeviceMapper(entry, policy, learned, out);
  }
  const policy::PathAnswer answer = policy.LookBuffer(entry.path, entry.file_digest);
  if (answer == policy::PathAnswer::kListed) return;
  AddUnlisted(
      entry,
      Failed("ima.buffer", fmt::format("the kernel measured the buffer '{}' ({}); the policy {}",
                                       PathOf(entry), FileDigestOf(entry),
                                       answer == policy::PathAnswer::kUnknownPath
                                           ? "does not know this name"
                                           : "lists other digests for this name")),
      {}, out);
}

}  // namespace limequat::appraise
