#include "limequat/cli/inspect_eventlog.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/table.h"
#include "limequat/cli/text.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"

namespace limequat::cli {

namespace {

using crypto::HashAlgorithm;
using eventlog::Event;
using eventlog::MeasuredPart;

// The strongest bank that the event has a digest of: what the digest covers is the
// same in all of them.
std::optional<HashAlgorithm> BankOf(const Event& event, const std::vector<HashAlgorithm>& banks) {
  std::optional<HashAlgorithm> best;
  for (const HashAlgorithm bank : banks) {
    if (event.digests.Find(tpm::IdOf(bank)).empty()) continue;
    if (!best || crypto::DigestSize(bank) > crypto::DigestSize(*best)) best = bank;
  }
  return best;
}

struct ShownEvent {
  Event event;
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

json::Object ToJson(const ShownEvent& shown) {
  const Event& event = shown.event;
  json::Object object{{"index", event.index},
                      {"pcr", event.pcr},
                      {"type", eventlog::EventTypeName(event.untrusted_type)},
                      {"digests", DigestsToJson(event)},
                      {"data", HexEncode(event.data)},
                      {"digest_covers", eventlog::MeasuredPartName(shown.content.part)}};
  if (!shown.content.measured.empty()) object.Set("content", shown.content.measured);
  if (!shown.content.untrusted.empty()) object.Set("untrusted_content", shown.content.untrusted);
  return object;
}

// The members that tell a person most, in one line.
std::string Line(const json::Object& content) {
  constexpr std::string_view kTold[] = {
      "name",        "key",       "text",   "signature", "manufacturer",    "model",
      "description", "base",      "length", "disk",      "device_path",     "boot_order",
      "value",       "separator", "guid",   "tag",       "startup_locality"};
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

class Summary {
 public:
  explicit Summary(const InspectEventLog& wanted) : wanted_(wanted) {}

  // Reads as far as the log can be read.
  Status Read(ByteView log);
  json::Value ToJson() const;
  std::string ForPeople(const Look& look) const;

 private:
  bool IsWanted(const Event& event) const {
    return (!wanted_.pcrs || wanted_.pcrs->Contains(event.pcr)) &&
           (wanted_.types.empty() ||
            std::ranges::find(wanted_.types, event.untrusted_type) != wanted_.types.end());
  }
  void Add(const Event& event);
  void TakeNotes(const eventlog::Notes& notes, std::string_view of);
  json::Object PcrsToJson() const;
  json::Array AlgorithmsToJson() const;

  const InspectEventLog& wanted_;
  std::optional<eventlog::LogReader> reader_;
  std::vector<eventlog::DigestAlgorithm> algorithms_;
  std::vector<HashAlgorithm> banks_;
  std::optional<eventlog::Replay> replay_;
  std::vector<ShownEvent> events_;
  std::vector<eventlog::Note> notes_;
  std::uint64_t trailing_bytes_ = 0;
};

Status Summary::Read(ByteView log) {
  auto opened = eventlog::LogReader::Open(log);
  if (!opened) return std::move(opened).error();
  eventlog::LogReader& reader = reader_.emplace(*std::move(opened));
  algorithms_ = reader.algorithms();
  // What the header does not list is replayed too: some logs have such events.
  banks_ = {HashAlgorithm::kSha1, HashAlgorithm::kSha256, HashAlgorithm::kSha384,
            HashAlgorithm::kSha512};
  replay_.emplace(banks_);
  std::optional<Error> error;
  while (true) {
    auto next = reader.Next();
    if (!next) {
      error = std::move(next).error();
      break;
    }
    if (!*next) break;
    Add(**next);
  }
  trailing_bytes_ = log.size() - reader.offset();
  TakeNotes(reader.notes(), "reading");
  TakeNotes(replay_->notes(), "replaying");
  std::ranges::sort(notes_, [](const eventlog::Note& a, const eventlog::Note& b) {
    return std::tie(a.event, a.id, a.detail) < std::tie(b.event, b.id, b.detail);
  });
  if (error) {
    notes_.push_back({.id = error->id, .event = reader.index(), .detail = error->message});
  }
  return {};
}

void Summary::Add(const Event& event) {
  replay_->Extend(event);
  if (!IsWanted(event)) return;
  const auto bank = BankOf(event, banks_);
  const MeasuredPart part =
      bank ? eventlog::FindMeasuredPart(event, *bank) : MeasuredPart::kNothing;
  ShownEvent shown{.event = event,
                   .content = eventlog::DescribeContent(event.untrusted_type, event.data, part),
                   .digest = {}};
  if (bank) shown.digest = HexEncode(event.digests.Find(tpm::IdOf(*bank)));
  events_.push_back(std::move(shown));
}

void Summary::TakeNotes(const eventlog::Notes& notes, std::string_view of) {
  notes_.insert(notes_.end(), notes.list().begin(), notes.list().end());
  if (notes.dropped() == 0) return;
  notes_.push_back({.id = "eventlog.notes_dropped",
                    .event = notes.list().back().event,
                    .detail = fmt::format("{} more notes of {}", notes.dropped(), of)});
}

json::Array Summary::AlgorithmsToJson() const {
  json::Array algorithms;
  for (const eventlog::DigestAlgorithm& algorithm : algorithms_) {
    algorithms.push_back(tpm::AlgorithmName(algorithm.id));
  }
  return algorithms;
}

// Every bank of the header, also one that nothing extended.
json::Object Summary::PcrsToJson() const {
  json::Object pcrs;
  for (const HashAlgorithm bank : eventlog::ReplayedBanks(algorithms_)) {
    pcrs.Set(crypto::HashName(bank), json::Object());
  }
  const json::Value values = replay_->Values().ToJson();
  for (const auto& [bank, numbers] : *values.as_object()) pcrs.Set(bank, numbers);
  return pcrs;
}

json::Value Summary::ToJson() const {
  json::Array events;
  for (const ShownEvent& shown : events_) events.push_back(cli::ToJson(shown));
  json::Array notes;
  for (const eventlog::Note& note : notes_) {
    notes.push_back(json::Object{{"id", note.id}, {"event", note.event}, {"detail", note.detail}});
  }
  json::Object document{{"format", eventlog::FormatName(reader_->format())},
                        {"registers", eventlog::RegistersName(reader_->registers())},
                        {"algorithms", AlgorithmsToJson()},
                        {"events", std::move(events)},
                        {"pcrs", PcrsToJson()},
                        {"startup_locality", json::Value()},
                        {"trailing_bytes", trailing_bytes_},
                        {"notes", std::move(notes)}};
  if (const auto locality = replay_->startup_locality()) {
    document.Set("startup_locality", int{*locality});
  }
  return document;
}

std::string Summary::ForPeople(const Look& look) const {
  std::string algorithms;
  for (const eventlog::DigestAlgorithm& algorithm : algorithms_) {
    algorithms += (algorithms.empty() ? "" : ", ") + tpm::AlgorithmName(algorithm.id);
  }
  const auto locality = replay_->startup_locality();
  std::string text =
      RenderPairs({{"format", std::string(eventlog::FormatName(reader_->format()))},
                   {"registers", std::string(eventlog::RegistersName(reader_->registers()))},
                   {"algorithms", algorithms},
                   {"events", fmt::format("{}", reader_->index())},
                   {"startup locality", locality ? fmt::format("{}", *locality) : std::string()},
                   {"trailing bytes", fmt::format("{}", trailing_bytes_)}},
                  look);
  text += "as the log states it, nothing was verified; what no digest covers is in ~ ~:\n";
  Table table({"EVENT", "PCR", "TYPE", "DIGEST", "CONTENT"});
  constexpr std::size_t kShownDigits = 16;
  for (const ShownEvent& shown : events_) {
    const std::string measured = Line(shown.content.measured);
    const std::string untrusted = Line(shown.content.untrusted);
    std::string content = untrusted.empty() ? "" : "~" + untrusted + "~";
    if (!measured.empty()) content += (content.empty() ? "" : " ") + measured;
    table.Add({fmt::format("{}", shown.event.index), fmt::format("{}", shown.event.pcr),
               eventlog::EventTypeName(shown.event.untrusted_type),
               shown.digest.substr(0, kShownDigits),
               Cell(content, measured.empty() ? Tint::kFaint : Tint::kNone)});
  }
  text += table.Render(look);
  const tpm::PcrValues values = replay_->Values();
  for (const HashAlgorithm bank : values.Banks()) {
    for (const std::uint32_t pcr : values.Numbers(bank).ToList()) {
      if (wanted_.pcrs && !wanted_.pcrs->Contains(pcr)) continue;
      text += fmt::format("  PCR {} {}  {}\n", PadTo(fmt::format("{}", pcr), 2),
                          PadTo(crypto::HashName(bank), 6), values.Find(bank, pcr)->hex());
    }
  }
  for (const eventlog::Note& note : notes_) {
    text += fmt::format("note: event {}: {} [{}]\n", note.event, cli::Shown(note.detail), note.id);
  }
  return text;
}

}  // namespace

Result<Ending> InspectEventLog::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(file, kMaxListInput));
  Summary summary(*this);
  LQ_RETURN_IF_ERROR(summary.Read(AsBytes(content)));
  LQ_RETURN_IF_ERROR(
      console.Show(summary.ToJson(), [&] { return summary.ForPeople(console.look()); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
