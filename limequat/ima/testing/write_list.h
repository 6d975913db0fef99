#pragma once

#include <cstdint>
#include <string>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/ima/entry.h"

namespace limequat::ima::testing {

// The text of a field as a kernel shows it.
inline std::string FieldText(const FieldValue& value) {
  std::uint64_t number = 0;
  switch (value.field) {
    case Field::kN:
    case Field::kNNg:
    case Field::kXattrNames:
      return std::string(
          AsText(value.bytes).substr(0, value.bytes.empty() ? 0 : value.bytes.size() - 1));
    case Field::kDNg:
    case Field::kDNgV2:
    case Field::kDModsig: {
      const NamedDigest digest = DigestOf(value);
      if (digest.algorithm.empty()) return "";
      std::string text(digest.type);
      if (!text.empty()) text += ":";
      return text.append(digest.algorithm) + ":" + HexEncode(digest.digest);
    }
    case Field::kUid:
    case Field::kGid:
    case Field::kMode:
      if (value.bytes.empty()) return "";
      for (std::size_t i = value.bytes.size(); i-- > 0;) number = number << 8U | value.bytes[i];
      return std::to_string(number);
    default:
      return HexEncode(value.bytes);
  }
}

// The line of an ASCII list, and the record of a binary one, that a kernel writes for
// `entry`.
inline std::string AsciiForm(const Entry& entry) {
  std::string line = (entry.pcr < 10 ? " " : "") + std::to_string(entry.pcr) + " " +
                     HexEncode(entry.template_digest) + " " + std::string(entry.template_name);
  for (const FieldValue& value : entry.fields) line += " " + FieldText(value);
  return line + "\n";
}

inline Bytes BinaryForm(const Entry& entry) {
  ByteWriter record;
  record.U32Le(entry.pcr).Raw(entry.template_digest).SizedU32Le(AsBytes(entry.template_name));
  if (entry.template_name == "ima") {
    record.Raw(entry.file_digest).SizedU32Le(AsBytes(entry.path));
  } else {
    record.SizedU32Le(entry.template_data);
  }
  return record.Take();
}

}  // namespace limequat::ima::testing
