#include "limequat/policy/boot_values_appraisal.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/policy/boot_values_checks_internal.h"

namespace limequat::policy {

namespace {

using eventlog::kCommandLinePcr;
using eventlog::kExtensionPcr;
using eventlog::kFilePcr;
using eventlog::kGrubPcr;
using eventlog::kLoaderConfigPcr;
using eventlog::kLoaderPcr;
using eventlog::kMokPcr;
using eventlog::kUnifiedImagePcr;
using eventlog::MeasuredText;
using tpm::PcrSet;

constexpr std::string_view kCheckBank = "boot.bank";
constexpr std::string_view kCheckSeparator = "boot.separator";
constexpr std::string_view kCheckExit = "boot.exit_boot_services";
constexpr std::string_view kCheckFirmware = "boot.firmware";
constexpr std::string_view kCheckPath = "boot.path";
constexpr std::string_view kCheckCommand = "boot.grub_command";
constexpr std::string_view kCheckOwnerList = "boot.machine_owner_list";
constexpr std::string_view kCheckAddition = "boot.addition";
constexpr std::string_view kCheckUserSpace = "boot.user_space";

// Those whose events are looked at; PCRs 1, 3 and 6 differ from machine to machine.
constexpr PcrSet kSeparated =
    PcrSet::Of(0) | PcrSet::Of(2) | PcrSet::Of(4) | PcrSet::Of(5) | PcrSet::Of(7);
constexpr std::size_t kShownText = 512;

PcrSet FirmwarePcrs(const BootValues& values) {
  PcrSet pcrs;
  for (const BootValuesFirmware& firmware : values.firmware) {
    for (const auto& [pcr, value] : firmware.pcrs) pcrs = pcrs | PcrSet::Of(pcr);
  }
  return pcrs;
}

PcrSet KernelPcrs(const BootValues& values) {
  PcrSet pcrs = PcrSet::Of(kLoaderPcr) | PcrSet::Of(kGrubPcr) | PcrSet::Of(kCommandLinePcr);
  for (const BootValuesKernel& kernel : values.kernels) {
    if (!kernel.unified) pcrs = pcrs | PcrSet::Of(kFilePcr);
    if (!kernel.sections.empty()) pcrs = pcrs | PcrSet::Of(kUnifiedImagePcr);
  }
  return pcrs;
}

PcrSet UserSpacePcrs(const BootValues& values) {
  PcrSet pcrs;
  for (const BootValuesRecord& record : values.user_space) pcrs = pcrs | PcrSet::Of(record.pcr);
  return pcrs;
}

class Appraiser {
 public:
  Appraiser(const BootValues& values, const eventlog::VerifiedLog& log, std::string_view model)
      : values_(values), log_(log), model_(model) {}
  BootObjections Appraise();

 private:
  void CheckSeparators();
  void CheckExit();
  void CheckFirmware();
  void CheckPath();
  void CheckGrubCommands();
  void CheckOwnerLists();
  void CheckAdditions();
  void CheckUserSpace();
  bool IsGood(const eventlog::VerifiedRecord& record);
  // Runs `check` if the PCRs that it needs are covered.
  template <class Check>
  void Run(std::initializer_list<std::string_view> names, PcrSet needs, const Check& check);
  void Add(Finding finding);
  void AddAll(Findings findings);

