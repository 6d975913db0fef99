#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"
#include "limequat/collect/folder_internal.h"
#include "limequat/collect/stream_internal.h"

namespace limequat::collect {

namespace {

constexpr std::size_t kPiece = 256U << 10U;

Error Truncated() { return Malformed("collect.archive.truncated", "the archive is cut short"); }

}  // namespace

Error TooLarge(std::string_view what) {
  return Malformed("collect.archive.too_large", fmt::format("the archive holds {}", what));
}

FileStream::FileStream(int fd, std::uint64_t offset, std::function<void(std::uint64_t)> read)
    : fd_(fd), offset_(offset), read_(std::move(read)), buffer_(kPiece) {}

Result<ByteView> FileStream::Next() {
  ssize_t count = -1;
  do {
    count = pread(fd_, buffer_.data(), buffer_.size(), static_cast<off_t>(offset_));
  } while (count < 0 && errno == EINTR);
  if (count < 0) return Unavailable("collect.read", Reason(errno));
  offset_ += static_cast<std::uint64_t>(count);
  if (read_) read_(offset_);
  return ByteView(buffer_.data(), static_cast<std::size_t>(count));
}

Result<ByteView> StreamReader::Peek(std::size_t count) {
  if (kept_.size() == used_ && piece_.size() >= count) return piece_.first(count);
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ = 0;
  while (kept_.size() < count) {
    if (piece_.empty()) {
      LQ_ASSIGN_OR_RETURN(piece_, stream_.Next());
      if (piece_.empty()) break;
    }
    const std::size_t more = std::min(count - kept_.size(), piece_.size());
    Append(kept_, piece_.first(more));
    piece_ = piece_.subspan(more);
  }
  return ByteView(kept_).first(std::min(count, kept_.size()));
}

Result<ByteView> StreamReader::Take(std::size_t count) {
  LQ_ASSIGN_OR_RETURN(const ByteView bytes, Peek(count));
  if (bytes.size() < count) return Truncated();
  if (kept_.size() > used_) {
    used_ += count;
  } else {
    piece_ = piece_.subspan(count);
  }
  offset_ += count;
  if (offset_ > limit_) return TooLarge(fmt::format("more than {} bytes", limit_));
  return bytes;
}

Result<ByteView> StreamReader::TakeSome(std::uint64_t most) {
  const auto up_to = [most](std::size_t size) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(size, most));
  };
  if (kept_.size() > used_) return Take(up_to(kept_.size() - used_));
  if (piece_.empty()) {
    LQ_ASSIGN_OR_RETURN(piece_, stream_.Next());
  }
  return Take(up_to(piece_.size()));
}

Result<ByteView> LimitedStream::Next() {
  if (left_ == 0) return ByteView();
  LQ_ASSIGN_OR_RETURN(const ByteView piece, reader_.TakeSome(left_));
  if (piece.empty()) return Truncated();
  left_ -= piece.size();
  return piece;
}

Status LimitedStream::Finish() {
  while (left_ != 0) LQ_RETURN_IF_ERROR(Next());
  return {};
}

}  // namespace limequat::collect
