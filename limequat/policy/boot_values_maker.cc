#include "limequat/policy/boot_values_maker.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/eventlog/pe_image.h"
#include "limequat/policy/boot_values_checks_internal.h"
#include "limequat/policy/boot_values_lists_internal.h"

namespace limequat::policy {

namespace {

using eventlog::kExtensionPcr;
using eventlog::MeasuredObject;
using eventlog::SignatureList;

constexpr std::array<std::string_view, 6> kPhases = {"enter-initrd", "leave-initrd", "sysinit",
                                                     "ready",        "shutdown",     "final"};
constexpr std::string_view kLoadOptions = "LOADED_IMAGE::LoadOptions";

std::string PathOf(const MeasuredObject& image) {
  return eventlog::FormatDevicePath(image.untrusted_device_path);
}

std::string Named(std::string_view name, std::string_view otherwise) {
  return EscapeForDisplay(name.empty() ? otherwise : name, kMaxBootValuesName / 2);
}

class Maker {
 public:
  Maker(const eventlog::VerifiedLog& log, const BootValuesLabels& labels)
      : log_(log), labels_(labels), evidence_(ReadEvidence(log)) {}
  Result<MadeBootValues> Make();

 private:
  void TakeFirmware();
  Status TakeSecureBoot();
  Status TakeImages();
  void TakePath();
  void TakeSections();
  void TakeKernelTexts();
  void TakeFile(const MeasuredObject& file);
  void TakeAdditions();
  Status TakeUserSpace();
  void Note(std::string note) { notes_.push_back(std::move(note)); }
  bool Covers(std::uint32_t pcr) const { return log_.pcrs().Contains(pcr); }

