#include "limequat/eventlog/verify.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/eventlog/replay.h"

namespace limequat::eventlog {

namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

constexpr std::string_view kCheckPresent = "eventlog.present";
constexpr std::string_view kCheckBank = "eventlog.bank";
constexpr std::string_view kCheckStartup = "eventlog.startup";
constexpr std::string_view kCheckBoot = "eventlog.boot";
constexpr std::string_view kCheckReplay = "eventlog.replay";

constexpr std::string_view kCcelIsNotVerified =
    "the log is that of a TDX guest (CCEL): it leads to RTMRs, which no quote of a TPM signs, and "
    "verification against a TD report is not there yet";

}  // namespace

bool VerifiedEvent::Measures(ByteView bytes) const {
  return crypto::Hash(digest_.algorithm(), bytes) == digest_;
}

std::optional<ByteView> VerifiedEvent::MeasuredData() const {
  if (!Measures(event_.data)) return std::nullopt;
  return event_.data;
}

std::optional<VerifiedEvent> VerifiedEvents::Next() {
  while (true) {
    const auto next = reader_.Next();
    LQ_CHECK(next.has_value());  // VerifyLog read it to its end
    if (!*next) return std::nullopt;
    const Event& event = **next;
    if (event.untrusted_type == EventType::kNoAction || !pcrs_.Contains(event.pcr)) continue;
    const ByteView value = event.digests.Find(tpm::IdOf(bank_));
    if (value.empty()) continue;
    const auto digest = Digest::FromBytes(bank_, value);
    LQ_CHECK(digest.has_value());
    return VerifiedEvent(event, *digest);
  }
}

std::optional<std::string_view> VerifiedRecord::MeasuredText() const {
  if (!record_.text) return std::nullopt;
  if (crypto::Hash(digest_.algorithm(), AsBytes(*record_.text)) != digest_) return std::nullopt;
  return *record_.text;
}

std::optional<VerifiedRecord> VerifiedRecords::Next() {
  while (true) {
    auto next = reader_.Next();
    LQ_CHECK(next.has_value());  // VerifyLog read it to its end
    if (!*next) return std::nullopt;
    CelRecord& record = **next;
    const Digest* digest = FindDigest(record, bank_);
    if (!record.pcr || digest == nullptr || left_[*record.pcr] == 0) continue;
    --left_[*record.pcr];
    const Digest value = *digest;
    return VerifiedRecord(std::move(record), value);
  }
}

// The only maker of a VerifiedLog.
class LogVerifier {
 public:
  LogVerifier(const BootLogs& logs, const tpm::PcrValues& values, HashAlgorithm bank)
      : logs_(logs), values_(values), bank_(bank), replay_({bank}) {}

  // Read the logs to their ends, in this order.
  Status ReadFirmware();
  Status ReadUserSpace();
  LogVerification Conclude(tpm::PcrSet required);

 private:
  Finding CheckPresent() const;
  Finding CheckBank() const;
  Finding CheckStartup() const;
  Finding CheckBoot(tpm::PcrSet covered) const;
  Finding CheckPcr(std::uint32_t pcr, tpm::PcrSet covered) const;
  bool LacksExitBootServices(std::uint32_t pcr) const;
  bool HasSignedValue(std::uint32_t pcr) const;
  // Signed, and what the logs lead to.
  bool Replays(std::uint32_t pcr) const;

  BootLogs logs_;
  const tpm::PcrValues& values_;  // signed, or vouched for by the caller
  HashAlgorithm bank_;
  Replay replay_;
  std::uint64_t measured_ = 0;  // events that some bank was extended with
  bool lists_bank_ = false;
  Registers registers_ = Registers::kTpm;
  // The event behind which a PCR had its signed value.
  std::array<std::optional<std::uint64_t>, tpm::kPcrCount> reached_;
  // Where the firmware's log ends or behind a record of user space a PCR had it.
  std::array<std::optional<std::uint64_t>, tpm::kPcrCount> covered_records_;
};

Status LogVerifier::ReadFirmware() {
  auto reader = LogReader::Open(logs_.firmware);
  if (!reader) {
    if (reader.error().id == "eventlog.empty") return {};
    return std::move(reader).error();
  }
  registers_ = reader->registers();
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<Event> event, reader->Next());
    if (!event) break;
    replay_.Extend(*event);
    if (event->untrusted_type == EventType::kNoAction || event->digests.size() == 0) continue;
    ++measured_;
    if (event->digests.Find(tpm::IdOf(bank_)).empty()) continue;
    lists_bank_ = true;
    if (event->pcr < tpm::kPcrCount && HasSignedValue(event->pcr)) {
      reached_[event->pcr] = event->index;
    }
  }
  return {};
}

