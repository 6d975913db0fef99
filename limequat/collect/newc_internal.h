#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/collect/stream_internal.h"

namespace limequat::collect {

// Internal to this module: an entry of a cpio archive in the "newc" layout
// (Documentation/driver-api/early-userspace/buffer-format.rst of Linux).
struct NewcEntry {
  std::string name;
  std::uint32_t mode = 0;  // as in stat
  std::uint32_t links = 0;
  // What entries of one file have in common: the archive's number, device and inode.
  std::string identity;
};

using NewcVisitor = std::function<Status(const NewcEntry& entry, ByteStream& content)>;

enum class NewcEnd { kEndOfStream, kSomethingElse };

// Reads archives and the zeros around them, as many as follow one another, and says
// what comes behind. `archive` counts them on. kMalformed ("collect.archive.cpio",
// "collect.archive.truncated"). Hostile input.
Result<NewcEnd> ReadNewcArchives(StreamReader& in, std::uint64_t& archive,
                                 const NewcVisitor& visit);

}  // namespace limequat::collect
