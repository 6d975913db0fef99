#include "limequat/cli/inspect_ima.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/ima_entry_json.h"
#include "limequat/cli/ima_signatures.h"
#include "limequat/cli/input.h"
#include "limequat/cli/table.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/ima/buffer.h"
#include "limequat/ima/entry_signature.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/xattrs.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using ima::TemplateDigests;

constexpr std::array kBanks = {HashAlgorithm::kSha1, HashAlgorithm::kSha256, HashAlgorithm::kSha384,
                               HashAlgorithm::kSha512};

struct ImaNote {
  std::string id;
  std::uint64_t event = 0;
  std::string detail;
};

// One entry, for --entries.
struct ImaLine {
  json::Object object;  // everything
  std::string digest;   // for the table
  std::string signatures;
  bool violation = false;
};

class Summary {
 public:
  // `keys`: null if signatures are not to be verified. Both outlive the summary.
  Summary(const InspectIma& wanted, const ima::Keyring* keys)
      : wanted_(wanted),
        keep_lines_(wanted.entries || wanted.pcrs || wanted.path || !wanted.templates.empty()),
        keys_(keys) {}

  // Reads as far as the list can be read.
  void Read(ByteView list, ima::Format format) {
    format_ = format;
    ima::ListReader reader(list, format);
    while (true) {
      auto next = reader.Next();
      if (!next) {
        error_ = std::move(next).error();
        notes_.push_back({.id = error_->id, .event = entries_, .detail = error_->message});
        break;
      }
      if (!*next) break;
      Add(**next);
    }
    trailing_bytes_ = list.size() - reader.offset();
  }

  const std::optional<Error>& error() const { return error_; }
  std::uint64_t entries() const { return entries_; }
  json::Value ToJson() const;
  std::string ForPeople(const Look& look) const;

 private:
  void Add(const ima::Entry& entry) {
    ++entries_;
    ++templates_[std::string(entry.template_name)];
    if (entry.violation) ++violations_;
    Extend(entry);
    Remark(entry);
    const std::vector<ima::EntrySignature> signatures = SignaturesOf(entry);
    counts_.Add(signatures);
    if (!keep_lines_ || !IsWanted(entry)) return;
    ImaLine line = LineOf(entry);
    AddSignatures(signatures, line);
    lines_.push_back(std::move(line));
  }

  bool IsWanted(const ima::Entry& entry) const {
    if (wanted_.pcrs && !wanted_.pcrs->Contains(entry.pcr)) return false;
    if (!wanted_.templates.empty() &&
        std::ranges::find(wanted_.templates, entry.template_name) == wanted_.templates.end()) {
      return false;
    }
    return !wanted_.path || wanted_.path->Matches(ShownPath(entry));
  }

  std::vector<ima::EntrySignature> SignaturesOf(const ima::Entry& entry) const {
    if (!ima::HasSignature(entry)) return {};
    const std::array<const ima::Keyring*, 1> keys = {keys_};
    return ima::VerifyEntry(entry, std::span(keys).first(keys_ == nullptr ? 0 : 1)).signatures;
  }

  void AddSignatures(const std::vector<ima::EntrySignature>& signatures, ImaLine& line) const {
    if (signatures.empty()) return;
    json::Array array;
    for (const ima::EntrySignature& signature : signatures) {
      array.push_back(SignatureToJson(signature, keys_ != nullptr));
      if (!line.signatures.empty()) line.signatures += "; ";
      line.signatures += SignatureText(signature, keys_ != nullptr);
    }
    line.object.Set("signatures", std::move(array));
  }

  void Extend(const ima::Entry& entry) {
    for (const HashAlgorithm bank : kBanks) {
      ExtendIn(pcrs_, entry, bank, TemplateDigests::kNative);
      if (bank == HashAlgorithm::kSha1) continue;  // padded with nothing
      ExtendIn(padded_, entry, bank, TemplateDigests::kZeroPadded);
    }
  }

