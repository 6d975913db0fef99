#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/collect/tree.h"
#include "limequat/crypto/digest.h"

namespace limequat::collect {

// What an archive may unpack to; beyond that it is refused as malformed.
inline constexpr std::size_t kMaxArchiveFiles = 1'000'000;
inline constexpr std::uint64_t kMaxUnpackedBytes = std::uint64_t{64} << 30U;

struct ArchiveOptions {
  std::filesystem::path file{};
  Selection selection = Selection::kAll;
  std::vector<crypto::HashAlgorithm> algorithms{crypto::HashAlgorithm::kSha256};
  std::size_t max_files = kMaxArchiveFiles;
  std::uint64_t max_bytes = kMaxUnpackedBytes;
};

// Both read an archive front to back without unpacking it anywhere: memory is the
// names and digests. Only regular files count; one with several names is listed under
// each. Names that lead out of the archive ("..") are listed in Tree::unreadable.
// Nothing is verified: the digests are as good as the source of the archive.
//
// kNotFound, kPermissionDenied ("collect.archive.open"); kMalformed
// ("collect.archive.*") if it cannot be read to its end, is cut short, or is too large;
// kUnsupported ("collect.archive.kind") if it is something else. Hostile input: the
// archive. `progress` counts bytes of the archive itself.

// An initial RAM file system as Linux unpacks it: cpio archives ("newc") one behind
// another, plain or compressed (gzip, bzip2, xz, lzma, lz4, zstd), with zeros between
// them; a file that comes twice has the content that came last. Behind xz, lz4 and zstd the
// library that unpacks them expects more of the same: another part there is an error. Microcode,
// which the kernel takes from the archive and no file system ever shows, is left out.
Result<Tree> HashInitrd(const ArchiveOptions& options,
                        const std::function<void(const Progress&)>& progress = {});

// A Debian (.deb) or RPM package: the files it installs. What lies in /bin, /sbin or
// /lib* of the package is listed below /usr as well, because distributions have moved
// these folders and their packages have not all followed.
Result<Tree> HashPackage(const ArchiveOptions& options,
                         const std::function<void(const Progress&)>& progress = {});

}  // namespace limequat::collect
