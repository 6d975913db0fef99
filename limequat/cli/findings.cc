#include "limequat/cli/findings.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/check_catalogue.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/table.h"
#include "limequat/json/value.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kShownCheck = 64;

json::Object ToJson(const CheckEntry& entry) {
  return {{"check", entry.check},   {"meaning", entry.meaning}, {"causes", entry.causes},
          {"advice", entry.advice}, {"next", entry.next},       {"cause", CauseName(entry.cause)}};
}

json::Object ToJson(std::span<const CheckSection> catalogue) {
  json::Array sections;
  for (const CheckSection& section : catalogue) {
    json::Array checks;
    for (const CheckEntry& entry : section.entries) checks.push_back(ToJson(entry));
    sections.push_back(json::Object{{"title", section.title},
                                    {"introduction", section.introduction},
                                    {"checks", std::move(checks)}});
  }
  return {{"sections", std::move(sections)}};
}

std::string RenderCatalogue(std::span<const CheckSection> catalogue, const Look& look) {
  Table table({"CHECK", "CAUSE", "MEANING"});
  for (const CheckSection& section : catalogue) {
    for (const CheckEntry& entry : section.entries) {
      table.Add({std::string(entry.check), std::string(CauseName(entry.cause)),
                 std::string(entry.meaning)});
    }
  }
  return table.Render(look);
}

std::string RenderCheck(const CheckEntry& entry, const Look& look) {
  return fmt::format("{}\n{}", entry.check,
                     RenderPairs({{"meaning", std::string(entry.meaning)},
                                  {"likely causes", std::string(entry.causes)},
                                  {"what to do", std::string(entry.advice)},
                                  {"usual cause", std::string(CauseName(entry.cause))},
                                  {"next", std::string(entry.next)}},
                                 look, 2));
}

}  // namespace

Result<Ending> CheckCatalogueShow::Run(Console& console) const {
  if (!check) {
    LQ_RETURN_IF_ERROR(console.Show(ToJson(CheckCatalogue()), [&] {
      return RenderCatalogue(CheckCatalogue(), console.look());
    }));
    return Ending::kDone;
  }
  const CheckEntry* entry = FindCheckEntry(*check);
  if (entry == nullptr) {
    return NotFound("cli.findings",
                    fmt::format("this version has no check '{}'; limequat findings lists all",
                                EscapeForDisplay(*check, kShownCheck)));
  }
  LQ_RETURN_IF_ERROR(
      console.Show(ToJson(*entry), [&] { return RenderCheck(*entry, console.look()); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
