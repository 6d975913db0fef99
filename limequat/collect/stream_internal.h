#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::collect {

// Internal to this module: "the archive holds WHAT", "collect.archive.too_large".
Error TooLarge(std::string_view what);

// Internal to this module: bytes that come piece by piece.
class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;
  // The next piece, empty at the end; valid until the next call.
  virtual Result<ByteView> Next() = 0;
};

// An open file from an offset on. The descriptor stays the caller's. Errors:
// kUnavailable ("collect.read").
class FileStream final : public ByteStream {
 public:
  // `read` is called with the offset behind each piece.
  FileStream(int fd, std::uint64_t offset, std::function<void(std::uint64_t)> read);
  Result<ByteView> Next() override;

 private:
  int fd_;
  std::uint64_t offset_;
  std::function<void(std::uint64_t)> read_;
  Bytes buffer_;
};

// A stream with a look ahead.
class StreamReader {
 public:
  // `stream` must outlive it. More than `limit` bytes are kMalformed
  // ("collect.archive.too_large"): what is compressed can be a thousand times as long.
  StreamReader(ByteStream& stream, std::uint64_t limit) : stream_(stream), limit_(limit) {}

  // The next `count` bytes, fewer only at the end; they stay unread.
  Result<ByteView> Peek(std::size_t count);
  // Exactly `count` bytes; kMalformed ("collect.archive.truncated") if there are
  // fewer. Valid until the next call.
  Result<ByteView> Take(std::size_t count);
  // The next bytes, at most `most`, as they come; empty at the end.
  Result<ByteView> TakeSome(std::uint64_t most);
  // How many bytes were taken.
  std::uint64_t offset() const { return offset_; }

 private:
  ByteStream& stream_;
  std::uint64_t limit_;
  Bytes kept_;            // peeked at
  std::size_t used_ = 0;  // of kept_
  ByteView piece_;        // the stream's piece, in so far as it is not in kept_
  std::uint64_t offset_ = 0;
};

// The next `size` bytes of a reader as a stream of their own. kMalformed
// ("collect.archive.truncated") if the reader ends before.
class LimitedStream final : public ByteStream {
 public:
  LimitedStream(StreamReader& reader, std::uint64_t size) : reader_(reader), left_(size) {}
  Result<ByteView> Next() override;
  // Takes what nobody has read.
  Status Finish();

 private:
  StreamReader& reader_;
  std::uint64_t left_;
};

}  // namespace limequat::collect
