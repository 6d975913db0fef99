#pragma once

#include <cstdint>

// What is measured into which PCR: PCRs 0-7 by the TCG PC Client Platform Firmware Profile,
// 3.3.4, the others by the boot loaders and stubs that use them.
namespace limequat::eventlog {

// Drivers and option ROMs that are not the platform's.
inline constexpr std::uint32_t kDriverPcr = 2;
// What the firmware starts: boot loaders, kernels that are images of their own.
inline constexpr std::uint32_t kLoaderPcr = 4;
// What that was started with: partition tables, and when the firmware's services were left.
inline constexpr std::uint32_t kLoaderConfigPcr = 5;
// The configuration of Secure Boot, and the authorities that were used.
inline constexpr std::uint32_t kSecureBootPcr = 7;
// Commands of GRUB, the command line of the kernel among them.
inline constexpr std::uint32_t kGrubPcr = 8;
// Files that GRUB read; initrd and options of Linux's EFI stub.
inline constexpr std::uint32_t kFilePcr = 9;
// Sections of a unified kernel image (systemd-stub), phases of the boot (systemd).
inline constexpr std::uint32_t kUnifiedImagePcr = 11;
// Command lines and credentials (systemd-boot, systemd-stub).
inline constexpr std::uint32_t kCommandLinePcr = 12;
// System and configuration extensions that systemd-stub adds to an initrd.
inline constexpr std::uint32_t kExtensionPcr = 13;
// Keys and lists of the machine's owner (shim).
inline constexpr std::uint32_t kMokPcr = 14;

}  // namespace limequat::eventlog
