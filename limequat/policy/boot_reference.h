#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/guid.h"
#include "limequat/policy/expression.h"

namespace limequat::policy {

// Limits of a reference state; beyond them it is refused as malformed ("policy.limit").
inline constexpr std::size_t kMaxBootReferenceBytes = 16U << 20U;
inline constexpr std::size_t kMaxReferenceKernels = 1024;
inline constexpr std::size_t kMaxCommandLineExpression = 16384;
inline constexpr std::string_view kCommandLineKey = "kernel_cmdline: ";
inline constexpr std::size_t kMaxCompiledCommandLines = 32U << 20U;

// The digests of one thing in several banks; it is the thing if the digest of the bank
// that a quote covers is among them. Empty: nothing is.
using ReferenceDigests = std::vector<crypto::Digest>;
bool Contains(const ReferenceDigests& digests, const crypto::Digest& digest);

// An entry of PK, KEK, db, dbx or vendor_db.
struct ReferenceKey {
  eventlog::Guid owner;
  Bytes data;
};
// Story: tpm2-tools before 5.2 printed the bytes of a GUID in their order in memory, and
// reference states of that time have owners so. Who entered a key says nothing of what it
// may sign, so an owner may be either reading; the key must be the same.
bool IsEntry(const ReferenceKey& key, const eventlog::SignatureData& entry);

// One good firmware (scrtm_and_bios).
struct ReferenceFirmware {
  std::optional<ReferenceDigests> scrtm;
  std::optional<std::vector<ReferenceDigests>> platform_firmware;
};

// One good way from shim to a kernel (kernels); what is absent is not asked for.
struct ReferenceKernel {
  std::optional<crypto::Digest> shim;         // shim_authcode_sha256
  std::optional<crypto::Digest> grub;         // grub_authcode_sha256
  std::optional<crypto::Digest> kernel;       // kernel_authcode_sha256
  std::optional<crypto::Digest> kernel_file;  // vmlinuz_plain_sha256
  std::optional<crypto::Digest> initrd;       // initrd_plain_sha256
  // kernel_cmdline; nullptr: absent. It matches a command line with kCommandLineKey in front, as
  // Keylime has it: `^` means the place before the key, and flags such as `(?i)` are invalid.
  std::shared_ptr<const Expression> command_line;
  std::string command_line_text;
};

// A reference state of Keylime's measured boot (keylime-server-protocol, 6.5): what a
// machine may boot, as `create_mb_refstate` and `keylime-policy create measured-boot`
// write it. Those write what they find, and leave out what they do not: a member that is
// absent is absent here, and missing() tells which ones the policy `example` cannot do
// without. Members that nothing here evaluates are in unevaluated().
struct BootReference {
  // Of the bytes it was read from.
  crypto::Digest hash{crypto::HashAlgorithm::kSha256};
  bool has_secureboot = true;
  std::vector<ReferenceFirmware> scrtm_and_bios;
  std::vector<ReferenceKey> pk;
  std::vector<ReferenceKey> kek;
  std::vector<ReferenceKey> db;
  std::vector<ReferenceKey> dbx;
  std::vector<ReferenceKey> vendor_db;
  std::vector<ReferenceDigests> mokdig;
  std::vector<ReferenceDigests> mokxdig;
  std::vector<ReferenceKernel> kernels;

  // "kernels", "kernels[0].initrd_plain_sha256"
  std::vector<std::string> missing;
  // "events", "kernels[0].uki_authcode_sha256": escaped for display.
  std::vector<std::string> unevaluated;
  // It is empty, which Keylime takes for "not to be evaluated".
  bool says_nothing = false;

  // kMalformed: "policy.json" (no JSON), "policy.boot_reference" (a type, a digest, a key;
  // with the member), "policy.expression" (kernel_cmdline), "policy.limit". Empty text and
  // the values that Python takes for false are a reference that says nothing. Hostile
  // input; memory is linear in it but for the expressions, which have a limit of their
  // own.
  static Result<BootReference> Parse(std::string_view json);
};

}  // namespace limequat::policy
