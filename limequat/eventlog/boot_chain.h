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
// Views point into the log.
struct BootChain {
  // Every event of PCR 4 that is not proven to be anything else (a separator, an action
  // of the profile, its own data if that is too short for an image). Digests are Authenticode
  // hashes: firmware applications, boot loaders, kernels. A false type cannot hide an image.
  std::vector<MeasuredObject> images;
  // The same of PCR 2: drivers and option ROMs that are not the platform's.
  std::vector<MeasuredObject> drivers;
  std::vector<MeasuredText> grub_commands;         // PCR 8
  std::vector<MeasuredText> kernel_command_lines;  // PCR 8 (GRUB), 12 (systemd-stub)
  // Files that GRUB read, initrd and options of Linux's EFI stub (PCR 9).
  std::vector<MeasuredObject> files;
  // Sections of a unified kernel image (PCR 11), their names and contents in turn.
  std::vector<MeasuredObject> image_sections;
  // Lists that shim took from variables (PCR 14).
  std::vector<MeasuredObject> machine_owner_lists;
  bool exit_boot_services = false;  // "Exit Boot Services Invocation" in PCR 5
};

struct BootChainReading {
  Findings findings;
  BootChain chain;
};

// Reads the chain. The finding "eventlog.kernel" fails if PCR 4 shows no image at all:
// an operating system that runs was then started without being measured, however good
// Secure Boot looks in PCR 7 (attack A21). Not evaluated if PCR 4 is not covered.
// Which images are good is a policy's question.
BootChainReading ReadBootChain(const VerifiedLog& log);

}  // namespace limequat::eventlog
