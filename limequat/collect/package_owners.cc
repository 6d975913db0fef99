#include "limequat/collect/package_owners.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "limequat/base/result_macros.h"
#include "limequat/collect/archive.h"
#include "limequat/collect/folder_internal.h"
#include "limequat/collect/merged_usr_internal.h"
#include "limequat/collect/stream_internal.h"

namespace limequat::collect {

namespace {

constexpr std::string_view kStatusFolder = "var/lib/dpkg";
constexpr std::string_view kListFolder = "var/lib/dpkg/info";
constexpr std::string_view kListSuffix = ".list";

// The files that are asked for, and what is known of each so far.
class Search {
 public:
  explicit Search(std::span<const OwnedFile> files) : files_(files), owners_(files.size()) {
    for (std::size_t i = 0; i < files.size(); ++i) by_path_.emplace(files[i].path, i);
  }

  // A package installs `path`; `digests` of its content, none if they are not known.
  void Take(std::string_view path, std::string_view package,
            std::span<const crypto::Digest> digests) {
    const auto [first, end] = by_path_.equal_range(path);
    for (auto it = first; it != end; ++it) {
      const OwnedContent content = Compare(files_[it->second].digest, digests);
      std::optional<Owner>& owner = owners_[it->second];
      const bool is_better =
          owner && content == OwnedContent::kSame && owner->content != OwnedContent::kSame;
      if (!owner || is_better) {
        owner = Owner{.package = std::string(package), .content = content};
      }
    }
  }

  // The algorithms in which content can be compared.
  std::vector<crypto::HashAlgorithm> Algorithms() const {
    std::vector<crypto::HashAlgorithm> algorithms;
    for (const OwnedFile& file : files_) {
      if (file.digest &&
          std::ranges::find(algorithms, file.digest->algorithm()) == algorithms.end())
        algorithms.push_back(file.digest->algorithm());
    }
    // A package is not read without any.
    if (algorithms.empty()) algorithms.push_back(crypto::HashAlgorithm::kSha256);
    return algorithms;
  }

  std::vector<std::optional<Owner>> owners() && { return std::move(owners_); }

 private:
  static OwnedContent Compare(const std::optional<crypto::Digest>& found,
                              std::span<const crypto::Digest> digests) {
    if (!found) return OwnedContent::kUnknown;
    for (const crypto::Digest& digest : digests) {
      if (digest.algorithm() != found->algorithm()) continue;
      return digest == *found ? OwnedContent::kSame : OwnedContent::kOther;
    }
    return OwnedContent::kUnknown;
  }

  std::span<const OwnedFile> files_;
  std::vector<std::optional<Owner>> owners_;
  std::multimap<std::string, std::size_t, std::less<>> by_path_;
};

Status SearchPackage(const std::filesystem::path& file, Search& search) {
  LQ_ASSIGN_OR_RETURN(const Tree tree,
                      HashPackage({.file = file, .algorithms = search.Algorithms()}));
  const std::string name = file.filename().string();
  for (const HashedFile& hashed : tree.files) search.Take(hashed.path, name, hashed.digests);
  return {};
}

// dpkg's database below a root.
class Database {
 public:
  explicit Database(const std::filesystem::path& root) : root_(root) {}

  Status SearchAll(Search& search) {
    LQ_RETURN_IF_ERROR(Open());
    LQ_RETURN_IF_ERROR(ReadVersions());
    LQ_ASSIGN_OR_RETURN(const std::vector<std::string> lists, FindLists());
    for (const std::string& list : lists) {
      LQ_ASSIGN_OR_RETURN(const std::string text, Read(lists_, kListFolder, list));
      SearchList(text, NameOf(list), search);
    }
    return {};
  }

 private:
  Status Open() {
    root_fd_ = UniqueFd(open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_fd_.valid()) return CannotOpen("", errno);
    status_ = OpenFolder(root_fd_.get(), kStatusFolder, Access::kSearch);
    if (!status_.valid()) return CannotOpen(kStatusFolder, errno);
    lists_ = OpenFolder(root_fd_.get(), kListFolder, Access::kList);
    if (!lists_.valid()) return CannotOpen(kListFolder, errno);
    return {};
  }

  Error CannotOpen(std::string_view what, int number) const {
    std::string message = fmt::format(
        "{}: {}; packages are known by dpkg's database below a root, or by their "
        ".deb and .rpm files",
        (root_ / what).string(), Reason(number));
    if (number == EACCES || number == EPERM) {
      return PermissionDenied("collect.owners.root", std::move(message));
    }
    return NotFound("collect.owners.root", std::move(message));
  }

