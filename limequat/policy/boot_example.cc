// The policy `example`.

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/utf8.h"
#include "limequat/eventlog/boot_chain.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/eventlog/secure_boot.h"
#include "limequat/policy/boot_example_internal.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/policy/boot_rule.h"

namespace limequat::policy {

namespace {

using eventlog::EventType;
using eventlog::kFilePcr;
using eventlog::kGrubPcr;
using eventlog::kLoaderPcr;
using eventlog::kMokPcr;
using eventlog::MeasuredObject;
using eventlog::VerifiedEvent;

constexpr std::string_view kCheckReference = "boot.reference";
constexpr std::string_view kCheckBank = "boot.bank";
constexpr std::string_view kCheckFirmware = "boot.firmware";
constexpr std::string_view kCheckImage = "boot.image";
constexpr std::string_view kCheckKernelFile = "boot.kernel_file";
constexpr std::string_view kCheckInitrd = "boot.initrd";
constexpr std::string_view kCheckOwnerList = "boot.machine_owner_list";

// What the kernels of a reference are compared with.
struct BootFacts {
  std::vector<MeasuredObject> images;
  std::vector<VerifiedEvent> kernel_files;
  std::vector<VerifiedEvent> initrds;
  std::vector<GrubLine> command_lines;
};

struct FirmwareFacts {
  std::vector<VerifiedEvent> scrtm;
  std::vector<VerifiedEvent> blobs;
};

// As many as `expected` of what `check` is about.
std::function<Finding(std::size_t)> Count(std::string_view check, std::uint32_t pcr,
                                          std::string_view what, std::size_t expected,
                                          Cause cause = Cause::kTamper) {
  return [=, check = std::string(check), what = std::string(what)](std::size_t found) {
    return AboutPcr(pcr, Failed(check,
                                fmt::format("PCR {} shows {} {}, the policy has {}", pcr,
                                            found < kMaxCollected ? fmt::format("{}", found)
                                                                  : std::string("too many"),
                                            what, expected),
                                cause));
  };
}

template <class T, class Member>
Rule<T> On(std::vector<Member> T::* member, Rule<std::vector<Member>> rule) {
  return [member, rule = std::move(rule)](const T& subject) { return rule(subject.*member); };
}

ReferenceDigests OneOrNone(const std::optional<crypto::Digest>& digest) {
  return digest ? ReferenceDigests{*digest} : ReferenceDigests{};
}

Rule<MeasuredObject> ImageIs(std::string_view what, const std::optional<crypto::Digest>& good,
                             Cause cause) {
  return [what = std::string(what), good, cause](const MeasuredObject& image) -> Findings {
    if (good == image.digest) return {};
    Finding finding = AboutPcr(
        kLoaderPcr,
        Failed(kCheckImage,
               fmt::format("PCR 4 event {} is the image {}:{} where the reference state has {}: {}",
                           image.event, crypto::HashName(image.digest.algorithm()),
                           image.digest.hex(), what, good ? good->hex() : "no digest"),
               cause));
    finding.subject.event = image.event;
    std::vector<std::string> expected;
    if (good) expected.push_back(good->hex());
    return {Comparing(std::move(finding), expected, image.digest.hex())};
  };
}

class Example {
 public:
  explicit Example(const BootReference& reference)
      : reference_(reference), event_rule_(MakeEventRule()) {}
  BootObjections Appraise(const eventlog::VerifiedLog& log);

 private:
  using EventKey = std::pair<std::uint32_t, EventType>;
  using EventRules = std::map<EventKey, EventRule>;

  EventRule MakeEventRule();
  void AddFirmwareRules(EventRules& rules);
  void AddLoaderRules(EventRules& rules);
  Findings TakeFile(const VerifiedEvent& event);

  void CheckReference(const eventlog::VerifiedLog& log);
  Findings CheckKernels() const;
  Findings CheckFirmware() const;
  Findings CheckOwnerLists() const;
  Rule<BootFacts> KernelRule(const ReferenceKernel& kernel) const;
  Rule<GrubLine> CommandLineRule(const ReferenceKernel& kernel) const;

  void Add(Findings findings);

