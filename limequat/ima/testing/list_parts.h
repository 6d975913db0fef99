#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/byte_reader.h"
#include "limequat/base/bytes.h"

// What lists of tests are put together from.
namespace limequat::ima::testing {

inline const std::string kFileDigest(64, 'a');
inline const std::string kTemplateDigest(40, '1');

// One line of an ASCII list, in parts that a test can exchange.
struct Line {
  std::string pcr = "10";
  std::string digest = kTemplateDigest;
  std::string name = "ima-ng";
  std::string fields = "sha256:" + kFileDigest + " /usr/bin/true";

  std::string text() const { return pcr + " " + digest + " " + name + " " + fields + "\n"; }
};

// The fields of template data, as the kernel lays them out.
inline Bytes DigestField(std::string_view algorithm, ByteView digest) {
  ByteWriter out;
  out.Raw(AsBytes(algorithm)).U8(':').U8(0).Raw(digest);
  return out.Take();
}
inline Bytes NameField(std::string_view name) {
  ByteWriter out;
  out.Raw(AsBytes(name)).U8(0);
  return out.Take();
}
inline Bytes TemplateData(const std::vector<Bytes>& fields) {
  ByteWriter out;
  for (const Bytes& field : fields) out.SizedU32Le(field);
  return out.Take();
}

}  // namespace limequat::ima::testing
