#include <cerrno>
#include <charconv>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"
#include "limequat/collect/journal_internal.h"

namespace limequat::collect {

namespace {

constexpr std::string_view kId = "collect.journal";
constexpr std::string_view kMagic = "limequat-journal 1 ";
constexpr std::size_t kPiece = 1U << 20U;
constexpr std::size_t kCheckDigits = 16;

std::int64_t Nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

std::string CheckOf(std::string_view text) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text)).hex().substr(0, kCheckDigits);
}

std::string WithCheck(std::string text) {
  text += ' ';
  std::string check = CheckOf(text);
  return std::move(text) + check + "\n";
}

// Selection and hashes: what is kept of one run serves only another of the same kind.
std::string HeaderOf(const TreeOptions& options) {
  std::string text =
      fmt::format("{}{}", kMagic, options.selection == Selection::kAll ? "all" : "executable");
  for (const crypto::HashAlgorithm algorithm : options.algorithms) {
    text += fmt::format(" {}", crypto::HashName(algorithm));
  }
  return WithCheck(std::move(text));
}

std::string LineOf(const Journal::Hashed& file) {
  const FileState& state = file.state;
  std::string text = fmt::format(
      "{} {} {} {} {}", static_cast<std::uint64_t>(state.identity.device),
      static_cast<std::uint64_t>(state.identity.inode), state.size, state.modified, state.changed);
  for (const crypto::Digest& digest : file.digests) text += fmt::format(" {}", digest.hex());
  return WithCheck(std::move(text));
}

// Takes the next word off; empty if there is none.
std::string_view TakeWord(std::string_view& text) {
  const std::size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

template <class Number>
bool TakeNumber(std::string_view& text, Number& out) {
  const std::string_view word = TakeWord(text);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size() && !word.empty();
}

// Whole lines of a file, one after another.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}

  // The next line, its end included, until the next call; empty behind the last whole one and
  // for one of more than kMaxJournalLine bytes.
  Result<std::string_view> Next() {
    std::size_t end = text_.find('\n', at_);
    while (end == std::string::npos && text_.size() - at_ <= kMaxJournalLine) {
      text_.erase(0, std::exchange(at_, 0));
      LQ_ASSIGN_OR_RETURN(const std::size_t more, Read());
      if (more == 0) return std::string_view();
      end = text_.find('\n');
    }
    if (end == std::string::npos || end - at_ >= kMaxJournalLine) return std::string_view();
    const std::size_t begin = std::exchange(at_, end + 1);
    return std::string_view(text_).substr(begin, at_ - begin);
  }

  off_t read() const { return offset_; }

 private:
  Result<std::size_t> Read() {
    const std::size_t before = text_.size();
    text_.resize(before + kPiece);
    ssize_t count = 0;
    do {
      count = pread(fd_, text_.data() + before, kPiece, offset_);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return Unavailable(kId, Reason(errno));
    text_.resize(before + static_cast<std::size_t>(count));
    offset_ += count;
    return static_cast<std::size_t>(count);
  }

  int fd_;
  std::string text_;
  std::size_t at_ = 0;
  off_t offset_ = 0;
};

}  // namespace

FileState FileState::Of(const struct stat& status) {
  return {.identity = {status.st_dev, status.st_ino},
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified = Nanoseconds(status.st_mtim),
          .changed = Nanoseconds(status.st_ctim)};
}

Result<Journal::Opened> Journal::OpenFile(const std::filesystem::path& path) {
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file.valid()) {
    const std::string message = fmt::format("{}: {}", path.string(), Reason(errno));
    if (errno == EACCES || errno == EPERM || errno == ELOOP) return PermissionDenied(kId, message);
    return Unavailable(kId, message);
  }
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return Unavailable(kId, Reason(errno));
  if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return PermissionDenied(kId, path.string() + " must be a file that only you can write");
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return Conflict(kId, path.string() + " is in use by another run");
  }
  return Opened{.file = std::move(file), .identity = {status.st_dev, status.st_ino}};
}