  static void ExtendIn(tpm::PcrValues& values, const ima::Entry& entry, HashAlgorithm bank,
                       TemplateDigests kind) {
    const Digest* before = values.Find(bank, entry.pcr);
    const Digest digest = ima::StatedTemplateDigest(entry, bank, kind);
    values.Set(entry.pcr,
               crypto::Extend(before != nullptr ? *before : Digest(bank), digest.bytes()));
  }

  void Remark(const ima::Entry& entry) {
    const auto note = [&](std::string_view id, std::string detail) {
      notes_.push_back({.id = std::string(id), .event = entry.index, .detail = std::move(detail)});
    };
    const bool has_buffer = entry.Find(ima::Field::kBuf) != nullptr;
    if (ima::CheckStatedDigest(entry) != ima::StatedDigest::kMatches) {
      note("ima.template_digest", "the stated template digest is not the hash of the entry");
    }
    if (entry.index > 0 && entry.path == ima::kBootAggregate && !has_buffer) {
      note("ima.boot_aggregate_repeated", "another kernel was started without a reset (kexec)");
    }
    if (format_ == ima::Format::kAscii && entry.path.contains('\n')) {
      note("ima.line_feed", "a name with a line feed: its lines were joined as the digest says");
    }
    if (has_buffer) RemarkBuffer(entry);
    for (ima::XattrReader xattrs(entry);;) {
      const auto next = xattrs.Next();
      if (!next) note(next.error().id, next.error().message);
      if (!next || !*next) break;
    }
  }

  void RemarkBuffer(const ima::Entry& entry) {
    if (!entry.violation && ima::CheckBufferDigest(entry) == ima::BufferDigest::kDiffers) {
      notes_.push_back({.id = "ima.buffer_digest",
                        .event = entry.index,
                        .detail = "the digest is not that of the buffer"});
    }
    if (ima::KindOfBuffer(entry) != ima::BufferKind::kDeviceMapper) return;
    for (ima::DeviceMapperReader fields(entry.buffer);;) {
      const auto next = fields.Next();
      if (!next) {
        notes_.push_back(
            {.id = next.error().id, .event = entry.index, .detail = next.error().message});
      }
      if (!next || !*next) return;
    }
  }

  static ImaLine LineOf(const ima::Entry& entry) {
    std::string digest(entry.digest_type);
    if (!digest.empty()) digest += ":";
    if (!entry.file_digest.empty()) {
      digest += fmt::format("{}:{}", entry.digest_algorithm, HexEncode(entry.file_digest));
    }
    return {.object = ImaEntryToJson(entry),
            .digest = std::move(digest),
            .signatures = {},
            .violation = entry.violation};
  }

  json::Array NotesToJson() const;
  json::Array LinesToJson() const;
  std::string LinesForPeople(const Look& look) const;

  const InspectIma& wanted_;
  bool keep_lines_;
  const ima::Keyring* keys_;
  SignatureCounts counts_;
  ima::Format format_ = ima::Format::kAscii;
  std::uint64_t entries_ = 0;
  std::uint64_t violations_ = 0;
  std::map<std::string, std::uint64_t> templates_;
  tpm::PcrValues pcrs_;
  tpm::PcrValues padded_;
  std::vector<ImaNote> notes_;
  std::vector<ImaLine> lines_;
  std::optional<Error> error_;
  std::uint64_t trailing_bytes_ = 0;
};

json::Array Summary::NotesToJson() const {
  json::Array notes;
  for (const ImaNote& note : notes_) {
    notes.push_back(json::Object{{"id", note.id}, {"event", note.event}, {"detail", note.detail}});
  }
  return notes;
}

json::Array Summary::LinesToJson() const {
  json::Array lines;
  lines.reserve(lines_.size());
  for (const ImaLine& line : lines_) lines.push_back(line.object);
  return lines;
}

