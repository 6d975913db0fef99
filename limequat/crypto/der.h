#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::crypto {

// Tags of ASN.1 that certificates use (X.680, 8.4). Context tags are 0x80 + n, with
// 0x20 for constructed ones.
enum DerTag : std::uint8_t {
  kDerBoolean = 0x01,
  kDerInteger = 0x02,
  kDerBitString = 0x03,
  kDerOctetString = 0x04,
  kDerOid = 0x06,
  kDerEnumerated = 0x0a,
  kDerSequence = 0x30,
  kDerSet = 0x31,
};

// One element, as it stands in the input.
struct DerElement {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;               // with tag and length
  bool minimal_length = false;  // the length has no more bytes than it needs (X.690, 10.1)
};

// Walks over the elements of hostile bytes, front to back: the few structures that
// OpenSSL has no function for, or does not show as they were written. Lengths may be
// written in more bytes than they need, as BER allows; the indefinite length and tags
// above 30 are kMalformed ("crypto.der.*"), and so is an element that does not fit in
// what is left. A failed read consumes nothing. Nothing is copied.
class DerReader {
 public:
  explicit DerReader(ByteView input) : rest_(input) {}

  bool empty() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }
  Result<DerElement> Next();
  // The next element if it is whole and has `tag`.
  std::optional<DerElement> NextIf(std::uint8_t tag);

 private:
  ByteView rest_;
};

// Dotted text of the content of an OBJECT IDENTIFIER; kMalformed for one that is cut
// off, or with a number of more than 64 bits.
Result<std::string> DerOidText(ByteView content);

// The number in the content of an INTEGER or ENUMERATED; nullopt if it is negative or
// has more than 63 bits.
std::optional<std::uint64_t> DerNumber(ByteView content);

// The text of a character string of any of the types of DirectoryString, IA5String or
// VisibleString as UTF-8; nullopt for other types and for bytes that are no text of the
// type. T61String is taken as ISO 8859-1, which is what everybody wrote into it. Not
// escaped.
std::optional<std::string> DerText(const DerElement& element);

}  // namespace limequat::crypto