  Result<std::string> Read(const UniqueFd& folder, std::string_view below,
                           const std::string& name) {
    const std::string relative = fmt::format("{}/{}", below, name);
    // Looked at first: to open a device may already do something.
    struct stat status = {};
    if (fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return CannotOpen(relative, errno);
    }
    if (!S_ISREG(status.st_mode)) return CannotOpen(relative, EINVAL);
    const UniqueFd file(
        openat(folder.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid()) return CannotOpen(relative, errno);
    FileStream stream(file.get(), 0, {});
    std::string text;
    while (true) {
      LQ_ASSIGN_OR_RETURN(const ByteView piece, stream.Next());
      if (piece.empty()) return text;
      if (piece.size() > kMaxPackageDatabaseFile - text.size()) {
        return TooLong(relative, kMaxPackageDatabaseFile, "bytes");
      }
      if (piece.size() > kMaxPackageDatabase - read_) {
        return TooLong(below, kMaxPackageDatabase, "bytes");
      }
      read_ += piece.size();
      text += AsText(piece);
    }
  }

  Error TooLong(std::string_view what, std::size_t limit, std::string_view of) const {
    return Malformed("collect.owners.too_long",
                     fmt::format("{} has more than {} {}", (root_ / what).string(), limit, of));
  }

  // deb822: "Field: value" lines, packages apart by empty lines.
  Status ReadVersions() {
    LQ_ASSIGN_OR_RETURN(const std::string text, Read(status_, kStatusFolder, "status"));
    std::string_view package;
    std::string_view architecture;
    std::string_view version;
    const auto end = [&] {
      if (!package.empty() && versions_.size() < 2 * kMaxPackages) {
        versions_.insert_or_assign(std::string(package), version);
        versions_.insert_or_assign(fmt::format("{}:{}", package, architecture), version);
      }
      package = architecture = version = {};
    };
    ForEachLine(text, [&](std::string_view line) {
      if (line.empty()) return end();
      if (const auto value = ValueOf(line, "Package")) package = *value;
      if (const auto value = ValueOf(line, "Architecture")) architecture = *value;
      if (const auto value = ValueOf(line, "Version")) version = *value;
    });
    end();
    return {};
  }

  Result<std::vector<std::string>> FindLists() {
    const OpenedFolder folder(fdopendir(lists_.get()));
    if (folder == nullptr) return CannotOpen(kListFolder, errno);
    // The folder closes what it was opened by; its files are opened by another.
    static_cast<void>(lists_.Release());
    std::vector<std::string> lists;
    while (true) {
      errno = 0;
      // This folder is read by this thread only.
      const dirent* entry = readdir(folder.get());  // NOLINT(concurrency-mt-unsafe)
      if (entry == nullptr) break;
      if (!std::string_view(entry->d_name).ends_with(kListSuffix)) continue;
      lists.emplace_back(entry->d_name);
      if (lists.size() > kMaxPackages) return TooLong(kListFolder, kMaxPackages, "packages");
    }
    if (errno != 0) return CannotOpen(kListFolder, errno);
    lists_ = OpenFolder(root_fd_.get(), kListFolder, Access::kSearch);
    if (!lists_.valid()) return CannotOpen(kListFolder, errno);
    std::ranges::sort(lists);
    return lists;
  }

  // "libc6 2.36-9+deb12u10" of "libc6:amd64.list".
  std::string NameOf(std::string_view list) const {
    const std::string_view package = list.substr(0, list.size() - kListSuffix.size());
    std::string name(package.substr(0, package.find(':')));
    if (const auto known = versions_.find(package); known != versions_.end()) {
      name += fmt::format(" {}", known->second);
    }
    return name;
  }

  static void SearchList(std::string_view text, std::string_view package, Search& search) {
    ForEachLine(text, [&](std::string_view path) {
      search.Take(path, package, {});
      if (HasMovedBelowUsr(path)) search.Take(fmt::format("/usr{}", path), package, {});
    });
  }

  static std::optional<std::string_view> ValueOf(std::string_view line, std::string_view field) {
    if (!line.starts_with(field) || !line.substr(field.size()).starts_with(": ")) {
      return std::nullopt;
    }
    return line.substr(field.size() + 2);
  }

  template <class Take>
  static void ForEachLine(std::string_view text, Take take) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      take(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }

  const std::filesystem::path& root_;
  UniqueFd root_fd_;
  UniqueFd status_;
  UniqueFd lists_;
  std::size_t read_ = 0;  // bytes
  std::map<std::string, std::string, std::less<>> versions_;
};

}  // namespace

Result<std::vector<std::optional<Owner>>> FindOwners(std::span<const std::filesystem::path> sources,
                                                     std::span<const OwnedFile> files) {
  Search search(files);
  for (const std::filesystem::path& source : sources) {
    std::error_code error;
    LQ_RETURN_IF_ERROR(std::filesystem::is_directory(source, error)
                           ? Database(source).SearchAll(search)
                           : SearchPackage(source, search));
  }
  return std::move(search).owners();
}

}  // namespace limequat::collect