  const BootValues& values_;
  const eventlog::VerifiedLog& log_;
  std::string_view model_;
  BootEvidence evidence_;
  TextJudge judge_;
  BootObjections out_;
};

void Appraiser::Add(Finding finding) {
  if (out_.findings.size() < kMaxBootObjections) {
    out_.findings.push_back(std::move(finding));
  } else {
    ++out_.not_shown;
  }
}

void Appraiser::AddAll(Findings findings) {
  for (Finding& finding : findings) Add(std::move(finding));
}

template <class Check>
void Appraiser::Run(std::initializer_list<std::string_view> names, PcrSet needs,
                    const Check& check) {
  const PcrSet lacks = needs - log_.pcrs();
  if (lacks.empty()) return check();
  for (const std::string_view name : names) {
    Add(NotEvaluated(name, fmt::format("PCRs {} are not covered", lacks.ToString()),
                     Cause::kTamper));
  }
}

// One in each, and none that reports an error.
void Appraiser::CheckSeparators() {
  std::array<std::size_t, tpm::kPcrCount> seen{};
  eventlog::VerifiedEvents events = log_.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    const auto separator = eventlog::SeparatorOf(*event);
    if (!separator || !kSeparated.Contains(event->pcr())) continue;
    if (*separator == eventlog::Separator::kError) {
      Add(About(*event,
                Failed(kCheckSeparator, Shown(*event) + " says that the firmware had an error")));
    }
    ++seen[event->pcr()];
  }
  for (const std::uint32_t pcr : kSeparated.ToList()) {
    if (seen[pcr] == 1) continue;
    Add(AboutPcr(pcr, Failed(kCheckSeparator,
                             fmt::format("PCR {} has {} separators, not one", pcr, seen[pcr]))));
  }
}

// Behind the separator: invoked, maybe failed and invoked again, and successful at the end.
void Appraiser::CheckExit() {
  enum class State : std::uint8_t { kFirmware, kLoaders, kInvoked, kLeft };
  State state = State::kFirmware;
  eventlog::VerifiedEvents events = log_.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() != kLoaderConfigPcr) continue;
    const auto action = eventlog::ActionOf(*event);
    const bool exits = action == eventlog::kActionExit;
    const bool failed = action == eventlog::kActionExitFailed;
    const bool done = action == eventlog::kActionExitDone;
    if (eventlog::SeparatorOf(*event) && state == State::kFirmware) {
      state = State::kLoaders;
    } else if (state == State::kLoaders && exits) {
      state = State::kInvoked;
    } else if (state == State::kInvoked && failed) {
      state = State::kLoaders;
    } else if (state == State::kInvoked && done) {
      state = State::kLeft;
    } else if (exits || failed || done || state == State::kInvoked || state == State::kLeft) {
      Add(About(*event, Failed(kCheckExit, Shown(*event) + " is out of order")));
      return;
    }
  }
  if (state == State::kLeft) return;
  if (!values_.exit_boot_services && state == State::kLoaders) {
    return Add(Passed(kCheckExit, "not asked: the firmware does not log it"));
  }
  Add(AboutPcr(kLoaderConfigPcr,
               Failed(kCheckExit, "PCR 5 does not show that the firmware's services were left",
                      Cause::kFirmware)));
}

void Appraiser::CheckFirmware() {
  if (values_.any_firmware) return Add(Passed(kCheckFirmware, "any firmware is accepted"));
  bool has_candidate = false;
  for (const BootValuesFirmware& firmware : values_.firmware) {
    if (!firmware.model.empty() && firmware.model != model_) continue;
    has_candidate = true;
    const bool fits = std::ranges::all_of(
        firmware.pcrs, [&](const auto& entry) { return log_.Value(entry.first) == entry.second; });
    if (!fits) continue;
    return Add(Passed(kCheckFirmware,
                      EscapeForDisplay(fmt::format("{} {}", firmware.model, firmware.version),
                                       2 * kMaxBootValuesName)));
  }
  const std::string model = EscapeForDisplay(model_, kMaxBootValuesName);
  if (!has_candidate) {
    return Add(NotEvaluated(
        kCheckFirmware, model_.empty()
                            ? "the reference values are for models, and the machine's is not known"
                            : fmt::format("there are no values for the model {}", model)));
  }
  for (const std::uint32_t pcr : FirmwarePcrs(values_).ToList()) {
    Add(AboutPcr(pcr, Failed(kCheckFirmware,
                             fmt::format("PCR {} is {}; no firmware of the reference values{} "
                                         "has all of the machine's values",
                                         pcr, log_.Value(pcr).hex(),
                                         model_.empty() ? "" : " for " + model))));
  }
}

