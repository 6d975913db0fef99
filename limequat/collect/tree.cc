#include "limequat/collect/tree.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/collect/file_hash_internal.h"
#include "limequat/collect/folder_internal.h"
#include "limequat/collect/journal_internal.h"
#include "limequat/collect/selection_internal.h"
#include "limequat/collect/workers.h"

namespace limequat::collect {

namespace {

constexpr auto kProgressInterval = std::chrono::milliseconds(100);
// Files that a worker takes at once: mostly of one folder, which it opens once.
constexpr std::size_t kFilesAtOnce = 16;

using ProgressCallback = std::function<void(const Progress&)>;

// One file to read, under all of its names.
struct Job {
  std::vector<std::string> paths;  // on the machine
  std::size_t folder = 0;          // of the first name
  std::string name;                // in that folder
  FileState state;
  Wanted wanted = Wanted::kAlways;
  // What came out: a reason, or digests, or nothing for a file that is not wanted.
  std::vector<crypto::Digest> digests;
  std::string problem;
  bool resumed = false;  // the journal has its digests
};

struct Found {
  std::vector<std::string> folders;  // relative to the root: "usr/bin"
  std::vector<Job> jobs;
  std::vector<std::string> unreadable;
};

bool IsSkipped(std::string_view path, const std::vector<std::string>& skip) {
  return std::ranges::any_of(skip, [path](std::string_view prefix) {
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
  });
}

Result<UniqueFd> OpenRoot(const std::filesystem::path& root) {
  UniqueFd folder(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid()) return folder;
  std::string message = fmt::format("{}: {}", root.string(), Reason(errno));
  if (errno == EACCES || errno == EPERM)
    return PermissionDenied("collect.root", std::move(message));
  return NotFound("collect.root", std::move(message));
}

// Finds the files, folder by folder: no more than one is open at a time, however deep
// the tree is.
class Walk {
 public:
  Walk(const TreeOptions& options, const Journal* journal, int root,
       const ProgressCallback& progress)
      : options_(options), journal_(journal), root_(root), progress_(progress) {}

  Found Run() {
    found_.folders.emplace_back();
    for (std::size_t next = 0; next < found_.folders.size(); ++next) {
      List(next);
      Report();
    }
    return std::move(found_);
  }

 private:
  void List(std::size_t index) {
    const std::string relative = found_.folders[index];
    UniqueFd fd = OpenFolder(root_, relative, Access::kList);
    const OpenedFolder folder(fd.valid() ? fdopendir(fd.get()) : nullptr);
    if (folder == nullptr) return CannotRead("/" + relative);
    const int number = fd.Release();  // the folder closes it
    while (true) {
      errno = 0;
      // Each folder is read by this thread only.
      const dirent* entry = readdir(folder.get());  // NOLINT(concurrency-mt-unsafe)
      if (entry == nullptr) {
        if (errno != 0) CannotRead("/" + relative);
        return;
      }
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") Visit(index, number, std::string(name));
    }
  }

  void Visit(std::size_t folder, int fd, std::string name) {
    const std::string& within = found_.folders[folder];
    std::string relative = within.empty() ? name : fmt::format("{}/{}", within, name);
    std::string path = "/" + relative;
    if (IsSkipped(path, options_.skip)) return;
    struct stat status = {};
    if (fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return CannotRead(path);
    if (S_ISDIR(status.st_mode)) {
      found_.folders.push_back(std::move(relative));
    } else if (S_ISREG(status.st_mode)) {
      AddFile(folder, std::move(name), std::move(path), status);
    }
  }

  void AddFile(std::size_t folder, std::string name, std::string path, const struct stat& status) {
    const Wanted wanted = IsWanted(options_.selection, name, status.st_mode);
    const FileIdentity identity{status.st_dev, status.st_ino};
    if (journal_ != nullptr && identity == journal_->identity()) return;
    if (status.st_nlink > 1) {
      const auto [known, fresh] = links_.try_emplace(identity, found_.jobs.size());
      if (!fresh) {
        Job& job = found_.jobs[known->second];
        job.paths.push_back(std::move(path));
        if (wanted == Wanted::kAlways) job.wanted = wanted;
        return;
      }
    }
    Job job;
    job.paths.push_back(std::move(path));
    job.folder = folder;
    job.name = std::move(name);
    job.state = FileState::Of(status);
    job.wanted = wanted;
    Resume(job);
    if (!job.resumed) {
      ++total_files_;
      total_bytes_ += job.state.size;
    }
    found_.jobs.push_back(std::move(job));
  }

  void Resume(Job& job) const {
    const auto* digests = journal_ == nullptr ? nullptr : journal_->Find(job.state);
    if (digests == nullptr) return;
    job.digests = *digests;
    job.resumed = true;
  }

  void CannotRead(std::string_view path) {
    found_.unreadable.push_back(fmt::format("{}: {}", path, Reason(errno)));
  }

  void Report() {
    const auto now = std::chrono::steady_clock::now();
    if (!progress_ || now - reported_ < kProgressInterval) return;
    reported_ = now;
    progress_({.total_files = total_files_, .total_bytes = total_bytes_});
  }

  const TreeOptions& options_;
  const Journal* journal_;
  const int root_;
  const ProgressCallback& progress_;
  Found found_;
  std::map<FileIdentity, std::size_t> links_;  // of files with several names
  std::uint64_t total_files_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::chrono::steady_clock::time_point reported_ = std::chrono::steady_clock::now();
};

// Hashes all files with a bounded number of threads. Workers take jobs in order and
// write into nothing but the jobs they took.
class Pool {
 public:
  Pool(const TreeOptions& options, Journal* journal, int root, Found& found)
      : options_(options), journal_(journal), root_(root), found_(found) {
    for (const Job& job : found.jobs) {
      if (job.resumed) continue;
      ++total_.total_files;
      total_.total_bytes += job.state.size;
    }
  }