Status LogVerifier::ReadUserSpace() {
  for (std::uint32_t pcr = 0; pcr < tpm::kPcrCount; ++pcr) {
    if (HasSignedValue(pcr)) covered_records_[pcr] = 0;
  }
  CoveredRecords seen{};
  CelReader reader(logs_.user_space);
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<CelRecord> record, reader.Next());
    if (!record) return {};
    if (!record->pcr || FindDigest(*record, bank_) == nullptr) continue;
    const std::uint32_t pcr = *record->pcr;
    replay_.Extend(AsEvent(*record));
    ++seen[pcr];
    if (HasSignedValue(pcr)) covered_records_[pcr] = seen[pcr];
  }
}

bool LogVerifier::HasSignedValue(std::uint32_t pcr) const {
  const Digest* signed_value = values_.Find(bank_, pcr);
  return signed_value != nullptr && *signed_value == replay_.Pcr(bank_, pcr);
}

bool LogVerifier::Replays(std::uint32_t pcr) const {
  return covered_records_[pcr].has_value() && (pcr != 0 || replay_.startup_problem().empty());
}

Finding LogVerifier::CheckPresent() const {
  if (measured_ != 0) return Passed(kCheckPresent, fmt::format("{} measured events", measured_));
  std::string detail = "there is no event log";
  if (!logs_.firmware.empty()) {
    detail = fmt::format("the event log of {} bytes has no measured event", logs_.firmware.size());
  }
  return Failed(kCheckPresent, std::move(detail), Cause::kFirmware);
}

Finding LogVerifier::CheckBank() const {
  const std::string_view name = crypto::HashName(bank_);
  if (registers_ == Registers::kCcel) {
    return NotEvaluated(kCheckBank, std::string(kCcelIsNotVerified), Cause::kConfiguration);
  }
  if (!lists_bank_) {
    return NotEvaluated(kCheckBank, fmt::format("the event log has no digests of {}", name),
                        Cause::kFirmware);
  }
  const Digest* pcr0 = values_.Find(bank_, 0);
  if (pcr0 != nullptr && pcr0->IsZero()) {
    // td-shim's CCEL says nowhere that it is none of a TPM's.
    const bool has_pcr0 = replay_.Extended(bank_).Contains(0);
    return Failed(kCheckBank,
                  fmt::format("nothing extends the {} bank: its PCR 0 is zero{}", name,
                              has_pcr0 ? ""
                                       : "; the log has no event of PCR 0 either, as that of "
                                         "a TDX guest (CCEL) has none"));
  }
  return Passed(kCheckBank, std::string(name));
}

Finding LogVerifier::CheckStartup() const {
  if (!replay_.startup_problem().empty()) return Failed(kCheckStartup, replay_.startup_problem());
  const auto locality = replay_.startup_locality();
  return Passed(kCheckStartup, locality ? fmt::format("locality {}", *locality) : "");
}

Finding LogVerifier::CheckBoot(tpm::PcrSet covered) const {
  if (registers_ == Registers::kCcel) {
    return NotEvaluated(kCheckBoot, std::string(kCcelIsNotVerified), Cause::kConfiguration);
  }
  const tpm::PcrSet compared = replay_.Extended(bank_) & values_.Numbers(bank_);
  if (compared.empty()) {
    return NotEvaluated(kCheckBoot, "the quote covers no PCR that the event log extends");
  }
  const tpm::PcrSet replayed = compared & covered;
  if (replayed.empty()) {
    return Failed(kCheckBoot,
                  fmt::format("the event log is of another boot or another machine: none of the "
                              "PCRs {} replays",
                              compared.ToString()));
  }
  return Passed(kCheckBoot,
                fmt::format("PCRs {} of {} replay", replayed.ToString(), compared.ToString()));
}

// Story: on some machines the log is handed over before the firmware leaves, and the two
// events of ExitBootServices are measured and not logged. That is a fact about the
// firmware and no proof: what else was measured and not logged would look the same to a
// program that repairs. Case: go-attestation ebs_event_missing.
bool LogVerifier::LacksExitBootServices(std::uint32_t pcr) const {
  if (pcr != kLoaderConfigPcr || !values_.Find(bank_, pcr)) return false;
  Digest value = replay_.Pcr(bank_, pcr);
  for (const std::string_view action : {kActionExit, kActionExitDone}) {
    value = crypto::Extend(value, crypto::Hash(bank_, AsBytes(action)).bytes());
  }
  return value == *values_.Find(bank_, pcr);
}

