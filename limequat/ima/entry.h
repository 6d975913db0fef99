#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/ima/template.h"

namespace limequat::ima {

// The bytes of a field as they are hashed, without the size in front of them.
struct FieldValue {
  Field field = Field::kD;
  ByteView bytes;
};

// The parts of a field that is a digest with its algorithm.
struct NamedDigest {
  std::string_view type;       // of d-ngv2: "ima", "verity"
  std::string_view algorithm;  // "sha256"
  ByteView digest;
};
// All empty if `value` is, or is no such field.
NamedDigest DigestOf(const FieldValue& value);

// One record of an IMA measurement list. The views are valid until the reader that
// gave it moves on. Only `template_data` is covered by what the TPM was extended
// with, and only once a quote covers the entry; every other member is read out of
// it or is a claim. All of it is hostile until then.
struct Entry {
  std::uint64_t index = 0;  // 0 for the first record of the list
  std::uint32_t pcr = 0;
  ByteView template_digest;        // as the list states it; not trusted, compared
  std::string_view template_name;  // "ima-ng", or the fields of a custom one: "d-ng|n-ng"
  // What the digest is of: "ima" the file, "verity" its fs-verity descriptor. Empty
  // where the template does not say, which means the file, or the buffer of `ima-buf`.
  std::string_view digest_type;
  // As the kernel calls it, lower case: "sha256", "sm3", "streebog512". Empty if the
  // template has no digest.
  std::string_view digest_algorithm;
  ByteView file_digest;
  std::string_view path;   // without its final NUL; of `ima-buf`, what was measured
  ByteView signature;      // sig field; empty if absent
  ByteView buffer;         // buf field: see buffer.h
  ByteView template_data;  // the bytes the template digests are computed over
  // Every field of the template, in order; each has been checked for its form. Where a
  // template has two digests or names, those above are of d-ngv2, d-ng, d and n-ng, n.
  std::span<const FieldValue> fields;
  // The kernel marks a file that changed while it was measured (open writers,
  // ToMToU): the list shows a zero template digest, the TPM was extended with ff…ff.
  // The TPM then vouches for the fact alone, not for a word of the entry (attack A09).
  bool violation = false;

  // The bytes of `field`; nullptr if the template does not have it.
  const FieldValue* Find(Field field) const {
    for (const FieldValue& value : fields) {
      if (value.field == field) return &value;
    }
    return nullptr;
  }
};

}  // namespace limequat::ima
