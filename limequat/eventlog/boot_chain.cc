#include "limequat/eventlog/boot_chain.h"

#include <algorithm>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/event_data.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/tpm/pcr.h"

namespace limequat::eventlog {

namespace {

constexpr std::string_view kCheckKernel = "eventlog.kernel";

std::string_view UpToNul(ByteView data) {
  const std::string_view text = AsText(data);
  return text.substr(0, text.find('\0'));
}

MeasuredObject ObjectOf(const VerifiedEvent& event) {
  return {.event = event.index(),
          .digest = event.digest(),
          .untrusted_type = event.untrusted_type(),
          .untrusted_name = {},
          .untrusted_device_path = {}};
}

MeasuredObject NamedObjectOf(const VerifiedEvent& event) {
  MeasuredObject object = ObjectOf(event);
  object.untrusted_name = UpToNul(event.untrusted_data());
  if (event.untrusted_type() != EventType::kEventTag) return object;
  if (const auto tagged = ParseTaggedEvent(event.untrusted_data())) {
    object.untrusted_name = UpToNul(tagged->data);
  }
  return object;
}

// The Authenticode hash is one of bytes, too: whoever writes these into the event could
// call an image the event's own data. No image is as short as this (the smallest PE has
// 97 bytes, of which the hash leaves out twelve).
constexpr std::size_t kShorterThanImages = 64;

bool IsNoImage(const VerifiedEvent& event) {
  if (SeparatorOf(event) || ActionOf(event)) return true;
  const auto data = MeasuredDataOf(event);
  return data && data->size() <= kShorterThanImages;
}

void TakeImage(const VerifiedEvent& event, std::vector<MeasuredObject>& images) {
  if (IsNoImage(event)) return;
  MeasuredObject image = ObjectOf(event);
  if (const auto load = ParseImageLoad(event.untrusted_data())) {
    image.untrusted_device_path = load->untrusted_device_path;
  }
  images.push_back(image);
}

void TakeCommandLine(const VerifiedEvent& event, BootChain& chain) {
  if (SeparatorOf(event)) return;
  if (const auto text = MeasuredDataOf(event)) {
    chain.kernel_command_lines.push_back({.event = event.index(), .text = *text});
  } else {
    chain.unexplained.push_back(NamedObjectOf(event));
  }
}

// GRUB measures texts into PCR 8: the digest is of the text, the event puts a key in
// front of it, which nothing covers. A command line is told from a command by that key
// alone; both are measured texts.
void TakeGrub(const VerifiedEvent& event, BootChain& chain) {
  const auto grub = ParseGrubText(event.untrusted_data());
  if (!grub || !event.Measures(AsBytes(grub->text))) {
    TakeCommandLine(event, chain);
    return;
  }
  auto& list = grub->key == "kernel_cmdline" ? chain.kernel_command_lines : chain.grub_commands;
  list.push_back({.event = event.index(), .text = AsBytes(grub->text)});
}

// shim measures into PCR 7 what it decides by: SbatLevel, lists of keys, the entry that
// allowed an image. The digest covers whose variable it is.
bool IsOfShim(const VerifiedEvent& event) {
  ByteReader claimed(event.untrusted_data());
  const auto vendor = ReadGuid(claimed, "vendor");
  if (!vendor || *vendor != kShimLock) return false;  // saves hashing
  const auto data = MeasuredDataOf(event);
  return data && ParseEfiVariable(*data).has_value();
}

void Take(const VerifiedEvent& event, BootChain& chain) {
  switch (event.pcr()) {
    case kDriverPcr:
      TakeImage(event, chain.drivers);
      break;
    case kLoaderPcr:
      TakeImage(event, chain.images);
      break;
    case kLoaderConfigPcr:
      if (ActionOf(event) == kActionExit) chain.exit_boot_services = true;
      break;
    case kSecureBootPcr:
      if (IsOfShim(event)) chain.shim = true;
      break;
    case kGrubPcr:
      TakeGrub(event, chain);
      break;
    case kFilePcr:
      if (!SeparatorOf(event)) chain.files.push_back(NamedObjectOf(event));
      break;
    case kUnifiedImagePcr:
      if (!SeparatorOf(event)) chain.image_sections.push_back(NamedObjectOf(event));
      break;
    case kCommandLinePcr:
      TakeCommandLine(event, chain);
      break;
    case kMokPcr:
      if (!SeparatorOf(event)) chain.machine_owner_lists.push_back(NamedObjectOf(event));
      break;
    default:
      break;
  }
}

Finding CheckKernel(const VerifiedLog& log, const BootChain& chain) {
  if (!log.pcrs().Contains(kLoaderPcr)) {
    return NotEvaluated(kCheckKernel, "PCR 4 does not replay", Cause::kTamper);
  }
  if (chain.images.empty()) {
    return Failed(kCheckKernel, chain.exit_boot_services
                                    ? "an operating system was started, and no image of it was "
                                      "measured into PCR 4"
                                    : "no image was measured into PCR 4");
  }
  const std::size_t images = chain.images.size();
  if (images == 1 && chain.shim) {
    return Failed(kCheckKernel,
                  "PCR 7 shows that shim ran, and PCR 4 shows one image: shim and what it started "
                  "would be two");
  }
  return Passed(kCheckKernel, fmt::format("{} image{} in PCR 4; whether a kernel is among them is "
                                          "for reference values to say",
                                          images, images == 1 ? "" : "s"));
}

// systemd-stub measures the name of each section, with its NUL, in front of the content.
bool IsKernelSection(const MeasuredObject& object) {
  constexpr std::string_view kName(".linux\0", 7);
  return object.digest == crypto::Hash(object.digest.algorithm(), AsBytes(kName));
}

bool IsOfEfiStub(const MeasuredObject& object) {
  return object.untrusted_type == EventType::kEventTag &&
         object.untrusted_name == "LOADED_IMAGE::LoadOptions";
}

}  // namespace

std::string_view BootPathName(BootPath path) {
  switch (path) {
    case BootPath::kUnmeasured:
      return "unmeasured";
    case BootPath::kUnknown:
      return "unknown";
    case BootPath::kEfiStub:
      return "efi_stub";
    case BootPath::kGrub:
      return "grub";
    case BootPath::kUnifiedImage:
      return "unified_image";
  }
  return "unknown";
}

BootPath UntrustedPathOf(const BootChain& chain) {
  if (chain.images.empty()) return BootPath::kUnmeasured;
  if (std::ranges::any_of(chain.image_sections, IsKernelSection)) return BootPath::kUnifiedImage;
  if (!chain.grub_commands.empty()) return BootPath::kGrub;
  if (std::ranges::any_of(chain.files, IsOfEfiStub)) return BootPath::kEfiStub;
  return BootPath::kUnknown;
}

BootChainReading ReadBootChain(const VerifiedLog& log) {
  BootChainReading reading;
  VerifiedEvents events = log.events();
  for (auto event = events.Next(); event; event = events.Next()) Take(*event, reading.chain);
  reading.findings.push_back(CheckKernel(log, reading.chain));
  return reading;
}

}  // namespace limequat::eventlog
