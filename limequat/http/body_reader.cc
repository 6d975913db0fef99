#include "limequat/http/body_reader.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace limequat::http {
namespace {

// The size of a chunk in digits; more would be a body that nobody accepts.
constexpr std::size_t kMaxSizeDigits = 15;

bool IsControl(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f';
}

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

void BodyReader::StartLength(std::uint64_t length) {
  state_ = length == 0 ? State::kDone : State::kData;
  left_ = length;
}

void BodyReader::StartChunks(std::size_t max_lines) {
  state_ = State::kChunkSize;
  lines_left_ = max_lines;
  scanned_ = 0;
}

// Cuts a line that ends in CR LF off the front of `input`. A bare CR or LF and other
// control characters are malformed: some would take them for the end of the line.
BodyReader::Line BodyReader::TakeLine(std::string_view& input, std::string_view& line) {
  while (scanned_ < input.size() && !IsControl(input[scanned_])) ++scanned_;
  if (scanned_ > lines_left_ + kMaxSizeDigits) return Line::kMalformed;
  if (scanned_ == input.size()) return Line::kIncomplete;
  if (input[scanned_] != '\r') return Line::kMalformed;
  if (scanned_ + 1 == input.size()) return Line::kIncomplete;
  if (input[scanned_ + 1] != '\n') return Line::kMalformed;
  line = input.substr(0, scanned_);
  input.remove_prefix(scanned_ + 2);
  scanned_ = 0;
  return Line::kComplete;
}

bool BodyReader::Count(std::size_t bytes) {
  if (bytes > lines_left_) return false;
  lines_left_ -= bytes;
  return true;
}

BodyReader::Progress BodyReader::ChunkSize(std::string_view line) {
  const auto digits =
      static_cast<std::size_t>(std::ranges::find_if_not(line, IsHexDigit) - line.begin());
  if (digits == 0 || digits > kMaxSizeDigits) return Progress::kMalformed;
  std::from_chars(line.data(), line.data() + digits, left_, 16);
  const std::string_view extensions = line.substr(digits);
  if (!extensions.empty() && extensions.front() != ';') return Progress::kMalformed;
  if (!Count(extensions.size())) return Progress::kMalformed;
  state_ = left_ == 0 ? State::kTrailer : State::kChunkData;
  return Progress::kDone;
}

BodyReader::Progress BodyReader::Feed(std::string_view& input, std::string& body,
                                      std::size_t max_body) {
  while (state_ != State::kDone) {
    switch (state_) {
      case State::kData:
      case State::kChunkData:
      case State::kToEnd: {
        if (input.empty()) return Progress::kNeedMore;
        const std::size_t size =
            state_ == State::kToEnd
                ? input.size()
                : static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
        if (size > max_body - std::min(max_body, body.size())) return Progress::kTooLong;
        body.append(input.substr(0, size));
        input.remove_prefix(size);
        if (state_ == State::kToEnd) break;
        left_ -= size;
        if (left_ == 0) state_ = state_ == State::kData ? State::kDone : State::kChunkEnd;
        break;
      }
      default: {
        std::string_view line;
        const Line taken = TakeLine(input, line);
        if (taken == Line::kMalformed) return Progress::kMalformed;
        if (taken == Line::kIncomplete) return Progress::kNeedMore;
        if (state_ == State::kChunkEnd) {
          if (!line.empty()) return Progress::kMalformed;
          state_ = State::kChunkSize;
        } else if (state_ == State::kChunkSize) {
          if (ChunkSize(line) == Progress::kMalformed) return Progress::kMalformed;
        } else if (line.empty()) {
          state_ = State::kDone;
        } else if (!Count(line.size())) {
          return Progress::kMalformed;
        }
      }
    }
  }
  return Progress::kDone;
}

BodyReader::Progress BodyReader::FeedEnd() {
  if (state_ == State::kToEnd) state_ = State::kDone;
  return state_ == State::kDone ? Progress::kDone : Progress::kMalformed;
}

}  // namespace limequat::http
