#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/collect/archive.h"
#include "limequat/collect/selection_internal.h"
#include "limequat/collect/stream_internal.h"
#include "limequat/collect/tree.h"
#include "limequat/crypto/digest.h"

namespace limequat::collect {

// Internal to this module: the files of an archive as they come, hard links put
// together. What an archive holds of a name last is what it has.
class ArchiveFiles {
 public:
  explicit ArchiveFiles(const ArchiveOptions& options);

  // A regular file with its content. Names of the same `identity` are one file;
  // empty: a file of its own. One without content has that of an earlier or later name.
  // kMalformed ("collect.archive.too_large") beyond the bounds.
  Status Take(std::string_view name, std::uint32_t mode, const std::string& identity,
              ByteStream& content);
  // A further name of the file that was taken with the identity `target`, mostly without
  // content. If there is none, it is noted as unreadable.
  Status TakeLink(std::string_view name, std::uint32_t mode, const std::string& target,
                  ByteStream& content);

  std::size_t size() const { return by_path_.size(); }
  // Names are listed below /usr, too (see HashPackage).
  enum class Usr { kAsNamed, kBoth };
  Tree ToTree(Usr usr) &&;

 private:
  struct File {
    Wanted wanted = Wanted::kIfElf;
    bool is_elf = false;
    bool has_content = false;
    std::vector<crypto::Digest> digests;
  };
  // The path on the machine, or nullopt (and a note) if it leads out.
  std::optional<std::string> PathOf(std::string_view name);
  Status Add(std::string path, std::uint32_t mode, std::size_t index, ByteStream& content);
  Status Hash(ByteStream& content, File& file);

  const ArchiveOptions& options_;
  std::vector<crypto::Hasher> hashers_;
  std::vector<File> files_;
  std::map<std::string, std::size_t, std::less<>> by_path_;
  std::unordered_map<std::string, std::size_t> by_identity_;
  std::vector<std::string> unreadable_;
  std::uint64_t bytes_ = 0;
};

}  // namespace limequat::collect