json::Value Summary::ToJson() const {
  json::Object templates;
  for (const auto& [name, count] : templates_) templates.Set(EscapeForDisplay(name), count);
  json::Object document{{"format", ima::FormatName(format_)},
                        {"entries", entries_},
                        {"violations", violations_},
                        {"templates", std::move(templates)},
                        {"signatures", counts_.ToJson(keys_ != nullptr)},
                        {"pcrs", pcrs_.ToJson()},
                        {"pcrs_zero_padded", padded_.ToJson()},
                        {"trailing_bytes", trailing_bytes_},
                        {"notes", NotesToJson()}};
  if (keep_lines_) document.Set("measurements", LinesToJson());
  return document;
}

std::string PcrLines(std::string_view title, const tpm::PcrValues& values) {
  std::string text;
  for (const HashAlgorithm bank : values.Banks()) {
    for (const std::uint32_t pcr : values.Numbers(bank).ToList()) {
      text += fmt::format("  PCR {} {}{}  {}\n", pcr, PadTo(crypto::HashName(bank), 6), title,
                          values.Find(bank, pcr)->hex());
    }
  }
  return text;
}

std::string Summary::LinesForPeople(const Look& look) const {
  const bool is_signed = counts_.entries() > 0;
  std::vector<std::string> heads = {"EVENT", "PCR", "TEMPLATE", "DIGEST"};
  if (is_signed) heads.emplace_back("SIGNATURE");
  heads.emplace_back("PATH");
  Table table(heads);
  for (const ImaLine& line : lines_) {
    const auto shown = [&](std::string_view name) { return *line.object.Find(name)->as_string(); };
    const auto number = [&](std::string_view name) {
      return fmt::format("{}", line.object.Find(name)->as_uint64().value_or(0));
    };
    std::vector<Cell> cells = {number("event"), number("pcr"), shown("template"),
                               line.violation ? Cell("violation", Tint::kBad) : Cell(line.digest)};
    if (is_signed) cells.emplace_back(line.signatures);
    cells.emplace_back(shown("path"));
    table.Add(std::move(cells));
  }
  return table.Render(look);
}

std::string Summary::ForPeople(const Look& look) const {
  std::string templates;
  for (const auto& [name, count] : templates_) {
    templates += fmt::format("{}{} {}", templates.empty() ? "" : ", ", name, count);
  }
  std::string text = RenderPairs({{"format", std::string(ima::FormatName(format_))},
                                  {"entries", fmt::format("{}", entries_)},
                                  {"templates", templates},
                                  {"signatures", counts_.ForPeople(keys_ != nullptr)},
                                  {"violations", fmt::format("{}", violations_)},
                                  {"trailing bytes", fmt::format("{}", trailing_bytes_)}},
                                 look);
  text += "values as the list states them, nothing was verified:\n";
  text += PcrLines("", pcrs_);
  text += PcrLines(" (zero-padded)", padded_);
  if (keep_lines_) text += LinesForPeople(look);
  for (const ImaNote& note : notes_) {
    text += fmt::format("note: entry {}: {} [{}]\n", note.event, Shown(note.detail), note.id);
  }
  return text;
}

}  // namespace

Result<Ending> InspectIma::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({file}, keys));
  LQ_ASSIGN_OR_RETURN(const ima::Keyring keyring, ReadKeyFiles(keys));
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(file, kMaxListInput));
  const ByteView list = AsBytes(content);
  Summary summary(*this, keys.empty() ? nullptr : &keyring);
  summary.Read(list, format.value_or(ima::DetectFormat(list)));
  if (summary.error() && summary.entries() == 0) return *summary.error();
  LQ_RETURN_IF_ERROR(console.Show(
      summary.ToJson(), [&] { return summary.ForPeople(console.look()); },
      no_pager ? Paging::kNever : Paging::kOnTerminal));
  if (summary.error() && summary.error()->code == ErrorCode::kUnsupported) {
    console.Note(fmt::format("limequat: the list was read up to entry {}: {} [{}]",
                             summary.entries(), summary.error()->message, summary.error()->id));
    return Ending::kMalformed;
  }
  return Ending::kDone;
}

}  // namespace limequat::cli
