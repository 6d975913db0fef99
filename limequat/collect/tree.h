#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"

namespace limequat::collect {

// Which regular files of a tree are hashed.
enum class Selection {
  kAll,
  kExecutable,  // with an execute bit, ELF files and kernel modules
};

struct TreeOptions {
  std::filesystem::path root{};  // what the machine knows as "/"
  Selection selection = Selection::kAll;
  std::vector<crypto::HashAlgorithm> algorithms{crypto::HashAlgorithm::kSha256};
  // Paths on the machine that are left out with everything below them: "/proc".
  std::vector<std::string> skip{};
  unsigned workers = 0;  // 0: as many as processors
};

struct HashedFile {
  std::string path;                     // on the machine: absolute, '/'-separated
  std::vector<crypto::Digest> digests;  // one for each algorithm, in the order asked
};

struct Progress {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t total_files = 0;
  std::uint64_t total_bytes = 0;
};

struct Tree {
  std::vector<HashedFile> files;  // in the order of their paths
  // Files and folders that could not be read or changed meanwhile, "PATH: REASON", in
  // order: a policy made without them would call good files unknown, so the caller
  // must say so.
  std::vector<std::string> unreadable;
};

// Hashes the regular files below a root, several at a time. Special files are left
// out; a file with several names is read once and listed under each.
//
// Symbolic links are not followed, neither out of the root nor inside it, not even if
// one takes a folder's place meanwhile. That is also what a policy needs: the kernel's
// list names the file itself as d_path resolves it, /usr/bin/x where /bin is a link to
// usr/bin, and /bin/busybox for each of its applets, never the link that was called.
//
// kNotFound, kPermissionDenied ("collect.root") if the root is no folder that can be
// listed. `progress` is called from the calling thread, about ten times a second and
// once at the end; while the tree is walked, totals grow and nothing is hashed.
Result<Tree> HashTree(const TreeOptions& options,
                      const std::function<void(const Progress&)>& progress = {});

}  // namespace limequat::collect
