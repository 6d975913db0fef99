#pragma once

#include <chrono>
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
  // A file that keeps what was hashed so far, from which another run with the same hashes and
  // selection goes on; "": none. It is there afterwards, too: remove it when what was made of
  // the tree is safe.
  std::filesystem::path journal{};
  std::size_t journal_files = 4'000'000;  // beyond them it keeps nothing; 200 bytes of memory each
  // Files that changed less than this before the run are not kept in it: their file system may
  // have coarse times, and another write would not show.
  std::chrono::milliseconds settled{2000};
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
  std::uint64_t resumed = 0;  // files whose digests the journal had
  // Why the journal does not keep all that was hashed; "" if it does.
  std::string journal_problem{};
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
// listed; errors of the journal ("collect.journal"): kPermissionDenied if others can write
// it, kConflict if it is in use or of another choice, kMalformed if it is none. `progress` is
// called from the calling thread, about ten times a second and once at the end; while the tree is
// walked, totals grow and nothing is hashed. Files whose digests the journal has do not count.
Result<Tree> HashTree(const TreeOptions& options,
                      const std::function<void(const Progress&)>& progress = {});

}  // namespace limequat::collect
