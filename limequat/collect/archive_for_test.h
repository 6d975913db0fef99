#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"

namespace limequat::collect {

// Archives for tests, written as the kernel's and the distributions' tools write them.

struct TestEntry {
  std::string name;
  std::string content;
  std::uint32_t mode = 0100644;
  std::uint32_t links = 1;
  std::uint32_t inode = 0;
};

// One entry in the newc layout, padded; `offset` is where it begins.
std::string NewcEntryText(const TestEntry& entry, std::size_t offset);
// An archive with its trailer.
std::string NewcArchive(const std::vector<TestEntry>& entries);

// `content` compressed: "gzip", "bzip2", "xz", "lzma", "lz4", "zstd".
std::string Compressed(std::string_view content, std::string_view filter);

// A tar archive; an entry with links > 1 is a hard link to the entry named by its content.
std::string TarArchive(const std::vector<TestEntry>& entries, std::string_view filter);
// A Debian package with `data` as the member `data_name`.
std::string DebianPackage(std::string_view data, std::string_view data_name);

}  // namespace limequat::collect
