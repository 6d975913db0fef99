#include "limequat/tpm/pcr.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"

namespace limequat::tpm {

namespace {

// Texts of people and peers quoted in an error: enough to recognise them.
constexpr std::size_t kQuoted = 64;

// A PCR number in its only spelling: decimal, no sign, no leading zero. "07" beside
// "7" would give one PCR two values.
std::optional<std::uint32_t> PcrNumber(std::string_view text) {
  if (text.empty() || text.size() > 2 || (text.size() == 2 && text.front() == '0')) {
    return std::nullopt;
  }
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number >= kPcrCount) {
    return std::nullopt;
  }
  return number;
}

// One part of a list: "7" or "0-7".
std::optional<PcrSet> PcrRange(std::string_view part) {
  const std::size_t dash = part.find('-');
  const std::optional<std::uint32_t> first = PcrNumber(part.substr(0, dash));
  const std::optional<std::uint32_t> last =
      dash == std::string_view::npos ? first : PcrNumber(part.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PcrSet::Range(*first, *last);
}

// The part of `text` before `separator`; `text` keeps what follows it. nullopt after
// the last part.
std::optional<std::string_view> NextPart(std::optional<std::string_view>& text, char separator) {
  if (!text) return std::nullopt;
  const std::size_t end = text->find(separator);
  const std::string_view part = text->substr(0, end);
  if (end == std::string_view::npos) {
    text.reset();
  } else {
    text->remove_prefix(end + 1);
  }
  return part;
}

Status AddBankFromJson(crypto::HashAlgorithm bank, const json::Value& value, PcrValues& values) {
  const json::Object* object = value.as_object();
  if (object == nullptr) {
    return Malformed("tpm.pcr_values", fmt::format("bank {}: expected an object, found {}",
                                                   crypto::HashName(bank), value.type_name()));
  }
  for (const auto& [name, digest] : *object) {
    const std::optional<std::uint32_t> pcr = PcrNumber(name);
    if (!pcr) {
      return Malformed(
          "tpm.pcr_values",
          fmt::format("bank {}: '{}' is not a PCR number of 0 to {}", crypto::HashName(bank),
                      EscapeForDisplay(name, kQuoted), kPcrCount - 1));
    }
    const std::string* hex = digest.as_string();
    Result<crypto::Digest> parsed = hex == nullptr ? Malformed("tpm.pcr_values", "not a string")
                                                   : crypto::Digest::FromHex(bank, *hex);
    if (!parsed) {
      return Malformed("tpm.pcr_values", fmt::format("bank {}, PCR {}: {}", crypto::HashName(bank),
                                                     *pcr, parsed.error().message));
    }
    values.Set(*pcr, *parsed);
  }
  return {};
}

}  // namespace

int PcrSet::size() const { return std::popcount(bits_); }

std::vector<std::uint32_t> PcrSet::ToList() const {
  std::vector<std::uint32_t> list;
  for (std::uint32_t pcr = 0; pcr < kPcrCount; ++pcr) {
    if (Contains(pcr)) list.push_back(pcr);
  }
  return list;
}

std::string PcrSet::ToString() const {
  std::string text;
  for (std::uint32_t first = 0; first < kPcrCount; ++first) {
    if (!Contains(first)) continue;
    std::uint32_t last = first;
    while (Contains(last + 1)) ++last;
    if (!text.empty()) text += ',';
    text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    first = last;
  }
  return text;
}

Result<PcrSet> ParsePcrList(std::string_view text) {
  PcrSet set;
  std::optional<std::string_view> rest = text;
  while (const std::optional<std::string_view> part = NextPart(rest, ',')) {
    const std::optional<PcrSet> range = PcrRange(*part);
    if (!range) {
      return Malformed("tpm.pcr_list",
                       fmt::format("'{}' is neither a PCR number of 0 to {} nor a rising range",
                                   EscapeForDisplay(*part, kQuoted), kPcrCount - 1));
    }
    set = set | *range;
  }
  return set;
}

Result<PcrSelection> ParsePcrSelectionText(std::string_view text) {
  PcrSelection selection;
  std::optional<std::string_view> rest = text;
  while (const std::optional<std::string_view> part = NextPart(rest, '+')) {
    const std::size_t colon = part->find(':');
    const auto hash = BankFromName(part->substr(0, colon));
    if (!hash || colon == std::string_view::npos) {
      return Malformed("tpm.pcr_selection", fmt::format("'{}' is not of the form sha256:0-7,10",
                                                        EscapeForDisplay(*part, kQuoted)));
    }
    Result<PcrSet> pcrs = ParsePcrList(part->substr(colon + 1));
    if (!pcrs) return Malformed("tpm.pcr_selection", std::move(pcrs).error().message);
    const AlgorithmId bank = IdOf(*hash);
    if (std::ranges::find(selection, bank, &BankSelection::bank) != selection.end()) {
      return Malformed("tpm.pcr_selection",
                       fmt::format("bank {} is named twice", AlgorithmName(bank)));
    }
    selection.push_back({.bank = bank, .pcrs = *pcrs});
  }
  return selection;
}

PcrValues::Entries::const_iterator PcrValues::LowerBound(crypto::HashAlgorithm bank,
                                                         std::uint32_t pcr) const {
  return std::ranges::lower_bound(entries_, std::pair(bank, pcr), {}, [](const Entry& entry) {
    return std::pair(entry.value.algorithm(), entry.pcr);
  });
}

void PcrValues::Set(std::uint32_t pcr, const crypto::Digest& value) {
  // One bank of the usual size needs no second piece of memory.
  if (entries_.empty()) entries_.reserve(kPcrCount);
  const auto place = LowerBound(value.algorithm(), pcr);
  if (place != entries_.end() && place->pcr == pcr &&
      place->value.algorithm() == value.algorithm()) {
    entries_[static_cast<std::size_t>(place - entries_.begin())].value = value;
  } else {
    entries_.insert(place, {.pcr = pcr, .value = value});
  }
}

const crypto::Digest* PcrValues::Find(crypto::HashAlgorithm bank, std::uint32_t pcr) const {
  const auto place = LowerBound(bank, pcr);
  const bool found =
      place != entries_.end() && place->pcr == pcr && place->value.algorithm() == bank;
  return found ? &place->value : nullptr;
}

PcrSet PcrValues::Numbers(crypto::HashAlgorithm bank) const {
  PcrSet numbers;
  for (const Entry& entry : entries_) {
    if (entry.value.algorithm() == bank) numbers = numbers | PcrSet::Of(entry.pcr);
  }
  return numbers;
}

std::vector<crypto::HashAlgorithm> PcrValues::Banks() const {
  std::vector<crypto::HashAlgorithm> banks;
  for (const Entry& entry : entries_) {
    const crypto::HashAlgorithm bank = entry.value.algorithm();
    if (banks.empty() || banks.back() != bank) banks.push_back(bank);
  }
  return banks;
}

json::Value PcrValues::ToJson() const {
  json::Object banks;
  for (const crypto::HashAlgorithm bank : Banks()) {
    json::Object values;
    for (const Entry& entry : entries_) {
      if (entry.value.algorithm() != bank) continue;
      values.Set(fmt::format("{}", entry.pcr), entry.value.hex());
    }
    banks.Set(crypto::HashName(bank), std::move(values));
  }
  return banks;
}

Result<PcrValues> PcrValues::FromJson(const json::Value& value) {
  const json::Object* object = value.as_object();
  if (object == nullptr) {
    return Malformed("tpm.pcr_values",
                     fmt::format("expected an object of banks, found {}", value.type_name()));
  }
  PcrValues values;
  for (const auto& [name, pcrs] : *object) {
    const auto bank = BankFromName(name);
    if (!bank) {
      return Malformed("tpm.pcr_values", fmt::format("'{}' is not the name of a bank",
                                                     EscapeForDisplay(name, kQuoted)));
    }
    LQ_RETURN_IF_ERROR(AddBankFromJson(*bank, pcrs, values));
  }
  return values;
}

}  // namespace limequat::tpm