Journal::Journal(Opened opened, const TreeOptions& options)
    : file_(std::move(opened.file)),
      identity_(opened.identity),
      algorithms_(options.algorithms),
      limit_(options.journal_files) {
  const auto now = std::chrono::system_clock::now() - options.settled;
  settled_before_ =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
}

Result<std::unique_ptr<Journal>> Journal::Open(const std::filesystem::path& file,
                                               const TreeOptions& options) {
  LQ_ASSIGN_OR_RETURN(Opened opened, OpenFile(file));
  std::unique_ptr<Journal> journal(new Journal(std::move(opened), options));
  if (Status read = journal->Read(HeaderOf(options)); !read) {
    return std::move(read).error().In(file.string());
  }
  return journal;
}

// Takes the lines up to the first that is not whole, and cuts the file there.
Status Journal::Read(std::string_view header) {
  LineReader lines(file_.get());
  LQ_ASSIGN_OR_RETURN(const std::string_view first, lines.Next());
  if (first.empty() && lines.read() == 0) return Append(header);
  if (!first.starts_with(kMagic)) return Malformed(kId, "it is no journal");
  if (first != header) {
    return Conflict(kId, "it was made with other hashes, or another choice of files");
  }
  auto good = static_cast<off_t>(first.size());
  while (known_.size() < limit_) {
    LQ_ASSIGN_OR_RETURN(const std::string_view line, lines.Next());
    auto known = ParseLine(line);
    if (!known) break;
    good += static_cast<off_t>(line.size());
    const FileIdentity identity = known->state.identity;
    known_.insert_or_assign(identity, *std::move(known));
  }
  kept_ = known_.size();
  if (ftruncate(file_.get(), good) == 0 && lseek(file_.get(), good, SEEK_SET) == good) return {};
  return Unavailable(kId, Reason(errno));
}

std::optional<Journal::Known> Journal::ParseLine(std::string_view line) const {
  if (line.size() <= kCheckDigits + 1) return std::nullopt;
  line.remove_suffix(1);
  const std::string_view text = line.substr(0, line.size() - kCheckDigits);
  if (line.substr(text.size()) != CheckOf(text)) return std::nullopt;
  std::string_view rest = text;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  Known known;
  if (!TakeNumber(rest, device) || !TakeNumber(rest, inode) ||
      !TakeNumber(rest, known.state.size) || !TakeNumber(rest, known.state.modified) ||
      !TakeNumber(rest, known.state.changed)) {
    return std::nullopt;
  }
  known.state.identity = {static_cast<dev_t>(device), static_cast<ino_t>(inode)};
  for (const crypto::HashAlgorithm algorithm : algorithms_) {
    auto digest = crypto::Digest::FromHex(algorithm, TakeWord(rest));
    if (!digest) return std::nullopt;
    known.digests.push_back(*digest);
  }
  return rest.empty() ? std::optional(std::move(known)) : std::nullopt;
}

Status Journal::Append(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(file_.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unavailable(kId, Reason(errno));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

const std::vector<crypto::Digest>* Journal::Find(const FileState& state) const {
  const auto found = known_.find(state.identity);
  return found != known_.end() && found->second.state == state ? &found->second.digests : nullptr;
}

void Journal::Add(std::span<const Hashed> files) {
  std::string text;
  std::size_t count = 0;
  for (const Hashed& file : files) {
    if (file.state.changed >= settled_before_) continue;
    text += LineOf(file);
    ++count;
  }
  const std::lock_guard lock(mutex_);
  if (!problem_.empty() || text.empty()) return;
  if (kept_ + count > limit_) {
    problem_ = fmt::format("it holds {} files, and no more", limit_);
    return;
  }
  kept_ += count;
  if (Status written = Append(text); !written) problem_ = std::move(written).error().message;
}

std::string Journal::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace limequat::collect
