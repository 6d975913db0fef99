#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "limequat/base/result.h"
#include "limequat/collect/file_hash_internal.h"
#include "limequat/collect/folder_internal.h"
#include "limequat/collect/tree.h"
#include "limequat/crypto/digest.h"

namespace limequat::collect {

// Internal to this module: what a hashing run has done so far, so that one that was interrupted
// goes on from there.

inline constexpr std::size_t kMaxJournalLine = 2048;

// What tells that a file has not been written to since: a write changes the time of change,
// which nobody but the kernel sets.
struct FileState {
  FileIdentity identity;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // nanoseconds since 1970
  std::int64_t changed = 0;   // the same
  static FileState Of(const struct stat& status);
  friend bool operator==(const FileState&, const FileState&) = default;
};

// A file of lines, each with its own check: what a crash left half-written ends what is taken
// from it. Whoever can write to it decides what the digests are, so it must be a regular file
// of this user alone. Add may be called from several threads at once, Find beside it not.
class Journal {
 public:
  // Opens or makes the file. kPermissionDenied ("collect.journal") if it is not this user's
  // alone, or a link; kConflict (the same) if another run has it open or it was made with
  // another selection or other hashes; kMalformed (the same) for a file that is no journal;
  // kUnavailable (the same) if it cannot be read or written.
  static Result<std::unique_ptr<Journal>> Open(const std::filesystem::path& file,
                                               const TreeOptions& options);

  // The digests of a file in this state; nullptr if it was not hashed in it.
  const std::vector<crypto::Digest>* Find(const FileState& state) const;
  // Keeps files that were hashed; those that changed too lately (TreeOptions::settled) are
  // not kept, as a write in the same tick of the clock would not show.
  struct Hashed {
    const FileState& state;
    std::span<const crypto::Digest> digests;
  };
  void Add(std::span<const Hashed> files);
  const FileIdentity& identity() const { return identity_; }
  // Why files that were hashed are not all kept; "" if they are.
  std::string problem() const;

 private:
  struct Known {
    FileState state;
    std::vector<crypto::Digest> digests;
  };
  struct Opened {
    UniqueFd file;
    FileIdentity identity;
  };
  static Result<Opened> OpenFile(const std::filesystem::path& path);
  Journal(Opened opened, const TreeOptions& options);
  Status Read(std::string_view header);
  std::optional<Known> ParseLine(std::string_view line) const;
  Status Append(std::string_view text);

  UniqueFd file_;
  FileIdentity identity_;
  std::vector<crypto::HashAlgorithm> algorithms_;
  std::size_t limit_;
  std::int64_t settled_before_ = 0;
  std::map<FileIdentity, Known> known_;
  std::size_t kept_ = 0;
  std::string problem_;
  mutable std::mutex mutex_;
};

}  // namespace limequat::collect
