#include "limequat/ima/boot_aggregate.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/kernel_hash.h"
#include "limequat/ima/template_data.h"

namespace limequat::ima {

namespace {

constexpr std::string_view kCheck = "ima.boot_aggregate";

// Firmware and boot loader; from Linux 5.8 on also what the boot loader measured of
// the kernel and its command line.
constexpr std::uint32_t kFirmwarePcrs = 8;
constexpr std::uint32_t kBootPcrs = 10;

// The hash over PCRs 0 to count - 1; nullopt if one of them is not quoted.
std::optional<crypto::Digest> Aggregate(const tpm::PcrValues& quoted, crypto::HashAlgorithm bank,
                                        std::uint32_t count) {
  crypto::Hasher hasher(bank);
  for (std::uint32_t pcr = 0; pcr < count; ++pcr) {
    const crypto::Digest* value = quoted.Find(bank, pcr);
    if (value == nullptr) return std::nullopt;
    hasher.Update(value->bytes());
  }
  return hasher.Finish();
}

Finding About(const Entry& entry, Finding finding) {
  finding.subject.path = std::string(kBootAggregate);
  finding.subject.event = entry.index;
  return finding;
}

}  // namespace

std::optional<Finding> NotABootAggregate(const Entry& first) {
  if (first.path != kBootAggregate) {
    return About(
        first, Failed(kCheck, fmt::format("the first entry of the list is '{}', not boot_aggregate",
                                          EscapeForDisplay(first.path, 256))));
  }
  if (first.violation) {
    return About(
        first,
        Failed(kCheck, "boot_aggregate is marked as a violation: nothing of it was measured"));
  }
  if (first.Find(Field::kBuf) != nullptr ||
      (first.digest_type != "" && first.digest_type != "ima")) {
    return About(first, Failed(kCheck, fmt::format("the entry named boot_aggregate is not one: its "
                                                   "template is {}, its digest of the kind '{}'",
                                                   EscapeForDisplay(first.template_name, 64),
                                                   EscapeForDisplay(first.digest_type, 32))));
  }
  return std::nullopt;
}

Finding CheckBootAggregate(const Entry& first, const tpm::PcrValues& quoted) {
  if (auto finding = NotABootAggregate(first)) return *std::move(finding);
  if (first.file_digest.empty()) {
    return About(first,
                 NotEvaluated(kCheck, fmt::format("entries of template {} have no digest",
                                                  EscapeForDisplay(first.template_name, 64))));
  }
  const auto bank = HashOfKernelName(first.digest_algorithm);
  if (!bank) {
    return About(
        first,
        NotEvaluated(kCheck,
                     fmt::format("boot_aggregate was made in a {} bank, which cannot be recomputed",
                                 EscapeForDisplay(first.digest_algorithm, 64))));
  }
  const auto firmware = Aggregate(quoted, *bank, kFirmwarePcrs);
  if (!firmware) {
    return About(
        first,
        NotEvaluated(
            kCheck,
            fmt::format("boot_aggregate was made in the {} bank, whose PCRs 0-7 are not quoted",
                        crypto::HashName(*bank))));
  }
  if (Equal(firmware->bytes(), first.file_digest)) {
    return About(first, Passed(kCheck, fmt::format("hash over PCRs 0-7 of the {} bank",
                                                   crypto::HashName(*bank))));
  }
  // Kernels never hash PCRs 8 and 9 into a SHA-1 aggregate.
  if (*bank != crypto::HashAlgorithm::kSha1) {
    const auto boot = Aggregate(quoted, *bank, kBootPcrs);
    if (!boot) {
      return About(first,
                   NotEvaluated(kCheck, fmt::format("boot_aggregate is not the hash over PCRs 0-7 "
                                                    "of the {} bank; PCRs 8 and 9 are not quoted",
                                                    crypto::HashName(*bank))));
    }
    if (Equal(boot->bytes(), first.file_digest)) {
      return About(first, Passed(kCheck, fmt::format("hash over PCRs 0-9 of the {} bank",
                                                     crypto::HashName(*bank))));
    }
  }
  if (IsAllZero(first.file_digest)) {
    return About(first, Failed(kCheck,
                               "boot_aggregate is zero: the kernel had no TPM when it began to "
                               "measure",
                               Cause::kConfiguration));
  }
  return About(
      first,
      Failed(
          kCheck,
          fmt::format(
              "boot_aggregate is {}, which is not the hash over the quoted {} PCRs of this boot: "
              "the list belongs to another boot, or was made by hand",
              HexEncode(first.file_digest), crypto::HashName(*bank))));
}

bool BindsLoaderPcrs(const Entry& first, const tpm::PcrValues& quoted, crypto::HashAlgorithm bank) {
  if (!CheckBootAggregate(first, quoted).passed()) return false;
  const auto aggregate = Aggregate(quoted, bank, kBootPcrs);
  return aggregate && Equal(aggregate->bytes(), first.file_digest);
}

}  // namespace limequat::ima
