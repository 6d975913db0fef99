#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"

namespace limequat::eventlog {

// Limits of an image; beyond them it is malformed.
inline constexpr std::size_t kMaxPeSections = 256;
inline constexpr std::size_t kMaxPePadding = 1U << 20U;

// A section of an image, as it is loaded: `data` and then zeros up to its size in memory.
struct PeSection {
  std::string name;  // up to eight bytes; hostile
  ByteView data;
  std::size_t zeros = 0;
  crypto::Digest Hash(crypto::HashAlgorithm algorithm) const;
};

// An image that UEFI firmware starts: PE32 or PE32+ (Microsoft's specification of the
// format, revision 11). Reads a file and says what a machine that starts it measures, before
// one does. Points into the file. Nothing vouches for it: its signatures are not looked at.
class PeImage {
 public:
  // kMalformed ("eventlog.pe_image") with what is wrong: headers, sections or certificates
  // that the file does not hold, sections that are larger in all than the file, more than
  // kMaxPeSections, or kMaxPePadding zeros to add to one. Hostile input; memory: 64 bytes
  // for each section.
  static Result<PeImage> Parse(ByteView file);

  // In the order of their headers.
  const std::vector<PeSection>& sections() const { return sections_; }
  // nullptr if there is none of that name.
  const PeSection* Find(std::string_view name) const;

  // The Authenticode hash: what the firmware extends PCR 4 with when it starts the image
  // (PFP 1.06, 2.3.4.5). It leaves out the checksum and the signatures, so it is the same
  // before and after signing, as long as the signer had not to pad the file.
  crypto::Digest Authenticode(crypto::HashAlgorithm algorithm) const;

 private:
  PeImage() = default;
  Status ReadHeaders(ByteView file);
  Status ReadSections(ByteView table, std::size_t count);
  Status CheckSizes();

  ByteView file_;
  std::size_t headers_ = 0;        // SizeOfHeaders
  std::size_t checksum_ = 0;       // where it lies
  std::size_t directory_ = 0;      // where the entry of the certificates lies; 0: none
  std::size_t certificates_ = 0;   // their size, at the end of the file
  std::vector<ByteView> in_file_;  // of the sections, by their place in the file
  std::size_t hashed_ = 0;         // headers and sections
  std::vector<PeSection> sections_;
};

// The sections of a unified kernel image that systemd-stub measures into PCR 11, in its
// order (UAPI.5); the name is measured with its NUL in front of the content. Which of them
// a stub knows depends on its version: those before 254 do not measure .uname and .sbat.
// Empty if the image has no section .linux: it is none.
std::vector<const PeSection*> MeasuredSections(const PeImage& image);

// What systemd-stub measures of a section's name: the hash of it with its NUL.
crypto::Digest HashSectionName(std::string_view name, crypto::HashAlgorithm algorithm);

// The names of those sections, in that order.
const std::vector<std::string_view>& UnifiedImageSections();

}  // namespace limequat::eventlog
