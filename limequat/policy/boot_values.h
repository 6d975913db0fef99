#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/guid.h"
#include "limequat/policy/expression.h"

namespace limequat::policy {

// Boot reference values: what machines may boot, for all boot paths (docs/boot-policy.md).
// One JSON object with this kind and version; it can be signed as runtime policies are.
inline constexpr std::string_view kBootValuesKind = "limequat-boot-reference";
inline constexpr std::uint64_t kBootValuesVersion = 1;
// The type under which it is signed: no runtime policy is taken for it, nor it for one.
inline constexpr std::string_view kBootValuesPayloadType =
    "application/vnd.limequat.boot-reference+json";

// Limits; beyond them a document is refused ("policy.limit").
inline constexpr std::size_t kMaxBootValuesBytes = 16U << 20U;
inline constexpr std::size_t kMaxBootValuesKernels = 1024;
inline constexpr std::size_t kMaxBootValuesExpressions = 1024;
inline constexpr std::size_t kMaxBootValuesName = 256;

// How the machines start their kernels. It says which evidence a boot must have.
enum class BootValuesPath : std::uint8_t {
  kShimGrub,      // "shim-grub": commands of GRUB in PCR 8, its files in PCR 9
  kSystemdBoot,   // "systemd-boot": a loader in PCR 4, command lines in PCR 12
  kUnifiedImage,  // "uki": unified kernel images
  kEfiStub,       // "efi-stub": the firmware starts the kernel's EFI stub
  kNetboot,       // "netboot": what the firmware fetched, by any loader
};
// Its name in a document.
std::string_view BootValuesPathName(BootValuesPath path);

// A digest with a name, and maybe a version, for people: neither decides anything.
struct NamedDigest {
  std::string name;
  std::string version;
  crypto::Digest digest{crypto::HashAlgorithm::kSha256};
};

// A text that is good: this one, or all that the expression matches as a whole.
struct TextRule {
  std::string text;                              // of the text or the expression
  std::shared_ptr<const Expression> expression;  // nullptr: exactly the text
};

// One good firmware: the values of PCR 0 and, if they are given, of PCRs 1, 2, 3 and 6.
struct BootValuesFirmware {
  std::string model;    // of the machine, as it was enrolled; "": of every machine
  std::string version;  // for people
  std::vector<std::pair<std::uint32_t, crypto::Digest>> pcrs;
};

// What PCR 7 has to show. Keys are as SignatureName writes them.
struct BootValuesSecureBoot {
  bool required = true;  // if not, nothing else is here, and nothing of PCR 7 is compared
  std::vector<std::string> pk;
  std::vector<std::string> kek;
  std::vector<std::string> db;
  std::vector<std::string> dbx;  // all of them must be there; a machine may have more
  // Every other event of PCR 7: who allowed an image to run, SbatLevel, actions.
  std::vector<NamedDigest> events;
};

// A section of a unified kernel image, by the digest of its content.
struct BootValuesSection {
  std::string name;  // ".linux"
  crypto::Digest digest{crypto::HashAlgorithm::kSha256};
};

// One kernel and what goes with it.
struct BootValuesKernel {
  std::string name;
  std::string version;
  // Authenticode digests in PCR 4: of the kernel or unified image, and of the kernel in it
  // where that is started as an image of its own. All of them, and no other.
  std::vector<crypto::Digest> images;
  std::optional<crypto::Digest> file;  // as GRUB read it (PCR 9)
  // The images hold initrd and command line: PCR 9 follows from them and is not compared.
  bool unified = false;
  std::vector<crypto::Digest> initrds;  // one of them, if there are any
  std::vector<TextRule> command_lines;  // every measured one must be among them
  // Command lines of which only the digest is known, as the EFI stub measures it (PCR 9).
  std::vector<crypto::Digest> load_options;
  std::vector<BootValuesSection> sections;  // of PCR 11, in order; none: not compared
};

// A record of systemd's log of user space that is good: by text, expression or digest.
struct BootValuesRecord {
  std::uint32_t pcr = 0;
  TextRule text;
  std::optional<crypto::Digest> digest;  // then there is no text
};

// What machines may boot. Every digest is of `algorithm`.
struct BootValues {
  crypto::Digest hash{crypto::HashAlgorithm::kSha256};  // of the text it was read from
  std::string name;
  std::uint64_t release = 0;
  crypto::HashAlgorithm algorithm = crypto::HashAlgorithm::kSha256;
  BootValuesPath path = BootValuesPath::kShimGrub;
  bool any_firmware = false;
  std::vector<BootValuesFirmware> firmware;
  BootValuesSecureBoot secure_boot;
  // Whether PCR 5 must show that the firmware's services were left. False for firmware that
  // does not log it.
  bool exit_boot_services = true;
  std::vector<NamedDigest> loaders;
  std::vector<BootValuesKernel> kernels;
  std::vector<NamedDigest> files;                      // other files of PCR 9
  std::optional<std::vector<TextRule>> grub_commands;  // absent: not compared
  std::vector<NamedDigest> machine_owner_lists;        // PCR 14
  // PCR 12 and 13: credentials, extensions, and what else has no text.
  std::vector<NamedDigest> additions;
  std::vector<BootValuesRecord> user_space;

  // kMalformed: "policy.json", "policy.boot_values" (a member that is absent, of another
  // type, unknown or contradicts another one; with its place), "policy.expression",
  // "policy.limit". Hostile input; memory is linear in it but for the expressions, which
  // have a limit of their own (kMaxCompiledCommandLines).
  static Result<BootValues> Parse(std::string_view json);
};

// Whether `text` is a JSON object of this kind, of whatever version. Hostile input.
bool IsBootValues(std::string_view text);

// The document. Parse gives back what was written, but for the hash. No line feed.
std::string WriteBootValues(const BootValues& values);

// How an entry of PK, KEK, db or dbx is written: "x509:" and the SHA-256 of the
// certificate, "sha256:" and the digest that it is, or its type and the SHA-256 of its
// data. Its owner decides nothing and is left out.
std::string SignatureName(const eventlog::Guid& type, const eventlog::SignatureData& entry);

}  // namespace limequat::policy
