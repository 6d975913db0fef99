#include "limequat/eventlog/replay.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "limequat/base/check.h"

namespace limequat::eventlog {

namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

constexpr std::string_view kLocalitySignature("StartupLocality\0", 16);
constexpr std::uint8_t kHcrtmLocality = 4;
constexpr tpm::PcrSet kDrtmPcrs = tpm::PcrSet::Range(17, 22);

// A digest of zeros that ends with `last`, or of ones.
Digest InitialValue(HashAlgorithm bank, std::uint8_t fill, std::uint8_t last) {
  std::array<std::uint8_t, crypto::kMaxDigestSize> bytes;
  bytes.fill(fill);
  const std::size_t size = crypto::DigestSize(bank);
  bytes[size - 1] = last;
  auto digest = Digest::FromBytes(bank, ByteView(bytes).first(size));
  LQ_CHECK(digest.has_value());
  return *digest;
}

// TPM2_Startup comes from locality 0 or 3; 4 stands for a hardware CRTM.
bool CanStart(std::uint8_t locality) {
  return locality == 0 || locality == 3 || locality == kHcrtmLocality;
}

bool HasLocalitySignature(ByteView data) { return AsText(data).starts_with(kLocalitySignature); }

}  // namespace

std::optional<std::uint8_t> ParseStartupLocality(ByteView data) {
  if (data.size() != kLocalitySignature.size() + 1) return std::nullopt;
  if (!HasLocalitySignature(data)) return std::nullopt;
  return data.back();
}

std::vector<HashAlgorithm> ReplayedBanks(const std::vector<DigestAlgorithm>& algorithms) {
  std::vector<HashAlgorithm> banks;
  for (const DigestAlgorithm& algorithm : algorithms) {
    if (const auto hash = tpm::HashOf(algorithm.id)) banks.push_back(*hash);
  }
  return banks;
}

Replay::Replay(const std::vector<HashAlgorithm>& banks) {
  for (const HashAlgorithm algorithm : banks) {
    Bank bank{.algorithm = algorithm, .values = {}, .extended = {}};
    for (std::uint32_t pcr = 0; pcr < tpm::kPcrCount; ++pcr) {
      const std::uint8_t fill = kDrtmPcrs.Contains(pcr) ? 0xff : 0x00;
      bank.values.push_back(InitialValue(algorithm, fill, fill));
    }
    banks_.push_back(std::move(bank));
  }
}

void Replay::Extend(const Event& event) {
  if (event.untrusted_type == EventType::kNoAction) {
    ReadNoAction(event);
    return;
  }
  if (event.pcr >= tpm::kPcrCount) {
    notes_.Add("eventlog.pcr", event.index,
               fmt::format("there is no PCR {}: the event extends none", event.pcr));
    return;
  }
  if (event.pcr == 0 && event.digests.size() != 0) {
    if (!pcr0_was_extended_ && !startup_locality_ &&
        event.untrusted_type == EventType::kEfiHcrtmEvent) {
      StartWith(kHcrtmLocality);
    }
    pcr0_was_extended_ = true;
  }
  for (Bank& bank : banks_) {
    const ByteView digest = event.digests.Find(tpm::IdOf(bank.algorithm));
    if (digest.empty()) continue;
    Digest& value = bank.values[event.pcr];
    // A dynamic launch resets these before it extends them.
    if (kDrtmPcrs.Contains(event.pcr) && !bank.extended.Contains(event.pcr)) {
      value = Digest(bank.algorithm);
    }
    value = crypto::Extend(value, digest);
    bank.extended = bank.extended | tpm::PcrSet::Of(event.pcr);
  }
}

void Replay::ReadNoAction(const Event& event) {
  if (!HasLocalitySignature(event.data)) return;
  const auto note = [&](std::string detail) {
    notes_.Add("eventlog.startup_locality", event.index, std::move(detail));
  };
  const auto locality = ParseStartupLocality(event.data);
  if (!locality) {
    note(fmt::format("a StartupLocality event of {} bytes, not 17, says nothing about PCR 0",
                     event.data.size()));
    return;
  }
  if (event.pcr != 0) {
    note(fmt::format("a StartupLocality event in PCR {} says nothing about PCR 0", event.pcr));
    return;
  }
  if (pcr0_was_extended_) {
    note("a StartupLocality event behind the first extend of PCR 0 is ignored");
    return;
  }
  if (startup_locality_) {
    const std::string detail = fmt::format("a second StartupLocality event: locality {} after {}",
                                           *locality, *startup_locality_);
    note(detail);
    if (*locality != *startup_locality_ && startup_problem_.empty()) startup_problem_ = detail;
    return;
  }
  if (!CanStart(*locality)) {
    startup_problem_ = fmt::format("locality {} cannot start a TPM", *locality);
    note(startup_problem_);
  }
  startup_locality_ = *locality;
  StartWith(*locality);
}

void Replay::StartWith(std::uint8_t locality) {
  for (Bank& bank : banks_) bank.values[0] = InitialValue(bank.algorithm, 0, locality);
}

const Replay::Bank& Replay::BankOf(HashAlgorithm algorithm) const {
  const auto bank = std::ranges::find(banks_, algorithm, &Bank::algorithm);
  LQ_CHECK(bank != banks_.end());
  return *bank;
}

const Digest& Replay::Pcr(HashAlgorithm bank, std::uint32_t pcr) const {
  LQ_CHECK(pcr < tpm::kPcrCount);
  return BankOf(bank).values[pcr];
}

tpm::PcrSet Replay::Extended(HashAlgorithm bank) const { return BankOf(bank).extended; }

tpm::PcrValues Replay::Values() const {
  tpm::PcrValues values;
  for (const Bank& bank : banks_) {
    for (const std::uint32_t pcr : bank.extended.ToList()) values.Set(pcr, bank.values[pcr]);
  }
  return values;
}

}  // namespace limequat::eventlog
