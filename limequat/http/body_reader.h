#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace limequat::http {

// Reads the body of one message from hostile bytes that come in pieces: a given length,
// chunks (RFC 9112, 7.1) or everything up to the end of the connection.
class BodyReader {
 public:
  enum class Progress { kNeedMore, kDone, kMalformed, kTooLong };

  void StartEmpty() { state_ = State::kDone; }
  void StartLength(std::uint64_t length);
  // Chunk extensions and trailers together have at most `max_lines` bytes.
  void StartChunks(std::size_t max_lines);
  void StartToEnd() { state_ = State::kToEnd; }

  // Appends to `body`, at most until it has `max_body` bytes, and removes what was used
  // from the front of `input`. What is left after kNeedMore is an incomplete line: call
  // again with it and more.
  Progress Feed(std::string_view& input, std::string& body, std::size_t max_body);
  // The connection has ended: kDone if that may be the end of the body.
  Progress FeedEnd();
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kDone, kData, kChunkSize, kChunkData, kChunkEnd, kTrailer, kToEnd };
  enum class Line { kComplete, kIncomplete, kMalformed };

  Line TakeLine(std::string_view& input, std::string_view& line);
  Progress ChunkSize(std::string_view line);
  bool Count(std::size_t bytes);

  State state_ = State::kDone;
  std::uint64_t left_ = 0;      // of the body or the chunk
  std::size_t lines_left_ = 0;  // bytes of extensions and trailers that are still allowed
  std::size_t scanned_ = 0;     // of an incomplete line
};

}  // namespace limequat::http
