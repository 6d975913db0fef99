#include "limequat/collect/tree.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace limequat::collect {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = 1U << 20U;
constexpr auto kProgressInterval = std::chrono::milliseconds(100);

// One file to read, under all of its names.
struct Job {
  std::vector<std::string> paths;
  fs::path place;
  std::uint64_t size = 0;
  std::vector<crypto::Digest> digests;
  std::string problem;
};

// What makes two names one file.
struct Inode {
  dev_t device;
  ino_t number;
  friend auto operator<=>(const Inode&, const Inode&) = default;
};

std::string Reason(int number) { return std::generic_category().message(number); }

// The path that the machine knows.
std::string PathOf(const fs::path& place, const fs::path& root) {
  return "/" + place.lexically_relative(root).generic_string();
}

bool Skipped(const std::string& path, const std::vector<std::string>& skip) {
  return std::ranges::any_of(skip, [&](const std::string& prefix) {
    return path == prefix || path.starts_with(prefix + "/");
  });
}

bool LooksExecutable(const fs::path& place, mode_t mode) {
  if ((mode & 0111U) != 0) return true;
  const std::string name = place.filename().string();
  if (name.ends_with(".ko") || name.ends_with(".ko.xz") || name.ends_with(".ko.zst") ||
      name.ends_with(".ko.gz"))
    return true;
  const int fd = open(place.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return true;  // its job will say why it cannot be read
  char magic[4] = {};
  const bool elf = pread(fd, magic, sizeof magic, 0) == 4 && std::string_view(magic, 4) ==
                                                                 "\x7f"
                                                                 "ELF";
  close(fd);
  return elf;
}

class Walk {
 public:
  explicit Walk(const TreeOptions& options)
      : options_(options), root_(options.root.lexically_normal()) {}

  Status Run() {
    std::error_code error;
    if (!fs::is_directory(root_, error))
      return NotFound("collect.root", fmt::format("{} is not a folder", root_.string()));
    fs::recursive_directory_iterator it(root_, error);
    if (error)
      return NotFound("collect.root", fmt::format("{}: {}", root_.string(), error.message()));
    for (const fs::recursive_directory_iterator end; it != end;) {
      Visit(it);
      const fs::path here = it->path();
      it.increment(error);
      if (error) {
        unreadable_.push_back(fmt::format("{}: {}", PathOf(here, root_), error.message()));
        break;
      }
    }
    return {};
  }

  std::vector<Job>& jobs() { return jobs_; }
  std::vector<std::string>& unreadable() { return unreadable_; }

 private:
  void Visit(fs::recursive_directory_iterator& it) {
    const fs::path& place = it->path();
    const std::string path = PathOf(place, root_);
    struct stat status = {};
    if (lstat(place.c_str(), &status) != 0) {
      unreadable_.push_back(fmt::format("{}: {}", path, Reason(errno)));
      it.disable_recursion_pending();
      return;
    }
    if (Skipped(path, options_.skip)) {
      it.disable_recursion_pending();
      return;
    }
    if (S_ISDIR(status.st_mode)) {
      if (access(place.c_str(), R_OK | X_OK) != 0) {
        unreadable_.push_back(fmt::format("{}: {}", path, Reason(errno)));
        it.disable_recursion_pending();
      }
      return;
    }
    if (!S_ISREG(status.st_mode)) return;
    if (options_.selection == Selection::kExecutable && !LooksExecutable(place, status.st_mode))
      return;
    const auto [known, fresh] =
        by_inode_.try_emplace(Inode{status.st_dev, status.st_ino}, jobs_.size());
    if (!fresh) {
      jobs_[known->second].paths.push_back(path);
      return;
    }
    jobs_.push_back({.paths = {path},
                     .place = place,
                     .size = static_cast<std::uint64_t>(status.st_size),
                     .digests = {},
                     .problem = {}});
  }

  const TreeOptions& options_;
  const fs::path root_;
  std::vector<Job> jobs_;
  std::vector<std::string> unreadable_;
  std::map<Inode, std::size_t> by_inode_;
};

void HashOne(Job& job, const std::vector<crypto::HashAlgorithm>& algorithms, Bytes& buffer,
             std::atomic<std::uint64_t>& bytes) {
  // A link that took the file's place meanwhile is not followed.
  const int fd = open(job.place.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    job.problem = Reason(errno);
    return;
  }
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  std::vector<crypto::Hasher> hashers;
  for (const auto algorithm : algorithms) hashers.emplace_back(algorithm);
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) job.problem = Reason(errno);
    if (count <= 0) break;
    for (auto& hasher : hashers)
      hasher.Update(ByteView(buffer.data(), static_cast<std::size_t>(count)));
    bytes += static_cast<std::uint64_t>(count);
  }
  close(fd);
  if (!job.problem.empty()) return;
  for (auto& hasher : hashers) job.digests.push_back(hasher.Finish());
}

void HashAll(std::vector<Job>& jobs, const TreeOptions& options,
             const std::function<void(const Progress&)>& progress) {
  Progress state{.files = 0, .bytes = 0, .total_files = jobs.size(), .total_bytes = 0};
  for (const Job& job : jobs) state.total_bytes += job.size;
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::size_t finished = 0;
  std::mutex mutex;
  std::condition_variable ended;
  const unsigned count = std::clamp(
      options.workers == 0 ? std::thread::hardware_concurrency() : options.workers, 1U, 64U);
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < count; ++i) {
      workers.emplace_back([&] {
        Bytes buffer(kBuffer);
        for (std::size_t job = next++; job < jobs.size(); job = next++)
          HashOne(jobs[job], options.algorithms, buffer, bytes);
        const std::lock_guard lock(mutex);
        ++finished;
        ended.notify_one();
      });
    }
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kProgressInterval, [&] { return finished == count; })) {
      if (!progress) continue;
      state.files = std::min<std::uint64_t>(next, jobs.size());
      state.bytes = bytes;
      progress(state);
    }
  }
  state.files = jobs.size();
  state.bytes = bytes;
  if (progress) progress(state);
}

}  // namespace

Result<Tree> HashTree(const TreeOptions& options,
                      const std::function<void(const Progress&)>& progress) {
  Walk walk(options);
  if (Status status = walk.Run(); !status) return std::move(status).error();
  HashAll(walk.jobs(), options, progress);
  Tree tree{.files = {}, .unreadable = std::move(walk.unreadable())};
  for (Job& job : walk.jobs()) {
    for (std::string& path : job.paths) {
      if (job.problem.empty()) {
        tree.files.push_back({.path = std::move(path), .digests = job.digests});
      } else {
        tree.unreadable.push_back(fmt::format("{}: {}", path, job.problem));
      }
    }
  }
  std::ranges::sort(tree.files, {}, &HashedFile::path);
  std::ranges::sort(tree.unreadable);
  return tree;
}

}  // namespace limequat::collect
