#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "limequat/eventlog/verify.h"

// Data that the profile defines, so that a digest tells what it is of whatever the log
// says.
namespace limequat::eventlog {

// What a separator says: that the boot goes on, or that the firmware had an error.
enum class Separator : std::uint8_t { kNormal, kError };

// Whether the event is a separator by its digest: 00000000 or ffffffff, or the error
// value 1 (PFP 1.06, 10.4.1: EV_SEPARATOR).
std::optional<Separator> SeparatorOf(const VerifiedEvent& event);

// The text of EV_EFI_ACTION that the profile defines and the digest is of, or nullopt
// (PFP 1.06, 10.4.4.3).
std::optional<std::string_view> ActionOf(const VerifiedEvent& event);

// These texts.
inline constexpr std::string_view kActionBoot = "Calling EFI Application from Boot Option";
inline constexpr std::string_view kActionReturn = "Returning from EFI Application from Boot Option";
inline constexpr std::string_view kActionExit = "Exit Boot Services Invocation";
inline constexpr std::string_view kActionExitFailed = "Exit Boot Services Returned with Failure";
inline constexpr std::string_view kActionExitDone = "Exit Boot Services Returned with Success";
inline constexpr std::string_view kActionDebug = "UEFI Debug Mode";
inline constexpr std::string_view kActionNoDma = "DMA Protection Disabled";
inline constexpr std::string_view kActionSetup = "Entering ROM Based Setup";

// The data if the digest is the hash of it, or of all but its last byte: then without
// that byte (MeasuredPart::kAllButLast has the story).
std::optional<ByteView> MeasuredDataOf(const VerifiedEvent& event);

}  // namespace limequat::eventlog
