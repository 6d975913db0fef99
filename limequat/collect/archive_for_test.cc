#include "limequat/collect/archive_for_test.h"

#include <map>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

namespace limequat::collect {

namespace {

struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
using Writer = std::unique_ptr<archive, FreeWriter>;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

void AddFilter(archive* writer, std::string_view filter) {
  static const std::map<std::string_view, int (*)(archive*)> kFilters = {
      {"", archive_write_add_filter_none},       {"gzip", archive_write_add_filter_gzip},
      {"bzip2", archive_write_add_filter_bzip2}, {"xz", archive_write_add_filter_xz},
      {"lzma", archive_write_add_filter_lzma},   {"lz4", archive_write_add_filter_lz4},
      {"zstd", archive_write_add_filter_zstd}};
  kFilters.at(filter)(writer);
}

la_ssize_t Keep(archive* /*writer*/, void* data, const void* piece, std::size_t size) {
  static_cast<std::string*>(data)->append(static_cast<const char*>(piece), size);
  return static_cast<la_ssize_t>(size);
}

void WriteEntry(archive* writer, const TestEntry& from) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), from.name.c_str());
  archive_entry_set_mode(entry.get(), from.mode);
  const bool is_link = from.links > 1;
  if (is_link) archive_entry_set_hardlink(entry.get(), from.content.c_str());
  const std::string content = is_link ? "" : from.content;
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  archive_write_header(writer, entry.get());
  archive_write_data(writer, content.data(), content.size());
}

std::string Write(int (*set_format)(archive*), std::string_view filter,
                  const std::vector<TestEntry>& entries) {
  std::string out;
  const Writer writer(archive_write_new());
  set_format(writer.get());
  AddFilter(writer.get(), filter);
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  archive_write_open(writer.get(), &out, nullptr, Keep, nullptr);
  for (const TestEntry& entry : entries) WriteEntry(writer.get(), entry);
  archive_write_close(writer.get());
  return out;
}

std::string Padding(std::size_t size) { return std::string((4 - size % 4) % 4, '\0'); }

}  // namespace

std::string NewcEntryText(const TestEntry& entry, std::size_t offset) {
  std::string text = fmt::format(
      "070701{:08X}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
      entry.inode, entry.mode, 0, 0, entry.links, 0, entry.content.size(), 8, 1, 0, 0,
      entry.name.size() + 1, 0);
  text += entry.name;
  text += '\0';
  text += Padding(offset + text.size());
  text += entry.content;
  text += Padding(offset + text.size());
  return text;
}

std::string NewcArchive(const std::vector<TestEntry>& entries) {
  std::string text;
  for (const TestEntry& entry : entries) text += NewcEntryText(entry, text.size());
  return text + NewcEntryText({.name = "TRAILER!!!", .content = "", .mode = 0}, text.size());
}

std::string Compressed(std::string_view content, std::string_view filter) {
  return Write(archive_write_set_format_raw, filter,
               {{.name = "content", .content = std::string(content)}});
}

std::string TarArchive(const std::vector<TestEntry>& entries, std::string_view filter) {
  return Write(archive_write_set_format_gnutar, filter, entries);
}

std::string DebianPackage(std::string_view data, std::string_view data_name) {
  return Write(
      archive_write_set_format_ar_svr4, "",
      {{.name = "debian-binary", .content = "2.0\n"},
       {.name = "control.tar", .content = TarArchive({{.name = "./control", .content = "x"}}, "")},
       {.name = std::string(data_name), .content = std::string(data)}});
}

}  // namespace limequat::collect
