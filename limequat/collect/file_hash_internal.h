#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/collect/selection_internal.h"
#include "limequat/crypto/digest.h"

namespace limequat::collect {

// Internal to this module: what makes two names one file.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

// Has the kernel begin to read a file that is hashed soon, while another one is: a disk works
// beside the processor. Nothing else comes of it, whatever the name is by now.
void ReadAhead(int folder, const std::string& name);

// Hashes files, one after another: buffer and contexts are kept. One for each thread.
class FileHasher {
 public:
  explicit FileHasher(std::span<const crypto::HashAlgorithm> algorithms);

  // The digests of the file `name` in `folder`, one for each algorithm; nullopt if it
  // is not wanted. `read` is called with the number of bytes after each piece.
  // kUnavailable ("collect.read") with the system's reason, for a link too;
  // kConflict ("collect.changed") if it is not the file it was, or is written to
  // meanwhile: such a digest belongs to no state the file was ever in.
  using Digests = std::vector<crypto::Digest>;
  Result<std::optional<Digests>> Hash(int folder, const std::string& name,
                                      const FileIdentity& expected, Wanted wanted,
                                      const std::function<void(std::uint64_t)>& read);

 private:
  // Feeds all of the file to the hashers; false if it is not wanted.
  enum class Fed { kYes, kNotWanted };
  Result<Fed> Feed(int fd, Wanted wanted, const std::function<void(std::uint64_t)>& read);
  Digests Finish();

  std::vector<crypto::Hasher> hashers_;
  Bytes buffer_;
};

}  // namespace limequat::collect
