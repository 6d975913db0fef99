// collect::Journal: what a crash or a disk left of one is cut to its whole lines, once.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/collect/journal_internal.h"

namespace limequat {

namespace {

const collect::TreeOptions& Options() {
  static const collect::TreeOptions kOptions;
  return kOptions;
}

// One file for all inputs, in memory where the machine has that; removed at the end.
class File {
 public:
  File() {
    const bool memory = std::filesystem::is_directory("/dev/shm");
    path_ = (memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
            fmt::format("limequat-journal-fuzz.{}", getpid());
    std::filesystem::remove(path_);
    LQ_CHECK(collect::Journal::Open(path_, Options()).has_value());
    header_ = Content();
    LQ_CHECK(!header_.empty());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&&) = delete;
  File& operator=(File&&) = delete;
  ~File() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  const std::string& header() const { return header_; }
  std::string Content() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(std::string_view content) const {
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    LQ_CHECK(out.flush().good());
  }

 private:
  std::filesystem::path path_;
  std::string header_;
};

// `text` with the right check behind each of its lines: no fuzzer finds SHA-256.
std::string WithChecks(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line = std::string(text.substr(0, end)) + ' ';
    out += line + crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(line)).hex().substr(0, 16) +
           '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

// The first byte says what the rest is: a whole journal, lines with their checks, or without.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const File kFile;
  if (size == 0) return 0;
  const std::string_view rest = AsText(ByteView(data, size).subspan(1));
  const std::array contents{std::string(rest), kFile.header() + std::string(rest),
                            kFile.header() + WithChecks(rest)};
  const std::string& content = contents.at(data[0] % contents.size());
  kFile.Write(content);
  const auto opened = collect::Journal::Open(kFile.path(), Options());
  const std::string kept = kFile.Content();
  if (!opened) {
    LQ_CHECK(kept == content);  // what is no journal is left as it was
    return 0;
  }
  LQ_CHECK(kept.starts_with(kFile.header()) && kept.ends_with('\n'));
  LQ_CHECK(content.empty() || content.starts_with(kept));
  return 0;
}

}  // namespace limequat
