#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/verify.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {

// What no log says of itself.
struct BootValuesLabels {
  std::string model;             // of the machine; "": values for every machine
  std::string firmware_version;  // for people
  std::string kernel_name;       // for people; "": of what the log shows
  std::string kernel_version;
};

// Reference values made of a log.
struct MadeBootValues {
  BootValues values;
  // What the values could not cover, and what they ask for that the log does not show:
  // sentences that are safe to show.
  std::vector<std::string> notes;
};

// Makes reference values of one boot: what it did is good, and what its log hides is not.
// The boot is of a machine that its owner trusts. Only what the PCRs cover is taken; types
// and names decide what a digest is called and where it is put, so that a log that lies
// makes values that do not fit, or that its own boot alone fits.
//
// Errors: kUntrusted "policy.boot_values.log" (a PCR that the values need most is not
// covered), kUnsupported "policy.boot_values.chain" (no image, no kernel).
Result<MadeBootValues> MakeBootValues(const eventlog::VerifiedLog& log,
                                      const BootValuesLabels& labels);

// The next kernel, before a machine has booted it.
struct NewKernel {
  std::string name{};     // for people
  std::string version{};  // "": of the image, if it says so (.uname)
  // Empty: as the kernel that the values list last, and that is of the same kind.
  std::vector<crypto::Digest> initrds{};
  std::vector<std::string> command_lines{};
};

// Adds a kernel by its file: vmlinuz, or a unified kernel image (AddUnifiedImage). Where its
// digests go follows from the kernels that are there: a machine measures the next one as it
// measured the last. Sentences about what was taken over from that one come back.
// kMalformed as of PeImage::Parse, "policy.boot_values" (it is a unified image, or none).
// `file` may be hostile; nothing vouches for it.
Result<std::vector<std::string>> AddKernel(ByteView file, const NewKernel& kernel,
                                           BootValues& values);
Result<std::vector<std::string>> AddUnifiedImage(ByteView file, const NewKernel& kernel,
                                                 BootValues& values);

// Adds what is good by `other`: then both are, and each machine still needs all that either
// asks of dbx. The higher release counts. kConflict "policy.boot_values.merge": the two
// differ in what has one value (name, boot path, digest algorithm, whether Secure Boot is
// required or firmware compared); then `into` is undefined.
Status MergeBootValues(const BootValues& other, BootValues& into);
// The same of any number of documents, at least one: the document of all. Associative. Errors
// as of BootValues::Parse, too, with the number of the document, from 1. Hostile input.
Result<std::string> MergeBootValues(std::span<const std::string_view> documents);

}  // namespace limequat::policy
