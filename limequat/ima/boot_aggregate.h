#pragma once

#include <optional>
#include <string_view>

#include "limequat/base/finding.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/entry.h"
#include "limequat/tpm/pcr.h"

namespace limequat::ima {

// The name of the entry that binds a list to its boot.
inline constexpr std::string_view kBootAggregate = "boot_aggregate";

// A failed finding "ima.boot_aggregate" if this is no entry of a boot_aggregate, whatever its
// digest: every kernel begins its list with one, so a first entry that is none was left out or
// replaced (attack A01). nullopt if it is one.
std::optional<Finding> NotABootAggregate(const Entry& first);

// Checks the first entry of a boot (attack A01): it is `boot_aggregate`, and its
// digest is the hash over the quoted PCRs 0-7 or 0-9 of the bank of its own
// algorithm (kernels before 5.8 use 0-7, later ones 0-9 except for SHA-1). One
// finding "ima.boot_aggregate": failed if the values differ or the entry is another (of
// that name are also measured buffers, whose digest anyone chooses who may add a key);
// not evaluated if the bank it was made in is not in `quoted` or cannot be computed
// (Whirlpool, or SM3 where OpenSSL has none), or if the template has no digest. `quoted` must come
// from a VerifiedQuote.
Finding CheckBootAggregate(const Entry& first, const tpm::PcrValues& quoted);

// Whether it passes with a hash over PCRs 0-9 of this bank: then nobody has extended PCRs 8 and
// 9 of it since the kernel began to measure, and what they show was measured before any program
// ran. Kernels before 5.8, and boot_aggregates of SHA-1, bind PCRs 0-7 alone.
bool BindsLoaderPcrs(const Entry& first, const tpm::PcrValues& quoted, crypto::HashAlgorithm bank);

}  // namespace limequat::ima
