#include "limequat/cli/inspect_eventlog.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/table.h"
#include "limequat/cli/text.h"
#include "limequat/eventlog/ccel.h"
#include "limequat/eventlog/cel.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"

namespace limequat::cli {

namespace {

using crypto::HashAlgorithm;
using eventlog::Event;
using eventlog::MeasuredPart;

// The strongest bank that the event has a digest of.
std::optional<HashAlgorithm> BankOf(const Event& event, const std::vector<HashAlgorithm>& banks) {
  std::optional<HashAlgorithm> best;
  for (const HashAlgorithm bank : banks) {
    if (event.digests.Find(tpm::IdOf(bank)).empty()) continue;
    if (!best || crypto::DigestSize(bank) > crypto::DigestSize(*best)) best = bank;
  }
  return best;
}

// One event, as it is shown.
struct Row {
  std::uint64_t index = 0;
  std::optional<std::uint32_t> pcr;  // absent: an NV index
  std::string type;
  json::Object digests;
  std::string data;  // hexadecimal
  eventlog::Content content;
  std::string digest;  // of the strongest bank, for people
};

json::Object DigestsToJson(const Event& event) {
  json::Object digests;
  for (const eventlog::EventDigest& digest : event.digests) {
    digests.Set(tpm::AlgorithmName(digest.algorithm), HexEncode(digest.value));
  }
  return digests;
}

// What every digest covers that a bank of the log is extended with: one of them says nothing of the
// others, and who wrote the log chose them. Nothing if it extends no register.
MeasuredPart PartOf(const Event& event, const std::vector<HashAlgorithm>& banks) {
  if (event.pcr >= tpm::kPcrCount) return MeasuredPart::kNothing;
  std::optional<MeasuredPart> common;
  for (const HashAlgorithm bank : banks) {
    if (event.digests.Find(tpm::IdOf(bank)).empty()) continue;
    const MeasuredPart part = eventlog::FindMeasuredPart(event, bank);
    if (common && *common != part) return MeasuredPart::kNothing;
    common = part;
  }
  return common.value_or(MeasuredPart::kNothing);
}

Row RowOf(const Event& event, std::optional<HashAlgorithm> bank, MeasuredPart part) {
  Row row{.index = event.index,
          .pcr = event.pcr,
          .type = eventlog::EventTypeName(event.untrusted_type),
          .digests = DigestsToJson(event),
          .data = HexEncode(event.data),
          .content = eventlog::DescribeContent(event.untrusted_type, event.data, part),
          .digest = {}};
  if (bank) row.digest = HexEncode(event.digests.Find(tpm::IdOf(*bank)));
  return row;
}

json::Object ToJson(const Row& row) {
  json::Object object{
      {"index", row.index}, {"pcr", row.pcr ? json::Value(*row.pcr) : json::Value()},
      {"type", row.type},   {"digests", row.digests},
      {"data", row.data},   {"digest_covers", eventlog::MeasuredPartName(row.content.part)}};
  if (!row.content.measured.empty()) object.Set("content", row.content.measured);
  if (!row.content.untrusted.empty()) object.Set("untrusted_content", row.content.untrusted);
  return object;
}

// The members that tell a person most, in one line.
std::string Line(const json::Object& content) {
  constexpr std::string_view kTold[] = {"name",
                                        "key",
                                        "text",
                                        "signature",
                                        "manufacturer",
                                        "model",
                                        "firmware_version",
                                        "description",
                                        "block",
                                        "base",
                                        "length",
                                        "disk",
                                        "device_path",
                                        "boot_order",
                                        "value",
                                        "separator",
                                        "guid",
                                        "tag",
                                        "startup_locality"};
  std::string line;
  for (const std::string_view name : kTold) {
    const json::Value* value = content.Find(name);
    if (value == nullptr) continue;
    const std::string text =
        value->as_string() != nullptr ? *value->as_string() : json::Serialize(*value);
    if (!text.empty()) line += (line.empty() ? "" : " ") + text;
  }
  for (const auto& [name, noun] :
       {std::pair("signature_lists", "signature list"), std::pair("sipa_events", "SIPA event"),
        std::pair("tables", "table"), std::pair("algorithms", "digest algorithm")}) {
    const json::Value* list = content.Find(name);
    if (list == nullptr || list->as_array() == nullptr) continue;
    line += fmt::format("{}({})", line.empty() ? "" : " ", Counted(list->as_array()->size(), noun));
  }
  return line;
}

// So that nothing in a log looks like the marks around what is not covered.
std::string WithoutMarks(std::string text) {
  for (std::size_t at = text.find('~'); at != std::string::npos; at = text.find('~', at)) {
    text.replace(at, 1, "\\x7e");
  }
  return text;
}

class Summary {
 public:
  explicit Summary(const InspectEventLog& wanted) : wanted_(wanted), replay_(banks_) {}