  const BootReference& reference_;
  BootFacts boot_;
  FirmwareFacts firmware_;
  GrubTexts grub_;
  std::vector<VerifiedEvent> owner_lists_;
  EventRule event_rule_;
  BootObjections out_;
};

void Example::AddFirmwareRules(EventRules& rules) {
  const auto at_most = [](std::size_t most) {
    return AtMost<VerifiedEvent>(
        most, Accept<VerifiedEvent>(),
        RejectEvent(kCheckEvent, "is one more than this policy has a place for"));
  };
  for (std::uint32_t pcr = 0; pcr < 8; ++pcr) {
    rules[{pcr, EventType::kSeparator}] = IsSeparator();
  }
  rules[{0, EventType::kSCrtmVersion}] = Collect(firmware_.scrtm);
  rules[{0, EventType::kEfiPlatformFirmwareBlob}] = Collect(firmware_.blobs);
  rules[{0, EventType::kEfiPlatformFirmwareBlob2}] = Collect(firmware_.blobs);
  rules[{1, EventType::kCpuMicrocode}] = at_most(1);
  rules[{1, EventType::kEfiHandoffTables}] = at_most(1);
  rules[{1, EventType::kEfiHandoffTables2}] = at_most(1);
  // EDK II measures up to four of them, of its own configuration.
  rules[{1, EventType::kPlatformConfigFlags}] = at_most(4);
  rules[{1, EventType::kEfiVariableBoot}] = BootVariableRule();
  rules[{1, EventType::kEfiAction}] = IsAction({eventlog::kActionSetup});
  rules[{2, EventType::kEfiBootServicesDriver}] = Accept<VerifiedEvent>();
  rules[{5, EventType::kEfiGptEvent}] = at_most(1);
  rules[{5, EventType::kEfiAction}] =
      IsAction({eventlog::kActionExit, eventlog::kActionExitFailed, eventlog::kActionExitDone});
  rules[{7, EventType::kEfiVariableDriverConfig}] = ConfigurationRule(reference_);
  rules[{7, EventType::kEfiVariableAuthority}] = AuthorityRule(reference_);
}

void Example::AddLoaderRules(EventRules& rules) {
  rules[{kLoaderPcr, EventType::kEfiAction}] =
      IsAction({eventlog::kActionBoot, eventlog::kActionReturn});
  // The images are those of ReadBootChain: every event that is not proven to be anything
  // else, whatever its type.
  rules[{kLoaderPcr, EventType::kEfiBootServicesApplication}] = Accept<VerifiedEvent>();
  rules[{kGrubPcr, EventType::kIpl}] = [this](const VerifiedEvent& e) { return grub_.Take(e); };
  rules[{kFilePcr, EventType::kIpl}] = [this](const VerifiedEvent& e) { return TakeFile(e); };
  rules[{kMokPcr, EventType::kIpl}] = Collect(owner_lists_);
}

EventRule Example::MakeEventRule() {
  EventRules rules;
  AddFirmwareRules(rules);
  AddLoaderRules(rules);
  return Dispatch<VerifiedEvent, EventKey>(
      [](const VerifiedEvent& event) { return EventKey(event.pcr(), event.untrusted_type()); },
      std::move(rules), RejectEvent(kCheckEvent, "has no place in this policy"));
}

// Names of files are not measured. They tell which digest is to be compared.
Findings Example::TakeFile(const VerifiedEvent& event) {
  const std::string_view data = AsText(event.untrusted_data());
  const std::string_view name = data.substr(0, data.find('\0'));
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("\n")) return RejectEvent(kCheckEvent, "has a line feed in its name")(event);
  if (has("/loader/entries") || has("/grub")) return {};
  if (has("/vmlinuz")) return Collect(boot_.kernel_files)(event);
  if (has("/initrd") || has("/initramfs")) return Collect(boot_.initrds)(event);
  return RejectEvent(kCheckEvent, fmt::format("is the file {}, which has no place in this policy",
                                              EscapeForDisplay(name, 256)))(event);
}

Rule<GrubLine> Example::CommandLineRule(const ReferenceKernel& kernel) const {
  return [&kernel](const GrubLine& line) -> Findings {
    const bool matches = kernel.command_line != nullptr && IsUtf8(line.text) &&
                         kernel.command_line->Match(fmt::format(
                             "{}{}", kCommandLineKey, line.text)) == Expression::Answer::kYes;
    if (matches) return {};
    return {About(
        line.event,
        Comparing(Failed(kCheckCommandLine,
                         fmt::format("the kernel was started with '{}', the reference state has "
                                     "the expression '{}'",
                                     EscapeForDisplay(line.text, kShownText),
                                     EscapeForDisplay(kernel.command_line_text, kShownText))),
                  {kernel.command_line_text}, line.text))};
  };
}

Rule<BootFacts> Example::KernelRule(const ReferenceKernel& kernel) const {
  const bool secure = reference_.has_secureboot;
  // With Secure Boot an image that nobody listed has at least a signature that counts.
  const Cause cause = secure ? Cause::kPolicyLag : Cause::kTamper;
  const auto images =
      [&](std::vector<std::pair<std::string_view, std::optional<crypto::Digest>>> chain) {
        std::vector<Rule<MeasuredObject>> rules;
        for (const auto& [what, digest] : chain) rules.push_back(ImageIs(what, digest, cause));
        const std::size_t count = rules.size();
        return InOrder<MeasuredObject>(std::move(rules),
                                       Count(kCheckImage, kLoaderPcr, "images", count));
      };
  const std::pair shim{std::string_view("shim"), kernel.shim};
  const std::pair grub{std::string_view("GRUB"), kernel.grub};
  const std::pair linux{std::string_view("the kernel"), kernel.kernel};
  std::vector<Rule<std::vector<MeasuredObject>>> chains;
  if (secure) {
    chains = {images({shim, grub, linux}),
              images({shim, grub, linux, linux})};  // measured by GRUB and by the firmware
  } else {
    chains = {images({shim, grub})};
  }
  const EventRule file = secure ? Accept<VerifiedEvent>()
                                : DigestIs(kCheckKernelFile, "the kernel's file",
                                           OneOrNone(kernel.kernel_file), Cause::kTamper);
  const EventRule initrd =
      DigestIs(kCheckInitrd, "the initrd", OneOrNone(kernel.initrd), Cause::kTamper);
  return AllOf<BootFacts>(
      {On(&BootFacts::images, AnyOf<std::vector<MeasuredObject>>(std::move(chains), Finding())),
       On(&BootFacts::kernel_files,
          InOrder<VerifiedEvent>({file}, Count(kCheckKernelFile, kFilePcr, "kernel files", 1))),
       On(&BootFacts::initrds,
          InOrder<VerifiedEvent>({initrd}, Count(kCheckInitrd, kFilePcr, "initrds", 1))),
       On(&BootFacts::command_lines,
          InOrder<GrubLine>({CommandLineRule(kernel)},
                            Count(kCheckCommandLine, kGrubPcr, "kernel command lines", 1)))});
}

Findings Example::CheckKernels() const {
  std::vector<Rule<BootFacts>> rules;
  for (const ReferenceKernel& kernel : reference_.kernels) rules.push_back(KernelRule(kernel));
  return AnyOf<BootFacts>(
      std::move(rules), Failed(kCheckImage, "the reference state lists no kernel: no boot is good",
                               Cause::kConfiguration))(boot_);
}

Findings Example::CheckFirmware() const {
  std::vector<Rule<FirmwareFacts>> rules;
  for (const ReferenceFirmware& good : reference_.scrtm_and_bios) {
    std::vector<EventRule> blobs;
    for (const ReferenceDigests& digests :
         good.platform_firmware.value_or(std::vector<ReferenceDigests>())) {
      blobs.push_back(
          DigestIs(kCheckFirmware, "a part of the firmware", digests, Cause::kFirmware));
    }
    const std::size_t count = blobs.size();
    rules.push_back(AllOf<FirmwareFacts>(
        {On(&FirmwareFacts::scrtm,
            InOrder<VerifiedEvent>(
                {DigestIs(kCheckFirmware, "the version of the S-CRTM",
                          good.scrtm.value_or(ReferenceDigests()), Cause::kFirmware)},
                Count(kCheckFirmware, 0, "versions of an S-CRTM", 1, Cause::kFirmware))),
         On(&FirmwareFacts::blobs,
            InOrder<VerifiedEvent>(
                std::move(blobs),
                Count(kCheckFirmware, 0, "parts of the firmware", count, Cause::kFirmware)))}));
  }
  return AnyOf<FirmwareFacts>(
      std::move(rules),
      Failed(kCheckFirmware, "the reference state lists no firmware: no boot is good",
             Cause::kConfiguration))(firmware_);
}

// shim measures MokList, MokListX and MokListTrusted in this order; their names are not
// measured. The place counts, so that no list can stand for another.
Findings Example::CheckOwnerLists() const {
  constexpr std::array<std::uint8_t, 1> kNo = {0};
  constexpr std::array<std::uint8_t, 1> kYes = {1};
  const auto listed = [](const std::vector<ReferenceDigests>& good, const VerifiedEvent& event) {
    return std::ranges::any_of(
        good, [&](const ReferenceDigests& digests) { return Contains(digests, event.digest()); });
  };
  Findings findings;
  std::size_t place = 0;
  std::array<bool, 3> seen{};
  for (const VerifiedEvent& event : owner_lists_) {
    const std::array<bool, 3> is = {listed(reference_.mokdig, event),
                                    listed(reference_.mokxdig, event),
                                    event.Measures(kNo) || event.Measures(kYes)};
    while (place < is.size() && !is[place]) ++place;
    if (place == is.size()) {
      findings.push_back(RejectEvent(kCheckOwnerList,
                                     "is no list of shim's that the reference state "
                                     "has in this place")(event)[0]);
      place = 0;  // so that the next is told only if it is wrong itself
      continue;
    }
    seen[place++] = true;
  }
  if (!findings.empty()) return findings;
  for (const auto& [name, good, is_there] :
       {std::tuple("MokList (mokdig)", &reference_.mokdig, seen[0]),
        std::tuple("MokListX (mokxdig)", &reference_.mokxdig, seen[1])}) {
    if (good->empty() || is_there) continue;
    findings.push_back(AboutPcr(
        kMokPcr, Failed(kCheckOwnerList,
                        fmt::format("{} was not measured, and the reference state has it", name))));
  }
  return findings;
}

void Example::CheckReference(const eventlog::VerifiedLog& log) {
  for (const std::string& member : reference_.missing) {
    Add({Failed(kCheckReference, fmt::format("the reference state has no {}", member),
                Cause::kConfiguration)});
  }
  for (const std::string& member : reference_.unevaluated) {
    Add({NotEvaluated(
        "policy.unevaluated",
        fmt::format("the reference state's {} is not evaluated by this policy", member))});
  }
  if (log.bank() != crypto::HashAlgorithm::kSha256) {
    Add({Failed(
        kCheckBank,
        fmt::format("the reference state has SHA-256 digests, and the PCRs cover those of {}",
                    crypto::HashName(log.bank())),
        Cause::kConfiguration)});
  }
}

void Example::Add(Findings findings) {
  for (Finding& finding : findings) {
    if (out_.findings.size() < kMaxBootObjections) {
      out_.findings.push_back(std::move(finding));
    } else {
      ++out_.not_shown;
    }
  }
}

BootObjections Example::Appraise(const eventlog::VerifiedLog& log) {
  CheckReference(log);
  eventlog::VerifiedEvents events = log.events();
  for (auto event = events.Next(); event; event = events.Next()) Add(event_rule_(*event));
  boot_.images = eventlog::ReadBootChain(log).chain.images;
  Add(CheckFirmware());
  boot_.command_lines = grub_.command_lines();
  Add(CheckKernels());
  Add(grub_.Check());
  Add(CheckOwnerLists());
  return std::move(out_);
}

}  // namespace

const std::vector<std::string_view>& ExampleChecks() {
  static const std::vector<std::string_view> kChecks = {
      kCheckReference,  kCheckBank,      "boot.separator",  "boot.action",
      "boot.variable",  kCheckEvent,     kCheckSecureBoot,  kCheckKey,
      kCheckRevocation, kCheckAuthority, kCheckFirmware,    kCheckImage,
      kCheckKernelFile, kCheckInitrd,    kCheckCommandLine, kCheckOwnerList};
  return kChecks;
}

BootObjections AppraiseByExample(const BootReference& reference, const eventlog::VerifiedLog& log) {
  return Example(reference).Appraise(log);
}

}  // namespace limequat::policy
