#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/collect/archive_files_internal.h"
#include "limequat/collect/merged_usr_internal.h"

namespace limequat::collect {

namespace {

std::string_view NameOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

ArchiveFiles::ArchiveFiles(const ArchiveOptions& options) : options_(options) {
  for (const crypto::HashAlgorithm algorithm : options.algorithms) hashers_.emplace_back(algorithm);
}

std::optional<std::string> ArchiveFiles::PathOf(std::string_view name) {
  std::string path;
  for (std::string_view rest = name; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      unreadable_.push_back(fmt::format("{}: the name leads out of the archive", name));
      return std::nullopt;
    }
    path += '/';
    path += part;
  }
  if (path.empty()) return std::nullopt;
  return path;
}

Status ArchiveFiles::Take(std::string_view name, std::uint32_t mode, const std::string& identity,
                          ByteStream& content) {
  std::optional<std::string> path = PathOf(name);
  if (!path) return {};
  std::size_t index = files_.size();
  if (!identity.empty()) index = by_identity_.try_emplace(identity, index).first->second;
  if (index == files_.size()) files_.emplace_back();
  return Add(*std::move(path), mode, index, content);
}

Status ArchiveFiles::TakeLink(std::string_view name, std::uint32_t mode, const std::string& target,
                              ByteStream& content) {
  std::optional<std::string> path = PathOf(name);
  if (!path) return {};
  const auto known = by_identity_.find(target);
  if (known == by_identity_.end()) {
    unreadable_.push_back(fmt::format("{}: a link to {}, which the archive lacks", *path, target));
    return {};
  }
  return Add(*std::move(path), mode, known->second, content);
}

Status ArchiveFiles::Add(std::string path, std::uint32_t mode, std::size_t index,
                         ByteStream& content) {
  File& file = files_[index];
  if (IsWanted(options_.selection, NameOf(path), mode) == Wanted::kAlways) {
    file.wanted = Wanted::kAlways;
  }
  LQ_RETURN_IF_ERROR(Hash(content, file));
  by_path_.insert_or_assign(std::move(path), index);
  if (by_path_.size() <= options_.max_files) return {};
  return TooLarge(fmt::format("more than {} files", options_.max_files));
}

Status ArchiveFiles::Hash(ByteStream& content, File& file) {
  std::uint64_t size = 0;
  bool is_elf = false;
  while (true) {
    LQ_ASSIGN_OR_RETURN(const ByteView piece, content.Next());
    if (piece.empty()) break;
    if (size == 0) is_elf = IsElf(piece);
    size += piece.size();
    bytes_ += piece.size();
    if (bytes_ > options_.max_bytes) {
      return TooLarge(fmt::format("more than {} bytes", options_.max_bytes));
    }
    for (crypto::Hasher& hasher : hashers_) hasher.Update(piece);
  }
  // The names of a file come with its content once, and without it else.
  if (size == 0 && file.has_content) return {};
  file.has_content = true;
  file.is_elf = is_elf;
  file.digests.clear();
  for (crypto::Hasher& hasher : hashers_) file.digests.push_back(hasher.Finish());
  return {};
}

Tree ArchiveFiles::ToTree(Usr usr) && {
  Tree tree{.files = {}, .unreadable = std::move(unreadable_)};
  for (const auto& [path, index] : by_path_) {
    const File& file = files_[index];
    if (file.wanted == Wanted::kIfElf && !file.is_elf) continue;
    tree.files.push_back({.path = path, .digests = file.digests});
    const bool twice = usr == Usr::kBoth && HasMovedBelowUsr(path);
    if (twice && !by_path_.contains("/usr" + path)) {
      tree.files.push_back({.path = "/usr" + path, .digests = file.digests});
    }
  }
  std::ranges::sort(tree.files, {}, &HashedFile::path);
  std::ranges::sort(tree.unreadable);
  return tree;
}

}  // namespace limequat::collect