  // Read as far as the log can be read; an error if no record can.
  Status ReadFirmware(ByteView log);
  Status ReadUserSpace(ByteView log);
  json::Value ToJson() const;
  std::string ForPeople(const Look& look) const;

 private:
  void Add(const Event& event);
  void Add(const eventlog::CelRecord& record);
  void AddRow(Row row);  // unless nobody asked for what it is about
  template <class Type>
  bool IsWantedType(const Type& type) const {
    return wanted_.types.empty() || std::ranges::any_of(wanted_.types, [&](const auto& wanted) {
             return wanted.Matches(type);
           });
  }
  void TakeNotes(const eventlog::Notes& notes, std::string_view of);
  void AddError(const Error& error) {
    notes_.push_back({.id = error.id, .event = records_, .detail = error.message});
  }
  std::string RegisterName(std::uint32_t number) const;
  json::Object PcrsToJson() const;

  const InspectEventLog& wanted_;
  // What a header does not list is replayed too: some logs have such events.
  std::vector<HashAlgorithm> banks_ = {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                       HashAlgorithm::kSha384, HashAlgorithm::kSha512};
  eventlog::Replay replay_;
  std::string format_;
  eventlog::Registers registers_ = eventlog::Registers::kTpm;
  std::vector<std::string> algorithms_;
  std::vector<HashAlgorithm> listed_banks_;
  std::uint64_t records_ = 0;
  std::vector<Row> rows_;
  std::vector<eventlog::Note> notes_;
  std::uint64_t trailing_bytes_ = 0;
};

Status Summary::ReadFirmware(ByteView log) {
  LQ_ASSIGN_OR_RETURN(eventlog::LogReader reader, eventlog::LogReader::Open(log));
  format_ = eventlog::FormatName(reader.format());
  registers_ = reader.registers();
  listed_banks_ = eventlog::ReplayedBanks(reader.algorithms());
  for (const HashAlgorithm bank : listed_banks_) {
    if (std::ranges::find(banks_, bank) == banks_.end()) banks_.push_back(bank);
  }
  replay_ = eventlog::Replay(banks_);
  for (const eventlog::DigestAlgorithm& algorithm : reader.algorithms()) {
    algorithms_.push_back(tpm::AlgorithmName(algorithm.id));
  }
  std::optional<Error> error;
  while (true) {
    auto next = reader.Next();
    if (!next) {
      error = std::move(next).error();
      break;
    }
    if (!*next) break;
    ++records_;
    Add(**next);
  }
  trailing_bytes_ = log.size() - reader.offset();
  TakeNotes(reader.notes(), "reading");
  TakeNotes(replay_.notes(), "replaying");
  std::ranges::sort(notes_, [](const eventlog::Note& a, const eventlog::Note& b) {
    return std::tie(a.event, a.id, a.detail) < std::tie(b.event, b.id, b.detail);
  });
  if (error) AddError(*error);
  return {};
}

Status Summary::ReadUserSpace(ByteView log) {
  format_ = "cel-json";
  for (const HashAlgorithm bank : {HashAlgorithm::kSm3_256, HashAlgorithm::kSha3_256,
                                   HashAlgorithm::kSha3_384, HashAlgorithm::kSha3_512}) {
    if (crypto::IsAvailable(bank)) banks_.push_back(bank);
  }
  replay_ = eventlog::Replay(banks_);
  eventlog::CelReader reader(log);
  std::optional<Error> error;
  while (true) {
    auto next = reader.Next();
    if (!next && records_ == 0) return std::move(next).error();
    if (!next) {
      error = std::move(next).error();
      break;
    }
    if (!*next) break;
    ++records_;
    Add(**next);
  }
  trailing_bytes_ = log.size() - reader.offset();
  TakeNotes(reader.notes(), "reading");
  if (error) AddError(*error);
  return {};
}

void Summary::Add(const Event& event) {
  replay_.Extend(event);
  if (wanted_.pcrs && !wanted_.pcrs->Contains(event.pcr)) return;
  if (!IsWantedType(event.untrusted_type)) return;
  AddRow(RowOf(event, BankOf(event, banks_), PartOf(event, listed_banks_)));
}

void Summary::Add(const eventlog::CelRecord& record) {
  const Event event = eventlog::AsEvent(record);
  if (record.pcr) replay_.Extend(event);
  for (const crypto::Digest& digest : record.digests) {
    if (std::ranges::find(listed_banks_, digest.algorithm()) != listed_banks_.end()) continue;
    listed_banks_.push_back(digest.algorithm());
    algorithms_.emplace_back(crypto::HashName(digest.algorithm()));
  }
  if (!IsWantedType(record.untrusted_event_type)) return;
  if (wanted_.pcrs && (!record.pcr || !wanted_.pcrs->Contains(*record.pcr))) return;
  Row row = RowOf(event, BankOf(event, banks_),
                  record.pcr ? PartOf(event, listed_banks_) : MeasuredPart::kNothing);
  row.pcr = record.pcr;
  row.type = EscapeForDisplay(record.untrusted_event_type);
  AddRow(std::move(row));
}

void Summary::AddRow(Row row) {
  const bool is_wanted = !wanted_.path || ContentMatches(*wanted_.path, row.content.measured) ||
                         ContentMatches(*wanted_.path, row.content.untrusted);
  if (is_wanted) rows_.push_back(std::move(row));
}

void Summary::TakeNotes(const eventlog::Notes& notes, std::string_view of) {
  notes_.insert(notes_.end(), notes.list().begin(), notes.list().end());
  if (notes.dropped() == 0) return;
  notes_.push_back({.id = "eventlog.notes_dropped",
                    .event = notes.list().back().event,
                    .detail = fmt::format("{} more notes of {}", notes.dropped(), of)});
}

// Every bank of the header, also one that nothing extended.
json::Object Summary::PcrsToJson() const {
  json::Object pcrs;
  for (const HashAlgorithm bank : listed_banks_) pcrs.Set(crypto::HashName(bank), json::Object());
  const json::Value values = replay_.Values().ToJson();
  for (const auto& [bank, numbers] : *values.as_object()) pcrs.Set(bank, numbers);
  return pcrs;
}

json::Value Summary::ToJson() const {
  json::Array algorithms(algorithms_.begin(), algorithms_.end());
  json::Array events;
  for (const Row& row : rows_) events.push_back(cli::ToJson(row));
  json::Array notes;
  for (const eventlog::Note& note : notes_) {
    notes.push_back(json::Object{{"id", note.id}, {"event", note.event}, {"detail", note.detail}});
  }
  json::Object document{{"format", format_},
                        {"registers", eventlog::RegistersName(registers_)},
                        {"algorithms", std::move(algorithms)},
                        {"events", std::move(events)},
                        {"pcrs", PcrsToJson()},
                        {"startup_locality", json::Value()},
                        {"trailing_bytes", trailing_bytes_},
                        {"notes", std::move(notes)}};
  if (const auto locality = replay_.startup_locality()) {
    document.Set("startup_locality", int{*locality});
  }
  return document;
}

std::string Summary::RegisterName(std::uint32_t number) const {
  const std::string_view name = eventlog::CcelRegisterName(number);
  if (registers_ == eventlog::Registers::kCcel && !name.empty()) return std::string(name);
  return fmt::format("{}", number);
}

std::string Summary::ForPeople(const Look& look) const {
  const auto locality = replay_.startup_locality();
  std::string text =
      RenderPairs({{"format", format_},
                   {"registers", std::string(eventlog::RegistersName(registers_))},
                   {"algorithms", fmt::format("{}", fmt::join(algorithms_, ", "))},
                   {"events", fmt::format("{}", records_)},
                   {"startup locality", locality ? fmt::format("{}", *locality) : std::string()},
                   {"trailing bytes", fmt::format("{}", trailing_bytes_)}},
                  look);
  text += "as the log states it, nothing was verified; what no digest covers is in ~ ~:\n";
  Table table({"EVENT", "PCR", "TYPE", "DIGEST", "CONTENT"});
  constexpr std::size_t kShownDigits = 16;
  for (const Row& row : rows_) {
    const std::string measured = WithoutMarks(Line(row.content.measured));
    const std::string untrusted = WithoutMarks(Line(row.content.untrusted));
    std::string content = untrusted.empty() ? "" : "~" + untrusted + "~";
    if (!measured.empty()) content += (content.empty() ? "" : " ") + measured;
    table.Add({fmt::format("{}", row.index), row.pcr ? RegisterName(*row.pcr) : "NV", row.type,
               row.digest.substr(0, kShownDigits),
               Cell(content, measured.empty() ? Tint::kFaint : Tint::kNone)});
  }
  text += table.Render(look);
  const tpm::PcrValues values = replay_.Values();
  const std::string_view prefix = registers_ == eventlog::Registers::kCcel ? "" : "PCR ";
  for (const HashAlgorithm bank : values.Banks()) {
    for (const std::uint32_t pcr : values.Numbers(bank).ToList()) {
      if (wanted_.pcrs && !wanted_.pcrs->Contains(pcr)) continue;
      text += fmt::format("  {}{} {}  {}\n", prefix, PadTo(RegisterName(pcr), 2),
                          PadTo(crypto::HashName(bank), 6), values.Find(bank, pcr)->hex());
    }
  }
  for (const eventlog::Note& note : notes_) {
    text += fmt::format("note: event {}: {} [{}]\n", note.event, Shown(note.detail), note.id);
  }
  return text;
}

// TCG's binary records begin with a PCR, whose first byte is far below these characters;
// only JSON begins with one and goes on with a brace.
bool IsUserSpaceLog(std::string_view content) {
  constexpr std::string_view kBlanks = " \t\r\n";
  if (content.starts_with("\x1e{")) return true;
  const std::size_t begin = content.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos || content[begin] != '[') return false;
  const std::size_t next = content.find_first_not_of(kBlanks, begin + 1);
  return next != std::string_view::npos && content[next] == '{';
}

}  // namespace

Result<Ending> InspectEventLog::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(file, kMaxLogInput));
  Summary summary(*this);
  LQ_RETURN_IF_ERROR(IsUserSpaceLog(content) ? summary.ReadUserSpace(AsBytes(content))
                                             : summary.ReadFirmware(AsBytes(content)));
  LQ_RETURN_IF_ERROR(console.Show(
      summary.ToJson(), [&] { return summary.ForPeople(console.look()); },
      no_pager ? Paging::kNever : Paging::kOnTerminal));
  return Ending::kDone;
}

}  // namespace limequat::cli
