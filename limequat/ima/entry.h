#pragma once

#include <cstdint>
#include <string_view>

#include "limequat/base/bytes.h"

namespace limequat::ima {

// One record of an IMA measurement list. The views are valid until the reader that
// gave it moves on. Only `template_data` is covered by what the TPM was extended
// with, and only once a quote covers the entry; every other member is read out of
// it or is a claim. All of it is hostile until then.
struct Entry {
  std::uint64_t index = 0;  // 0 for the first record of the list
  std::uint32_t pcr = 0;
  ByteView template_digest;           // as the list states it; not trusted, compared
  std::string_view template_name;     // "ima-ng", "ima-sig"
  std::string_view digest_algorithm;  // "sha256"; from the d-ng field, lower case as written
  ByteView file_digest;
  std::string_view path;   // n-ng field without its final NUL
  ByteView signature;      // sig field; empty if absent
  ByteView template_data;  // the bytes the template digests are computed over
  // The kernel marks a file that changed while it was measured (open writers,
  // ToMToU): the list shows a zero template digest, the TPM was extended with ff…ff.
  // The TPM then vouches for the fact alone, not for a word of the entry (attack A09).
  bool violation = false;
};

}  // namespace limequat::ima