void Appraiser::CheckPath() {
  const bool wants_grub = values_.path == BootValuesPath::kShimGrub;
  if (wants_grub && !evidence_.has_grub) {
    Add(AboutPcr(kGrubPcr, Failed(kCheckPath, "PCR 8 shows no command of GRUB")));
  }
  if (!wants_grub && values_.path != BootValuesPath::kNetboot && evidence_.has_grub) {
    Add(AboutPcr(kGrubPcr, Failed(kCheckPath, fmt::format("PCR 8 shows commands of GRUB, which "
                                                          "has no part in the boot path {}",
                                                          BootValuesPathName(values_.path)))));
  }
  const bool has_loader = std::ranges::any_of(evidence_.chain.images, [&](const auto& image) {
    return IsAmong(values_.loaders, image.digest);
  });
  if (!has_loader && (wants_grub || values_.path == BootValuesPath::kSystemdBoot)) {
    Add(AboutPcr(kLoaderPcr,
                 Failed(kCheckPath, "PCR 4 shows no boot loader of the reference values")));
  }
}

void Appraiser::CheckGrubCommands() {
  if (!values_.grub_commands) {
    return Add(Passed(kCheckCommand, fmt::format("{} commands of GRUB were not compared",
                                                 evidence_.commands.size())));
  }
  if (evidence_.commands.size() > kMaxJudgedTexts) {
    return Add(AboutPcr(
        kGrubPcr, Failed(kCheckCommand, fmt::format("more than {} commands", kMaxJudgedTexts))));
  }
  for (const MeasuredText& command : evidence_.commands) {
    const std::string_view text = AsText(command.text);
    if (judge_.IsGood(text, *values_.grub_commands)) continue;
    Add(AboutEvent(kGrubPcr, command.event,
                   Failed(kCheckCommand, fmt::format("GRUB ran '{}', which the reference values "
                                                     "do not list",
                                                     EscapeForDisplay(text, kShownText)))));
  }
}

void Appraiser::CheckOwnerLists() {
  for (const eventlog::MeasuredObject& list : evidence_.chain.machine_owner_lists) {
    if (IsAmong(values_.machine_owner_lists, list.digest)) continue;
    Add(AboutEvent(kMokPcr, list.event,
                   Failed(kCheckOwnerList,
                          fmt::format("PCR 14 event {} ('{}') is {}, which the reference values do "
                                      "not list",
                                      list.event, EscapeForDisplay(list.untrusted_name, 64),
                                      Shown(list.digest)))));
  }
}

void Appraiser::CheckAdditions() {
  const auto judge = [&](std::uint64_t event, const crypto::Digest& digest,
                         std::string_view where) {
    if (IsAmong(values_.additions, digest)) return;
    Finding finding = Failed(kCheckAddition,
                             fmt::format("{} event {} is {}, which is no addition of the reference "
                                         "values and has no text to judge",
                                         where, event, Shown(digest)));
    finding.subject.event = event;
    Add(std::move(finding));
  };
  for (const eventlog::MeasuredObject& object : evidence_.chain.unexplained) {
    judge(object.event, object.digest, "PCR 8 or 12");
  }
  eventlog::VerifiedEvents events = log_.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() != kExtensionPcr || eventlog::SeparatorOf(*event)) continue;
    judge(event->index(), event->digest(), "PCR 13");
  }
}

bool Appraiser::IsGood(const eventlog::VerifiedRecord& record) {
  const auto text = record.MeasuredText();
  return std::ranges::any_of(values_.user_space, [&](const BootValuesRecord& good) {
    if (good.pcr != record.pcr()) return false;
    return good.digest ? *good.digest == record.digest() : text && judge_.IsGood(*text, good.text);
  });
}

