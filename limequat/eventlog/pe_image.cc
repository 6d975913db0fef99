#include "limequat/eventlog/pe_image.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"

namespace limequat::eventlog {

namespace {

constexpr std::size_t kPointerToHeader = 0x3c;
constexpr std::size_t kCoffHeader = 24;  // with "PE\0\0"
constexpr std::size_t kSectionHeader = 40;
constexpr std::size_t kSectionName = 8;
constexpr std::uint16_t kPe32 = 0x10b;
constexpr std::uint16_t kPe32Plus = 0x20b;
// In the optional header.
constexpr std::size_t kSizeOfHeaders = 60;
constexpr std::size_t kCheckSum = 64;
constexpr std::size_t kDirectories32 = 96;
constexpr std::size_t kDirectories64 = 112;
constexpr std::size_t kDirectory = 8;
constexpr std::size_t kCertificates = 4;  // the fifth directory

Error Bad(std::string message) { return Malformed("eventlog.pe_image", std::move(message)); }

// `count` bytes from `at` on, or an error: offsets come from the file.
Result<ByteView> At(ByteView file, std::size_t at, std::size_t count, std::string_view what) {
  if (at > file.size() || count > file.size() - at) {
    return Bad(fmt::format("the file of {} bytes does not hold its {}", file.size(), what));
  }
  return file.subspan(at, count);
}

Result<std::uint32_t> U32At(ByteView file, std::size_t at, std::string_view what) {
  LQ_ASSIGN_OR_RETURN(const ByteView bytes, At(file, at, 4, what));
  return ByteReader(bytes).U32Le(what);
}

Result<std::uint16_t> U16At(ByteView file, std::size_t at, std::string_view what) {
  LQ_ASSIGN_OR_RETURN(const ByteView bytes, At(file, at, 2, what));
  return ByteReader(bytes).U16Le(what);
}

// The number of "#### LoaderInfo: systemd-stub 252.39-1 ####", or nullopt.
std::optional<unsigned> StubVersion(const PeImage& image) {
  constexpr std::string_view kBefore = "systemd-stub ";
  const PeSection* section = image.Find(".sdmagic");
  if (section == nullptr) return std::nullopt;
  const std::string_view text = AsText(section->data);
  const std::size_t at = text.find(kBefore);
  if (at == std::string_view::npos) return std::nullopt;
  const char* begin = text.data() + at + kBefore.size();
  unsigned version = 0;
  const auto read = std::from_chars(begin, text.data() + text.size(), version);
  if (read.ec != std::errc()) return std::nullopt;
  return version;
}

}  // namespace

crypto::Digest PeSection::Hash(crypto::HashAlgorithm algorithm) const {
  return crypto::Hasher(algorithm).Update(data).Update(Bytes(zeros, 0)).Finish();
}

const PeSection* PeImage::Find(std::string_view name) const {
  const auto found = std::ranges::find(sections_, name, &PeSection::name);
  return found == sections_.end() ? nullptr : &*found;
}

Status PeImage::ReadHeaders(ByteView file) {
  file_ = file;
  if (!AsText(file).starts_with("MZ")) return Bad("the file does not begin with MZ");
  LQ_ASSIGN_OR_RETURN(const std::uint32_t coff, U32At(file, kPointerToHeader, "DOS header"));
  LQ_ASSIGN_OR_RETURN(const ByteView header, At(file, coff, kCoffHeader, "COFF header"));
  if (!AsText(header).starts_with(std::string_view("PE\0\0", 4))) {
    return Bad("there is no PE signature where the DOS header says");
  }
  LQ_ASSIGN_OR_RETURN(const std::uint16_t count, U16At(header, 6, "number of sections"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t optional_size, U16At(header, 20, "header size"));
  const std::size_t optional = coff + kCoffHeader;
  LQ_ASSIGN_OR_RETURN(const ByteView in, At(file, optional, optional_size, "optional header"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t magic, U16At(in, 0, "optional header"));
  if (magic != kPe32 && magic != kPe32Plus) return Bad(fmt::format("magic {:#x}", magic));
  LQ_ASSIGN_OR_RETURN(headers_, U32At(in, kSizeOfHeaders, "size of headers"));
  LQ_RETURN_IF_ERROR(U32At(in, kCheckSum, "checksum"));
  checksum_ = optional + kCheckSum;
  const std::size_t directories = magic == kPe32 ? kDirectories32 : kDirectories64;
  LQ_ASSIGN_OR_RETURN(const std::uint32_t entries,
                      U32At(in, directories - 4, "number of directories"));
  if (entries > kCertificates) {
    const std::size_t entry = directories + kCertificates * kDirectory;
    LQ_ASSIGN_OR_RETURN(certificates_, U32At(in, entry + 4, "certificate directory"));
    directory_ = optional + entry;
  }
  LQ_ASSIGN_OR_RETURN(const ByteView table, At(file, optional + optional_size,
                                               count * kSectionHeader, "section headers"));
  return ReadSections(table, count);
}

Status PeImage::ReadSections(ByteView table, std::size_t count) {
  if (count > kMaxPeSections) {
    return Bad(fmt::format("{} sections; at most {}", count, kMaxPeSections));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView header = table.subspan(i * kSectionHeader, kSectionHeader);
    const std::string_view name = AsText(header.first(kSectionName));
    LQ_ASSIGN_OR_RETURN(const std::uint32_t in_memory, U32At(header, 8, "virtual size"));
    LQ_ASSIGN_OR_RETURN(const std::uint32_t in_file, U32At(header, 16, "raw size"));
    LQ_ASSIGN_OR_RETURN(const std::uint32_t at, U32At(header, 20, "raw data"));
    ByteView data;
    if (in_file != 0) {
      LQ_ASSIGN_OR_RETURN(data, At(file_, at, in_file, "section"));
      in_file_.push_back(data);
    }
    // Data that is never in the file (.bss) is not content.
    const std::size_t zeros =
        in_file == 0 || in_memory < in_file ? 0 : std::size_t{in_memory} - in_file;
    if (zeros > kMaxPePadding) return Bad(fmt::format("{} zeros behind a section", zeros));
    sections_.push_back({.name = std::string(name.substr(0, name.find('\0'))),
                         .data = data.first(std::min<std::size_t>(in_memory, data.size())),
                         .zeros = zeros});
  }
  std::ranges::sort(in_file_, {}, [](ByteView data) { return data.data(); });
  return {};
}

// What is hashed is bounded by the file: sections may overlap, but not add up to more.
Status PeImage::CheckSizes() {
  if (headers_ > file_.size()) return Bad("the file does not hold its headers");
  if (checksum_ + 4 > headers_ || (directory_ != 0 && directory_ + kDirectory > headers_)) {
    return Bad("the headers are longer than they say");
  }
  hashed_ = headers_;
  for (const ByteView data : in_file_) {
    if (data.size() > file_.size() - hashed_) return Bad("the sections are larger than the file");
    hashed_ += data.size();
  }
  if (certificates_ > file_.size() - hashed_) return Bad("the file does not hold its certificates");
  return {};
}

Result<PeImage> PeImage::Parse(ByteView file) {
  PeImage image;
  LQ_RETURN_IF_ERROR(image.ReadHeaders(file));
  LQ_RETURN_IF_ERROR(image.CheckSizes());
  return image;
}

crypto::Digest PeImage::Authenticode(crypto::HashAlgorithm algorithm) const {
  crypto::Hasher hasher(algorithm);
  hasher.Update(file_.first(checksum_));
  const std::size_t behind = checksum_ + 4;
  if (directory_ == 0) {
    hasher.Update(file_.subspan(behind, headers_ - behind));
  } else {
    hasher.Update(file_.subspan(behind, directory_ - behind));
    const std::size_t rest = directory_ + kDirectory;
    hasher.Update(file_.subspan(rest, headers_ - rest));
  }
  for (const ByteView data : in_file_) hasher.Update(data);
  // What no section holds, up to the certificates at the end.
  hasher.Update(file_.subspan(hashed_, file_.size() - certificates_ - hashed_));
  return hasher.Finish();
}

const std::vector<std::string_view>& UnifiedImageSections() {
  static const std::vector<std::string_view> names = {
      ".linux", ".osrel", ".cmdline", ".initrd",  ".ucode",   ".splash", ".dtb",
      ".uname", ".sbat",  ".pcrpkey", ".profile", ".dtbauto", ".hwids",  ".efifw"};
  return names;
}

std::vector<const PeSection*> MeasuredSections(const PeImage& image) {
  constexpr unsigned kMeasuresAll = 254;
  std::vector<const PeSection*> measured;
  if (image.Find(".linux") == nullptr) return measured;
  const bool old = StubVersion(image).value_or(kMeasuresAll) < kMeasuresAll;
  for (const std::string_view name : UnifiedImageSections()) {
    if (old && (name == ".uname" || name == ".sbat")) continue;
    if (const PeSection* section = image.Find(name)) measured.push_back(section);
  }
  return measured;
}

crypto::Digest HashSectionName(std::string_view name, crypto::HashAlgorithm algorithm) {
  const std::string measured = std::string(name) + '\0';
  return crypto::Hash(algorithm, AsBytes(measured));
}

}  // namespace limequat::eventlog
