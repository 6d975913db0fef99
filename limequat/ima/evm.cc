#include "limequat/ima/evm.h"

#include <array>

#include "limequat/base/result_macros.h"
#include "limequat/ima/template_data.h"
#include "limequat/ima/xattrs.h"

namespace limequat::ima {

namespace {

// Inode number and generation, which a portable signature leaves out.
constexpr std::array<std::uint8_t, 12> kNoInode = {};
// The structure ends at a multiple of its largest member.
constexpr std::array<std::uint8_t, 2> kPadding = {};

Error CannotTell(std::string_view what) {
  return Unsupported("ima.evm", std::string("what EVM signed is not in the list: ").append(what));
}

}  // namespace

Result<crypto::Digest> PortableDigest(const Entry& entry, crypto::HashAlgorithm hash) {
  crypto::Hasher hasher(hash);
  bool has_ima = false;
  for (XattrReader reader(entry);;) {
    LQ_ASSIGN_OR_RETURN(const std::optional<Xattr> xattr, reader.Next());
    if (!xattr) break;
    has_ima = has_ima || xattr->name == kImaXattr;
    hasher.Update(xattr->value);
  }
  if (!has_ima) return CannotTell("the extended attribute security.ima");
  hasher.Update(kNoInode);
  for (const Field field : {Field::kUid, Field::kGid, Field::kMode}) {
    const FieldValue* value = entry.Find(field);
    if (value == nullptr || value->bytes.size() != NumberSize(field)) {
      return CannotTell("owner, group or mode");
    }
    hasher.Update(value->bytes);
  }
  return hasher.Update(kPadding).Finish();
}

}  // namespace limequat::ima
