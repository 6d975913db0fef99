// collect::ReadNewcArchives: entries lie within the input, however it comes in pieces.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/collect/newc_internal.h"

namespace limequat {

namespace {

// The size of a piece comes from the input, so that every boundary is met.
class Pieces final : public collect::ByteStream {
 public:
  explicit Pieces(ByteView input) : rest_(input), size_(1 + (input.empty() ? 0 : input[0])) {}
  Result<ByteView> Next() override {
    const ByteView piece = rest_.first(std::min(size_, rest_.size()));
    rest_ = rest_.subspan(piece.size());
    return piece;
  }

 private:
  ByteView rest_;
  std::size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Pieces pieces(ByteView(data, size));
  collect::StreamReader in(pieces, size);
  std::size_t content_size = 0;
  const auto visit = [&](const collect::NewcEntry& entry, collect::ByteStream& content) -> Status {
    LQ_CHECK(entry.name.size() <= size);
    while (true) {
      LQ_ASSIGN_OR_RETURN(const ByteView piece, content.Next());
      if (piece.empty()) return {};
      content_size += piece.size();
    }
  };
  std::uint64_t archives = 0;
  const auto end = collect::ReadNewcArchives(in, archives, visit);
  LQ_CHECK(content_size <= size && in.offset() <= size);
  LQ_CHECK(!end || *end != collect::NewcEnd::kEndOfStream || in.offset() == size);
  return 0;
}

}  // namespace limequat
