#include "limequat/eventlog/verify.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
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

// The only maker of a VerifiedLog.
class LogVerifier {
 public:
  LogVerifier(ByteView log, const tpm::VerifiedQuote& quote, HashAlgorithm bank)
      : log_(log), quote_(quote), bank_(bank), replay_({bank}) {}

  // Reads the log to its end.
  Status Read();
  LogVerification Conclude(tpm::PcrSet required);

 private:
  Finding CheckPresent() const;
  Finding CheckBank() const;
  Finding CheckStartup() const;
  Finding CheckBoot(tpm::PcrSet covered) const;
  Finding CheckPcr(std::uint32_t pcr, tpm::PcrSet covered) const;
  // Signed, and what the log leads to.
  bool Replays(std::uint32_t pcr) const;

  ByteView log_;
  const tpm::VerifiedQuote& quote_;
  HashAlgorithm bank_;
  Replay replay_;
  std::uint64_t measured_ = 0;  // events that some bank was extended with
  bool lists_bank_ = false;
  // The event behind which a PCR had its signed value.
  std::array<std::optional<std::uint64_t>, tpm::kPcrCount> reached_;
};

Status LogVerifier::Read() {
  auto reader = LogReader::Open(log_);
  if (!reader) {
    if (reader.error().id == "eventlog.empty") return {};
    return std::move(reader).error();
  }
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<Event> event, reader->Next());
    if (!event) break;
    replay_.Extend(*event);
    if (event->untrusted_type == EventType::kNoAction || event->digests.size() == 0) continue;
    ++measured_;
    if (event->digests.Find(tpm::IdOf(bank_)).empty()) continue;
    lists_bank_ = true;
    if (event->pcr >= tpm::kPcrCount) continue;
    const Digest* signed_value = quote_.Pcr(bank_, event->pcr);
    if (signed_value != nullptr && *signed_value == replay_.Pcr(bank_, event->pcr)) {
      reached_[event->pcr] = event->index;
    }
  }
  return {};
}

bool LogVerifier::Replays(std::uint32_t pcr) const {
  const Digest* signed_value = quote_.Pcr(bank_, pcr);
  return signed_value != nullptr && *signed_value == replay_.Pcr(bank_, pcr) &&
         (pcr != 0 || replay_.startup_is_plausible());
}

Finding LogVerifier::CheckPresent() const {
  if (measured_ != 0) return Passed(kCheckPresent, fmt::format("{} measured events", measured_));
  return Failed(kCheckPresent,
                log_.empty()
                    ? std::string("there is no event log")
                    : fmt::format("the event log of {} bytes has no measured event", log_.size()),
                Cause::kFirmware);
}

Finding LogVerifier::CheckBank() const {
  const std::string_view name = crypto::HashName(bank_);
  if (!lists_bank_) {
    return NotEvaluated(kCheckBank, fmt::format("the event log has no digests of {}", name),
                        Cause::kFirmware);
  }
  const Digest* pcr0 = quote_.Pcr(bank_, 0);
  if (pcr0 != nullptr && pcr0->IsZero()) {
    return Failed(kCheckBank, fmt::format("nothing extends the {} bank: its PCR 0 is zero", name));
  }
  return Passed(kCheckBank, std::string(name));
}

Finding LogVerifier::CheckStartup() const {
  if (!replay_.startup_is_plausible()) {
    return Failed(kCheckStartup, replay_.notes().list().front().detail);
  }
  const auto locality = replay_.startup_locality();
  return Passed(kCheckStartup, locality ? fmt::format("locality {}", *locality) : "");
}

Finding LogVerifier::CheckBoot(tpm::PcrSet covered) const {
  const tpm::PcrSet compared = replay_.Extended(bank_) & quote_.pcrs().Numbers(bank_);
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

Finding LogVerifier::CheckPcr(std::uint32_t pcr, tpm::PcrSet covered) const {
  const Digest* signed_value = quote_.Pcr(bank_, pcr);
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
    finding = Failed(kCheckReplay, std::move(detail));
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
  if (!covered.empty()) result.log = VerifiedLog(log_, bank_, covered);
  return result;
}

Result<LogVerification> VerifyLog(ByteView log, const tpm::VerifiedQuote& quote, HashAlgorithm bank,
                                  tpm::PcrSet required) {
  LogVerifier verifier(log, quote, bank);
  LQ_RETURN_IF_ERROR(verifier.Read());
  return verifier.Conclude(required);
}

}  // namespace limequat::eventlog