  const eventlog::VerifiedLog& log_;
  const BootValuesLabels& labels_;
  BootEvidence evidence_;
  BootValues values_;
  BootValuesKernel kernel_;
  std::vector<std::string> notes_;
};

void Maker::TakeFirmware() {
  BootValuesFirmware firmware{
      .model = labels_.model, .version = labels_.firmware_version, .pcrs = {}};
  for (const std::uint32_t pcr : {0U, 2U}) {
    if (Covers(pcr)) firmware.pcrs.emplace_back(pcr, log_.Value(pcr));
  }
  values_.firmware.push_back(std::move(firmware));
}

std::vector<std::string> NamesOf(const std::vector<SignatureList>& lists) {
  std::vector<std::string> names;
  for (const SignatureList& list : lists) {
    for (const eventlog::SignatureData& entry : list.entries)
      AddOnce(names, SignatureName(list.type, entry));
  }
  return names;
}

Status Maker::TakeSecureBoot() {
  const eventlog::SecureBootReading reading = eventlog::ReadSecureBoot(log_);
  if (!reading.state) {
    return Untrusted("policy.boot_values.log", "PCR 7 does not tell the state of Secure Boot: " +
                                                   reading.findings.front().detail);
  }
  BootValuesSecureBoot& secure = values_.secure_boot;
  secure.required = reading.state->enabled;
  if (!secure.required) {
    Note("Secure Boot is off in this log, and is not required: nothing of PCR 7 is compared");
    return {};
  }
  secure.pk = NamesOf(reading.state->platform_key);
  secure.kek = NamesOf(reading.state->key_exchange_keys);
  secure.db = NamesOf(reading.state->allowed_signatures);
  secure.dbx = NamesOf(reading.state->revoked_signatures);
  for (const auto& event : OtherSecureBootEvents(log_)) {
    const auto data = eventlog::MeasuredDataOf(event);
    const auto variable = data ? eventlog::ParseEfiVariable(*data) : Malformed("", "");
    const std::string name =
        variable ? variable->name : std::string(eventlog::EventTypeName(event.untrusted_type()));
    AddOnce(secure.events,
            NamedDigest{.name = Named(name, "event"), .version = {}, .digest = event.digest()});
  }
  return {};
}

// Which images are the kernel's. GRUB's are loaded from memory and have no path; a unified
// image starts the kernel in it from systemd's media path.
bool IsOfKernel(const MeasuredObject& image, bool has_grub) {
  const std::string path = PathOf(image);
  if (has_grub) return path.empty();
  return path.starts_with("VenMedia(") && path.find("File(") == std::string::npos;
}

Status Maker::TakeImages() {
  std::vector<MeasuredObject> images = evidence_.chain.images;
  const bool grub = evidence_.has_grub;
  std::vector<crypto::Digest> kernel;
  while (!images.empty() && IsOfKernel(images.back(), grub)) {
    kernel.insert(kernel.begin(), images.back().digest);
    images.pop_back();
  }
  // Without GRUB the last image that has a path is what holds the kernel, or the kernel.
  if (!grub && !images.empty()) {
    kernel.insert(kernel.begin(), images.back().digest);
    images.pop_back();
  }
  for (const crypto::Digest& image : kernel) AddOnce(kernel_.images, image);
  for (const MeasuredObject& image : images) {
    const std::string path = PathOf(image);
    const std::size_t name = path.find_last_of("\\/(");
    std::string shown = name == std::string::npos ? path : path.substr(name + 1);
    while (shown.ends_with(')')) shown.pop_back();
    AddOnce(values_.loaders,
            NamedDigest{.name = Named(shown, "loader"), .version = {}, .digest = image.digest});
  }
  if (kernel_.images.empty() && !grub) {
    return Unsupported("policy.boot_values.chain",
                       "PCR 4 shows no image: whatever was started was not measured");
  }
  return {};
}

void Maker::TakePath() {
  const auto has = [&](std::string_view part) {
    return std::ranges::any_of(evidence_.chain.images, [&](const MeasuredObject& image) {
      return PathOf(image).find(part) != std::string::npos;
    });
  };
  if (has("MAC(") || has("Uri(")) {
    values_.path = BootValuesPath::kNetboot;
  } else if (evidence_.has_grub) {
    values_.path = BootValuesPath::kShimGrub;
  } else if (!values_.loaders.empty()) {
    values_.path = BootValuesPath::kSystemdBoot;
  } else {
    values_.path = kernel_.unified ? BootValuesPath::kUnifiedImage : BootValuesPath::kEfiStub;
  }
}

// Names of files are claims: here they only say where a digest is put.
void Maker::TakeFile(const MeasuredObject& file) {
  const std::string_view name = file.untrusted_name;
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  const auto is_started = [&](const MeasuredLine& line) {
    return std::string_view(line.text).substr(0, line.text.find(' ')) == name;
  };
  if (has("initrd") || has("initramfs")) {
    AddOnce(kernel_.initrds, file.digest);
  } else if (name == kLoadOptions) {
    const bool shown = std::ranges::any_of(
        evidence_.lines, [&](const MeasuredLine& line) { return line.digest == file.digest; });
    if (!shown) AddOnce(kernel_.load_options, file.digest);
  } else if (!kernel_.file && std::ranges::any_of(evidence_.lines, is_started)) {
    kernel_.file = file.digest;
  } else if (kernel_.file != file.digest) {
    AddOnce(values_.files,
            NamedDigest{.name = Named(name, "file"), .version = {}, .digest = file.digest});
  }
}

// Names and contents in turn; the digest of a name tells which it is.
void Maker::TakeSections() {
  const std::vector<MeasuredObject>& sections = evidence_.chain.image_sections;
  for (std::size_t i = 0; i + 1 < sections.size(); i += 2) {
    const auto& names = eventlog::UnifiedImageSections();
    const auto name = std::ranges::find_if(names, [&](std::string_view section) {
      return eventlog::HashSectionName(section, log_.bank()) == sections[i].digest;
    });
    if (name == names.end()) {
      kernel_.sections.clear();
      Note("PCR 11 shows sections that are not known: they are not compared");
      return;
    }
    kernel_.sections.push_back({.name = std::string(*name), .digest = sections[i + 1].digest});
  }
}

void Maker::TakeKernelTexts() {
  for (const MeasuredLine& line : evidence_.lines) {
    AddOnce(kernel_.command_lines, TextRule{.text = line.text, .expression = nullptr});
  }
  kernel_.name = Named(labels_.kernel_name, kernel_.unified ? "unified kernel image" : "kernel");
  kernel_.version = labels_.kernel_version;
  TakeSections();
  if (kernel_.unified) return;
  for (const MeasuredObject& file : evidence_.chain.files) TakeFile(file);
  // The same file read twice, the second time under the name that GRUB was given.
  if (kernel_.file) {
    std::erase_if(values_.files,
                  [&](const NamedDigest& file) { return file.digest == *kernel_.file; });
  }
  if (kernel_.command_lines.empty()) {
    Note("the log shows only a digest of the kernel's command line");
  }
}

void Maker::TakeAdditions() {
  for (const MeasuredObject& list : evidence_.chain.machine_owner_lists) {
    AddOnce(values_.machine_owner_lists,
            NamedDigest{
                .name = Named(list.untrusted_name, "list"), .version = {}, .digest = list.digest});
  }
  for (const MeasuredObject& object : evidence_.chain.unexplained) {
    AddOnce(values_.additions, NamedDigest{.name = Named(object.untrusted_name, "addition"),
                                           .version = {},
                                           .digest = object.digest});
  }
  eventlog::VerifiedEvents events = log_.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() != kExtensionPcr || eventlog::SeparatorOf(*event)) continue;
    AddOnce(values_.additions,
            NamedDigest{.name = "extension", .version = {}, .digest = event->digest()});
  }
  if (evidence_.has_grub)
    Note("commands of GRUB are not compared: add grub_commands if they are to be");
}

