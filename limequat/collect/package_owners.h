#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"

namespace limequat::collect {

// A file whose package is asked for.
struct OwnedFile {
  std::string path;                      // as the kernel's list names it
  std::optional<crypto::Digest> digest;  // of what ran, if it is known
};

// What the package has at the path, against what ran.
enum class OwnedContent : std::uint8_t {
  kUnknown,  // a database of packages names files only
  kSame,
  kOther,
};

// "openssl 3.0.17-1~deb12u2" of a database, "openssl_3.0.17-1_amd64.deb" of a file; hostile.
struct Owner {
  std::string package;
  OwnedContent content = OwnedContent::kUnknown;
};

inline constexpr std::size_t kMaxPackageDatabaseFile = 64U << 20U;
inline constexpr std::size_t kMaxPackageDatabase = 512U << 20U;  // all files together
inline constexpr std::size_t kMaxPackages = 100'000;             // whose lists of files are read

// The packages that install `files`, in the order of these; nothing for a file of none. A source
// is a Debian or RPM package, or the root of a system with dpkg's database, for example "/" or
// where an image is unpacked. Of several sources that have a file, the first counts, but one that
// has it with the same content counts before all others. What is in /bin, /sbin or /lib* for a
// package is looked for below /usr as well.
//
// Whoever makes a source says what it holds: what is told here is for people to find their way,
// and no reason to trust a file.
//
// Of a root: kNotFound, kPermissionDenied ("collect.owners.root") if its database cannot be opened,
// which is looked for without following links, kUnavailable ("collect.read") if it cannot be read;
// kMalformed ("collect.owners.too_long") beyond the bounds above. Of a package: the errors of
// HashPackage. Hostile input: the sources. Memory is that of HashPackage, or the longest file of a
// database and twice the versions in it.
Result<std::vector<std::optional<Owner>>> FindOwners(std::span<const std::filesystem::path> sources,
                                                     std::span<const OwnedFile> files);

}  // namespace limequat::collect
