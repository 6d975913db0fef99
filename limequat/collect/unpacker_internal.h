#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/collect/stream_internal.h"

namespace limequat::collect {

// Internal to this module: an entry of an archive that libarchive reads.
struct ArchiveEntry {
  std::string name;
  std::string link;        // the name that a hard link means; empty: none
  std::uint32_t mode = 0;  // as in stat
};

// libarchive over a stream. Hostile input; errors are kMalformed
// ("collect.archive.broken") with libarchive's reason.
class Unpacker {
 public:
  enum class Layout {
    kCompressed,  // one compressed stream, as a single entry
    kAr,
    kTar,  // compressed or not
    kRpm,  // the payload
  };
  // `stream` must outlive it. kUnsupported ("collect.archive.kind") if kCompressed
  // meets none of the compressions this version knows.
  static Result<std::unique_ptr<Unpacker>> Open(ByteStream& stream, Layout layout);

  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;
  ~Unpacker();

  // The next entry; nullopt at the end.
  Result<std::optional<ArchiveEntry>> NextEntry();
  // The entry's content, until the next entry is asked for.
  ByteStream& content();
  // How many bytes of the stream the archive took up so far.
  std::uint64_t consumed() const;

 private:
  struct Impl;
  explicit Unpacker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace limequat::collect