void Appraiser::CheckUserSpace() {
  std::size_t seen = 0;
  eventlog::VerifiedRecords records = log_.user_space_records();
  for (auto record = records.Next(); record; record = records.Next()) {
    if (++seen > kMaxJudgedTexts) {
      return Add(Failed(kCheckUserSpace, fmt::format("more than {} records", kMaxJudgedTexts)));
    }
    if (IsGood(*record)) continue;
    const auto text = record->MeasuredText();
    Finding finding = Failed(
        kCheckUserSpace,
        fmt::format(
            "record {} of user space in PCR {} ({}) is not among the reference values",
            record->index(), record->pcr(),
            text ? "'" + EscapeForDisplay(*text, kShownText) + "'" : Shown(record->digest())));
    finding.subject.pcr = record->pcr();
    Add(std::move(finding));
  }
}

BootObjections Appraiser::Appraise() {
  if (log_.bank() != values_.algorithm) {
    for (const std::string_view name : BootValuesChecks()) {
      Add(NotEvaluated(
          name, fmt::format("the machine's digests are {}, the reference values' {}",
                            crypto::HashName(log_.bank()), crypto::HashName(values_.algorithm))));
    }
    return std::move(out_);
  }
  evidence_ = ReadEvidence(log_);
  const PcrSet grub = PcrSet::Of(kGrubPcr);
  Run({kCheckSeparator}, kSeparated, [&] { CheckSeparators(); });
  Run({kCheckExit}, PcrSet::Of(kLoaderConfigPcr), [&] { CheckExit(); });
  Run({kCheckFirmware}, FirmwarePcrs(values_), [&] { CheckFirmware(); });
  Run({"boot.secure_boot", "boot.key", "boot.revocation", "boot.authority"}, PcrSet::Of(7),
      [&] { AddAll(CheckSecureBoot(values_, log_)); });
  Run({kCheckPath}, PcrSet::Of(kLoaderPcr) | grub, [&] { CheckPath(); });
  Run({kCheckKernel, kCheckImage, kCheckInitrd, kCheckCommandLine, kCheckSection, kCheckFile},
      KernelPcrs(values_), [&] { AddAll(CheckKernels(values_, log_, evidence_, judge_)); });
  Run({kCheckCommand}, grub, [&] { CheckGrubCommands(); });
  Run({kCheckOwnerList}, PcrSet::Of(kMokPcr), [&] { CheckOwnerLists(); });
  Run({kCheckAddition}, grub | PcrSet::Of(kCommandLinePcr) | PcrSet::Of(kExtensionPcr),
      [&] { CheckAdditions(); });
  Run({kCheckUserSpace}, UserSpacePcrs(values_), [&] { CheckUserSpace(); });
  return std::move(out_);
}

}  // namespace

tpm::PcrSet PcrsOf(const BootValues& values) {
  return kSeparated | FirmwarePcrs(values) | KernelPcrs(values) | UserSpacePcrs(values) |
         PcrSet::Of(kExtensionPcr) | PcrSet::Of(kMokPcr);
}

const std::vector<std::string_view>& BootValuesChecks() {
  static const std::vector<std::string_view> checks = {
      kCheckBank,    kCheckSeparator,   kCheckExit,        kCheckFirmware, "boot.secure_boot",
      "boot.key",    "boot.revocation", "boot.authority",  kCheckPath,     kCheckKernel,
      kCheckImage,   kCheckInitrd,      kCheckCommandLine, kCheckSection,  kCheckFile,
      kCheckCommand, kCheckOwnerList,   kCheckAddition,    kCheckUserSpace};
  return checks;
}

BootObjections AppraiseByValues(const BootValues& values, const eventlog::VerifiedLog& log,
                                std::string_view model) {
  return Appraiser(values, log, model).Appraise();
}

}  // namespace limequat::policy