  void Run(const ProgressCallback& progress) {
    RunOnWorkers(
        options_.workers, [this] { Work(); },
        [&] {
          if (progress) progress(State());
        });
  }

 private:
  void Work() {
    FileHasher hasher(options_.algorithms);
    for (std::size_t first = next_.fetch_add(kFilesAtOnce); first < found_.jobs.size();
         first = next_.fetch_add(kFilesAtOnce)) {
      const std::size_t end = std::min(first + kFilesAtOnce, found_.jobs.size());
      UniqueFd folder;
      std::size_t opened = 0;
      for (std::size_t i = first; i < end; ++i) {
        Job& job = found_.jobs[i];
        if (job.resumed) continue;
        if (!folder.valid() || job.folder != opened) {
          folder = OpenFolder(root_, found_.folders[job.folder], Access::kSearch);
          opened = job.folder;
        }
        if (i + 1 < end) ReadAheadOf(found_.jobs[i + 1], folder, opened);
        HashOne(hasher, folder, job);
        ++files_;
      }
      if (journal_ != nullptr) Keep(std::span(found_.jobs).subspan(first, end - first));
    }
  }

  // Only in the same folder, and not of a file that may turn out not to be wanted.
  static void ReadAheadOf(const Job& next, const UniqueFd& folder, std::size_t opened) {
    if (next.resumed || next.folder != opened || next.wanted != Wanted::kAlways) return;
    if (folder.valid()) ReadAhead(folder.get(), next.name);
  }

  void Keep(std::span<const Job> jobs) {
    std::vector<Journal::Hashed> hashed;
    for (const Job& job : jobs) {
      if (job.resumed || job.digests.empty()) continue;
      hashed.push_back({.state = job.state, .digests = job.digests});
    }
    journal_->Add(hashed);
  }

  void HashOne(FileHasher& hasher, const UniqueFd& folder, Job& job) {
    if (!folder.valid()) {
      job.problem = Reason(errno);
      return;
    }
    auto digests = hasher.Hash(folder.get(), job.name, job.state.identity, job.wanted,
                               [this](std::uint64_t count) { bytes_ += count; });
    if (!digests) {
      job.problem = std::move(digests).error().message;
    } else if (*digests) {
      job.digests = **std::move(digests);
    }
  }

  Progress State() const {
    Progress state = total_;
    state.files = files_;
    state.bytes = bytes_;
    return state;
  }

  const TreeOptions& options_;
  Journal* journal_;
  const int root_;
  Found& found_;
  Progress total_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> files_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

Tree ToTree(Found found) {
  Tree tree{.files = {}, .unreadable = std::move(found.unreadable)};
  for (Job& job : found.jobs) {
    if (job.resumed) ++tree.resumed;
    for (std::string& path : job.paths) {
      if (!job.problem.empty()) {
        tree.unreadable.push_back(fmt::format("{}: {}", path, job.problem));
      } else if (!job.digests.empty()) {
        tree.files.push_back({.path = std::move(path), .digests = job.digests});
      }
    }
  }
  std::ranges::sort(tree.files, {}, &HashedFile::path);
  std::ranges::sort(tree.unreadable);
  return tree;
}

}  // namespace

Result<Tree> HashTree(const TreeOptions& options, const ProgressCallback& progress) {
  LQ_CHECK(!options.algorithms.empty());
  LQ_ASSIGN_OR_RETURN(const UniqueFd root, OpenRoot(options.root));
  std::unique_ptr<Journal> journal;
  if (!options.journal.empty()) {
    LQ_ASSIGN_OR_RETURN(journal, Journal::Open(options.journal, options));
  }
  Found found = Walk(options, journal.get(), root.get(), progress).Run();
  Pool(options, journal.get(), root.get(), found).Run(progress);
  Tree tree = ToTree(std::move(found));
  if (journal != nullptr) tree.journal_problem = journal->problem();
  return tree;
}

}  // namespace limequat::collect
