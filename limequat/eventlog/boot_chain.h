#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/event.h"
#include "limequat/eventlog/verify.h"

namespace limequat::eventlog {

// An event whose digest is of something that is not in the log: an image, a file.
struct MeasuredObject {
  std::uint64_t event = 0;
  crypto::Digest digest;
  EventType untrusted_type = EventType::kPrebootCert;
  // Its name: the path of a file (GRUB, PCR 9), "Linux initrd", "MokList".
  std::string_view untrusted_name;
  // Of images: a device path (FormatDevicePath).
  ByteView untrusted_device_path;
};

// A text that was measured itself: a command line, a command of GRUB.
struct MeasuredText {
  std::uint64_t event = 0;
  ByteView text;  // UTF-8, or UTF-16 as systemd-stub measures it
};

// What the covered PCRs prove about how an operating system was started. A member is
// empty if there is no such event or its PCR is not covered: look at pcrs of the log.
// Views point into the log. Memory: at most twelve times the log and 4 KiB.
struct BootChain {
  // Every event of PCR 4 that is not proven to be anything else (a separator, an action
  // of the profile, its own data if that is too short for an image). Digests are Authenticode
  // hashes: firmware applications, boot loaders, kernels. A false type cannot hide an image.
  std::vector<MeasuredObject> images;
  // The same of PCR 2: drivers and option ROMs that are not the platform's.
  std::vector<MeasuredObject> drivers;
  std::vector<MeasuredText> grub_commands;  // PCR 8
  // PCR 8 (GRUB, systemd-boot before version 251) and 12 (systemd-boot and -stub). A
  // text of PCR 8 that does not say what it is (no key of GRUB's) is among them.
  std::vector<MeasuredText> kernel_command_lines;
  // Every event of PCR 8 and 12 whose digest is not of a text that the log shows: what
  // systemd-stub adds to an initrd (credentials, extensions), or a command line that the
  // log hides. Who judges command lines must look here too.
  std::vector<MeasuredObject> unexplained;
  // Files that GRUB read, initrd and options of Linux's EFI stub (PCR 9).
  std::vector<MeasuredObject> files;
  // Sections of a unified kernel image (PCR 11), their names and contents in turn.
  std::vector<MeasuredObject> image_sections;
  // Lists that shim took from variables (PCR 14).
  std::vector<MeasuredObject> machine_owner_lists;
  bool exit_boot_services = false;  // "Exit Boot Services Invocation" in PCR 5
  bool shim = false;                // PCR 7 shows a variable of shim's: it ran
};

// What ReadBootChain found: the chain is filled as far as the log shows it, whatever the
// findings.
struct BootChainReading {
  Findings findings;
  BootChain chain;
};

// How a kernel was started, as far as the events tell.
enum class BootPath {
  kUnmeasured,    // no image in PCR 4
  kUnknown,       // images, and nothing that tells which they are
  kEfiStub,       // by firmware or a boot loader, whose options Linux's EFI stub measured
  kGrub,          // commands of GRUB in PCR 8
  kUnifiedImage,  // sections of a unified kernel image in PCR 11
};
// "unmeasured", "unknown", "efi_stub", "grub", "unified_image".
std::string_view BootPathName(BootPath path);
// For people to look at, not for policies: apart from kUnmeasured and kUnifiedImage the
// names of events decide, which nothing covers.
BootPath UntrustedPathOf(const BootChain& chain);

// Reads the chain. The finding "eventlog.kernel" fails
//   - if PCR 4 shows no image at all: an operating system that runs was then started
//     without being measured, however good Secure Boot looks in PCR 7 (attack A21);
//   - if it shows one while PCR 7 shows that shim ran, which measures what it starts: the
//     one is shim, or shim itself was not measured.
// Not evaluated if PCR 4 is not covered; shim is not seen if PCR 7 is not.
//
// It does NOT say that a kernel was measured. One image and nothing else is what a kernel
// leaves that the firmware starts and whose EFI stub measures nothing (guard-oss Haruhi,
// with Secure Boot on), and what a loader would leave that measured no kernel. Which
// images are good, and that a kernel is among them, is for reference values (boot.kernel).
BootChainReading ReadBootChain(const VerifiedLog& log);

}  // namespace limequat::eventlog