Finding LogVerifier::CheckPcr(std::uint32_t pcr, tpm::PcrSet covered) const {
  const Digest* signed_value = values_.Find(bank_, pcr);
  Finding finding;
  if (signed_value == nullptr) {
    finding = NotEvaluated(kCheckReplay,
                           fmt::format("PCR {} of {} is not signed", pcr, crypto::HashName(bank_)));
  } else if (covered.Contains(pcr)) {
    finding = Passed(kCheckReplay, signed_value->hex());
  } else {
    std::string detail = fmt::format("PCR {}: the event log leads to {}, signed is {}", pcr,
                                     replay_.Pcr(bank_, pcr).hex(), signed_value->hex());
    if (reached_[pcr]) detail += fmt::format(", which it had after event {}", *reached_[pcr]);
    const bool is_known = LacksExitBootServices(pcr);
    if (is_known) detail += "; the events of ExitBootServices are measured and not logged";
    finding = Comparing(
        Failed(kCheckReplay, std::move(detail), is_known ? Cause::kFirmware : Cause::kTamper),
        {signed_value->hex()}, replay_.Pcr(bank_, pcr).hex());
  }
  finding.subject.pcr = pcr;
  return finding;
}

LogVerification LogVerifier::Conclude(tpm::PcrSet required) {
  LogVerification result;
  Findings& findings = result.findings;
  findings.push_back(CheckPresent());
  findings.push_back(CheckBank());
  findings.push_back(CheckStartup());
  tpm::PcrSet covered;
  if (measured_ != 0 && findings[1].passed()) {
    for (std::uint32_t pcr = 0; pcr < tpm::kPcrCount; ++pcr) {
      if (Replays(pcr)) covered = covered | tpm::PcrSet::Of(pcr);
    }
  }
  findings.push_back(CheckBoot(covered));
  for (const std::uint32_t pcr : required.ToList()) findings.push_back(CheckPcr(pcr, covered));
  if (!covered.empty()) {
    CoveredRecords records{};
    for (const std::uint32_t pcr : covered.ToList()) records[pcr] = *covered_records_[pcr];
    result.log = VerifiedLog(logs_, values_, bank_, covered, records);
  }
  return result;
}

Result<LogVerification> VerifyLogByValues(const BootLogs& logs, const tpm::PcrValues& values,
                                          HashAlgorithm bank, tpm::PcrSet required) {
  LogVerifier verifier(logs, values, bank);
  LQ_RETURN_IF_ERROR(verifier.ReadFirmware());
  LQ_RETURN_IF_ERROR(verifier.ReadUserSpace());
  return verifier.Conclude(required);
}

Result<LogVerification> VerifyLogByItself(const BootLogs& logs, HashAlgorithm bank) {
  Replay replay({bank});
  auto reader = LogReader::Open(logs.firmware);
  if (!reader && reader.error().id != "eventlog.empty") return std::move(reader).error();
  while (reader) {
    LQ_ASSIGN_OR_RETURN(const std::optional<Event> event, reader->Next());
    if (!event) break;
    replay.Extend(*event);
  }
  CelReader user_space(logs.user_space);
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<CelRecord> record, user_space.Next());
    if (!record) break;
    if (record->pcr) replay.Extend(AsEvent(*record));
  }
  tpm::PcrValues values;
  for (std::uint32_t pcr = 0; pcr < tpm::kPcrCount; ++pcr) values.Set(pcr, replay.Pcr(bank, pcr));
  return VerifyLogByValues(logs, values, bank, {});
}

Result<LogVerification> VerifyLog(const BootLogs& logs, const tpm::VerifiedQuote& quote,
                                  HashAlgorithm bank, tpm::PcrSet required) {
  return VerifyLogByValues(logs, quote.pcrs(), bank, required);
}

Result<LogVerification> VerifyLog(ByteView log, const tpm::VerifiedQuote& quote, HashAlgorithm bank,
                                  tpm::PcrSet required) {
  return VerifyLog(BootLogs{.firmware = log, .user_space = {}}, quote, bank, required);
}

}  // namespace limequat::eventlog
