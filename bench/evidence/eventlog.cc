#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/json/value.h"
#include "measure.h"

// usage: bench_eventlog LOG COPIES ROUNDS OUT
//
// Writes a log that has the records of LOG behind its header COPIES times to OUT, measures
// reading and replaying it in all its banks, and prints one JSON object: sizes, and
// seconds of CPU.

namespace limequat::bench {
namespace {

Result<Bytes> Repeat(ByteView log, int copies) {
  LQ_ASSIGN_OR_RETURN(auto reader, eventlog::LogReader::Open(log));
  LQ_ASSIGN_OR_RETURN(auto header, reader.Next());
  if (!header) return Malformed("bench.eventlog", "a log without a header");
  const std::size_t begin = reader.offset();
  std::size_t end = begin;
  while (true) {
    LQ_ASSIGN_OR_RETURN(auto event, reader.Next());
    if (!event) break;
    end = reader.offset();  // what follows may be padding
  }
  Bytes out = ToBytes(log.first(begin));
  for (int i = 0; i < copies; ++i) Append(out, log.subspan(begin, end - begin));
  return out;
}

template <class Each>
std::uint64_t ForEach(ByteView log, const Each& each) {
  auto reader = eventlog::LogReader::Open(log);
  LQ_CHECK(reader.has_value());
  while (true) {
    const auto event = reader->Next();
    LQ_CHECK(event.has_value());
    if (!*event) return reader->index();
    each(**event);
  }
}

std::uint64_t Parse(ByteView log) {
  std::size_t seen = 0;
  const std::uint64_t events =
      ForEach(log, [&](const eventlog::Event& event) { seen += event.data.size(); });
  LQ_CHECK(seen > 0);
  return events;
}

void ParseAndReplay(ByteView log, std::uint64_t events) {
  eventlog::Replay replay(eventlog::ReplayedBanks(eventlog::LogReader::Open(log)->algorithms()));
  LQ_CHECK(ForEach(log, [&](const eventlog::Event& event) { replay.Extend(event); }) == events);
  LQ_CHECK(!replay.Values().empty());
}

Result<json::Object> Run(ByteView original, int copies, int rounds, const std::string& out) {
  LQ_ASSIGN_OR_RETURN(const Bytes log, Repeat(original, copies));
  std::ofstream(out, std::ios::binary) << AsText(log);
  const std::uint64_t events = Parse(log);
  const auto banks = eventlog::ReplayedBanks(eventlog::LogReader::Open(log)->algorithms()).size();
  Comparison comparison;
  comparison.Add("parse", [&] { Parse(log); });
  comparison.Add("parse_and_replay", [&] { ParseAndReplay(log, events); });
  comparison.Run(rounds);
  return json::Object{{"events", events},
                      {"bytes", std::uint64_t{log.size()}},
                      {"banks", std::uint64_t{banks}},
                      {"seconds", comparison.Seconds()}};
}

}  // namespace
}  // namespace limequat::bench

int main(int argc, char** argv) {
  if (argc != 5 || std::atoi(argv[2]) < 1 || std::atoi(argv[3]) < 1) {
    std::cerr << "usage: bench_eventlog LOG COPIES ROUNDS OUT\n";
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string log((std::istreambuf_iterator<char>(file)), {});
  const auto figures =
      limequat::bench::Run(limequat::AsBytes(log), std::atoi(argv[2]), std::atoi(argv[3]), argv[4]);
  if (!figures) {
    std::cerr << figures.error().message << '\n';
    return 1;
  }
  std::cout << limequat::json::Serialize(*figures) << '\n';
  return 0;
}
