#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/list.h"
#include "limequat/policy/exclude_list.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

// What is taken out of lists.
struct ListDigestsOptions {
  // PCR 10 of one bank out of a tpm::VerifiedQuote. Absent: nobody vouches for the list.
  std::optional<crypto::Digest> pcr{};
  // Of paths that these match nothing is taken; may be null.
  const ExcludeList* excludes = nullptr;
  // SHA-1 digests of files too: two files with the same one can be made.
  bool allow_sha1 = false;
  // Keys that the kernel measured as they were added to its keyrings. Whoever is held to the
  // policy then trusts them to sign files.
  bool keys = false;
  // None of those that were added to one of these.
  std::span<const std::string> ignored_keyrings{};
  // All other buffers that the kernel measured.
  bool buffers = false;
};

// How many reasons of ListDigests::left_out are kept.
inline constexpr std::size_t kMaxLeftOut = 1000;

// What lists say of files, as a runtime policy lists it.
struct ListDigests {
  PolicyAdditions found{};
  std::uint64_t entries = 0;  // that were read
  // Entries whose path an expression matches, and keys of keyrings that are ignored.
  std::uint64_t excluded = 0;
  // Bytes behind the quoted state: never looked at (attack A06).
  std::uint64_t unquoted_bytes = 0;
  // Entries that a policy cannot have, or must not have for this reason:
  // "NAME: REASON", escaped; the first kMaxLeftOut.
  std::vector<std::string> left_out{};
  std::uint64_t left_out_not_kept = 0;
};

// AddListDigests adds to `out` what the entries of `list` say of files, and of keys and other
// buffers if they are asked for: with `options.pcr`, the entries that lead to it (native or
// zero-padded template digests), and nothing else of the list has an effect (attack A06); without,
// all of them.
//
// Left out, and told: violations (the TPM vouches for no word of them, attack A09), entries
// for another PCR, a second boot_aggregate (another kernel was started, attack A04), custom
// templates, digests that are not of files or not of SHA-2 (see allow_sha1) or not those of
// the buffer beside them, names that do not show as they are or hold blanks. Left out
// silently: boot_aggregate in its place, and buffers that are not asked for. A policy made of it
// accepts what that machine ran, no more: whether it was good is for whoever says so.
//
// Hostile input. Errors: those of ima::ListReader; kUntrusted ("policy.learn.replay") if no
// prefix of the list leads to the PCR, or an empty one does (attack A02), and
// ("policy.learn.template_digest") for an entry whose stated digest is not that of its data.
// After an error `out` is as it was.
Status AddListDigests(ByteView list, ima::Format format, const ListDigestsOptions& options,
                      ListDigests& out);

}  // namespace limequat::policy
