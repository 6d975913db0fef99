#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/entry.h"

namespace limequat::ima {

// Holds the digest or the signature of the file.
inline constexpr std::string_view kImaXattr = "security.ima";

// An extended attribute; views point into the entry.
struct Xattr {
  std::string_view name;  // "security.selinux"
  ByteView value;
};

// Joins the fields xattrnames, xattrlengths and xattrvalues of an entry, without a copy:
// the extended attributes that EVM protects, in the order in which they are hashed. An
// entry without the fields has none. kMalformed ("ima.xattrs") if there are not as many
// names as sizes, a name is empty, or the sizes do not add up to the values; Next gives
// it again. Hostile input; trusted as far as the entry is.
class XattrReader {
 public:
  explicit XattrReader(const Entry& entry);

  // The next attribute; nullopt at the end.
  Result<std::optional<Xattr>> Next();

 private:
  std::optional<std::string_view> names_;  // nullopt: none is left
  ByteView lengths_;
  ByteView values_;
};

}  // namespace limequat::ima