Status Maker::TakeUserSpace() {
  eventlog::VerifiedRecords records = log_.user_space_records();
  const auto add = [&](const BootValuesRecord& record) { AddOnce(values_.user_space, record); };
  for (auto record = records.Next(); record; record = records.Next()) {
    const auto text = record->MeasuredText();
    if (!text) {
      add({.pcr = record->pcr(), .text = {}, .digest = record->digest()});
      Note(fmt::format("a record of PCR {} has no text: its digest fits this machine alone",
                       record->pcr()));
    } else if (text->starts_with("machine-id:")) {
      constexpr std::string_view kAnyMachine = "machine-id:[0-9a-f]{32}";
      LQ_ASSIGN_OR_RETURN(Expression expression,
                          Expression::Compile(kAnyMachine, Expression::Extent::kWhole));
      add({.pcr = record->pcr(),
           .text = {.text = std::string(kAnyMachine),
                    .expression = std::make_shared<const Expression>(std::move(expression))},
           .digest = std::nullopt});
    } else if (std::ranges::find(kPhases, *text) != kPhases.end()) {
      for (const std::string_view phase : kPhases) {
        add({.pcr = record->pcr(),
             .text = {.text = std::string(phase), .expression = nullptr},
             .digest = std::nullopt});
      }
    } else {
      add({.pcr = record->pcr(),
           .text = {.text = std::string(*text), .expression = nullptr},
           .digest = std::nullopt});
    }
  }
  return {};
}

Result<MadeBootValues> Maker::Make() {
  values_.algorithm = log_.bank();
  for (const std::uint32_t pcr : {0U, 4U, 7U, 8U, 9U, 12U}) {
    if (Covers(pcr)) continue;
    return Untrusted("policy.boot_values.log",
                     fmt::format("PCR {} is not covered: the log does not lead to its value, or "
                                 "the value is not given",
                                 pcr));
  }
  TakeFirmware();
  LQ_RETURN_IF_ERROR(TakeSecureBoot());
  kernel_.unified = !evidence_.chain.image_sections.empty();
  LQ_RETURN_IF_ERROR(TakeImages());
  TakePath();
  TakeKernelTexts();
  if (evidence_.has_grub && !kernel_.file) {
    return Unsupported("policy.boot_values.chain", "PCR 9 shows no kernel that GRUB started");
  }
  values_.kernels.push_back(std::move(kernel_));
  TakeAdditions();
  LQ_RETURN_IF_ERROR(TakeUserSpace());
  values_.exit_boot_services = evidence_.chain.exit_boot_services;
  if (!values_.exit_boot_services)
    Note("the firmware does not log that its services were left: that is not asked");
  const tpm::PcrSet lacks = PcrsOf(values_) - log_.pcrs();
  if (!lacks.empty()) {
    Note(
        fmt::format("the values need PCRs {}, which are not covered here: no boot passes "
                    "without them",
                    lacks.ToString()));
  }
  return MadeBootValues{.values = std::move(values_), .notes = std::move(notes_)};
}

}  // namespace

Result<MadeBootValues> MakeBootValues(const eventlog::VerifiedLog& log,
                                      const BootValuesLabels& labels) {
  return Maker(log, labels).Make();
}

}  // namespace limequat::policy
