#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "limequat/base/result.h"

namespace limequat::ima {

// What a record consists of besides PCR and template digest: the fields that Linux
// can put into a template (Documentation/security/IMA-templates). In template data a
// field is its size as 32-bit little-endian number and its bytes, except in the
// template `ima`.
enum class Field : std::uint8_t {
  kD,             // d: digest without a name, SHA-1 or MD5
  kN,             // n: name of at most 255 bytes, and a NUL
  kDNg,           // d-ng: algorithm, ':', NUL, digest
  kNNg,           // n-ng: name, NUL
  kSig,           // sig: the value of security.ima, or nothing
  kDNgV2,         // d-ngv2: type of digest, ':', and as d-ng
  kBuf,           // buf: the bytes of a measured buffer
  kDModsig,       // d-modsig: as d-ng, of the file without its appended signature; or nothing
  kModsig,        // modsig: the appended signature (PKCS #7, DER), or nothing
  kEvmSig,        // evmsig: the portable signature of security.evm, or nothing
  kXattrNames,    // xattrnames: names parted by '|', and a NUL; or nothing
  kXattrLengths,  // xattrlengths: 32-bit little-endian sizes
  kXattrValues,   // xattrvalues: the values one after the other
  kUid,           // iuid: owner, 32-bit little-endian; or nothing
  kGid,           // igid: group, 32-bit little-endian; or nothing
  kMode,          // imode: type and permissions, 16-bit little-endian; or nothing
};
std::string_view FieldName(Field field);  // "d-ng"

inline constexpr std::size_t kMaxFields = 15;  // of one template; the kernel's limit
// Of a template's name, or of the field list of a custom one, in bytes.
inline constexpr std::size_t kMaxTemplateName = 255;

// The fields of a template, in order.
class Template {
 public:
  // Templates of the kernel (`ima`, `ima-ng`, `ima-sig`, `ima-buf`, `ima-ngv2`,
  // `ima-sigv2`, `ima-modsig`, `evm-sig`), or the fields of a custom one as
  // `ima_template_fmt` has them ("d-ng|n-ng|sig"), which kernels show in the place of
  // the name. kUnsupported ("ima.template") with the escaped name for all others.
  static Result<Template> FromName(std::string_view name);

  std::span<const Field> fields() const { return std::span(fields_).first(count_); }
  bool Has(Field field) const;
  // `ima`, the oldest: fields have no sizes, its name is padded to 256 bytes in what is
  // hashed, and its binary form does not say how long it is.
  bool is_legacy() const { return is_legacy_; }
  // Whether `name` is one of the kernel's own. Nothing covers the name: no two of these
  // read the same template data differently in a way that a measured file could choose,
  // but of custom ones some do, "xattrvalues|n-ng|d-ng" for one.
  static bool IsKernels(std::string_view name);

  friend bool operator==(const Template&, const Template&) = default;

 private:
  friend class ListReader;
  Template() = default;

  std::array<Field, kMaxFields> fields_{};
  std::uint8_t count_ = 0;
  bool is_legacy_ = false;
};

}  // namespace limequat::ima
