#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/event.h"
#include "limequat/json/value.h"

namespace limequat::eventlog {

// Which part of an event's data its digest is the hash of.
enum class MeasuredPart {
  kNothing,        // of something else (an image, a file), or of nothing we know
  kAll,            // of all of it
  kAllButLast,     // without the last byte: a NUL, or what shim and GRUB once counted
                   // too many of a C structure
  kVariableData,   // of a UEFI variable's data without its name (OVMF, PFP before 1.05)
  kTextBehindKey,  // of GRUB's text behind "grub_cmd: " or "kernel_cmdline: "
};
// "nothing", "all", "all_but_last", "variable_data", "text_behind_key".
std::string_view MeasuredPartName(MeasuredPart part);

// "kernel_cmdline: /vmlinuz …" (or with one blank, GRUB for TPM 1.2): the key and the
// text up to the NUL. nullopt if it begins with no key of GRUB's.
struct GrubText {
  std::string_view key;
  std::string_view text;
};
std::optional<GrubText> ParseGrubText(ByteView data);

// Finds the part whose hash is the digest. `is_digest_of` says whether the digest is
// the hash of some bytes; `type` decides only which parts are tried. What is found was
// measured, whatever the type.
MeasuredPart FindMeasuredPart(EventType type, ByteView data,
                              const std::function<bool(ByteView)>& is_digest_of);
// The same with the digest of the event in that bank; kNothing if it has none.
MeasuredPart FindMeasuredPart(const Event& event, crypto::HashAlgorithm bank);

// What the data of an event says, for people and tools that look at it. Members that
// the digest covers are in `measured`, the others in `untrusted`; both are empty if
// the data is not what the type promises. Text is escaped for display and never
// shortened; memory: at most 32 times the data and 4 KiB. Whether the digest itself is covered is
// another question (VerifiedLog).
struct Content {
  MeasuredPart part = MeasuredPart::kNothing;
  json::Object measured;
  json::Object untrusted;
};
Content DescribeContent(EventType type, ByteView data, MeasuredPart part);

}  // namespace limequat::eventlog
