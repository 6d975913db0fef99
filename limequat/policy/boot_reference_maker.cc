#include "limequat/policy/boot_reference_maker.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/event_data.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/json/value.h"

namespace limequat::policy {

namespace {

using crypto::HashAlgorithm;
using eventlog::Event;
using eventlog::EventType;
using eventlog::kFilePcr;
using eventlog::kGrubPcr;
using eventlog::MeasuredPart;

std::string Hex(ByteView bytes) { return "0x" + HexEncode(bytes); }

std::string_view UpToNul(ByteView data) {
  const std::string_view text = AsText(data);
  return text.substr(0, text.find('\0'));
}

// `text` as an expression that matches it alone: re.escape of Python.
std::string Escaped(std::string_view text) {
  constexpr std::string_view kSpecial = "()[]{}?*+-|^$\\.&~# \t\n\r\v\f";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// An application of the firmware's own volume (a boot menu): not a boot loader.
bool IsFirmwareApplication(const Event& event) {
  const auto image = eventlog::ParseImageLoad(event.data);
  if (!image) return false;
  const std::string path = eventlog::FormatDevicePath(image->untrusted_device_path);
  constexpr std::size_t kGuid = 36;
  constexpr std::string_view kVolume = "FvVol(";
  constexpr std::string_view kFile = ")/FvFile(";
  const std::size_t file_at = kVolume.size() + kGuid;
  return path.starts_with(kVolume) &&
         std::string_view(path).substr(std::min(file_at, path.size())).starts_with(kFile);
}

class Maker {
 public:
  Status Take(const Event& event);
  Result<MadeBootReference> Finish(SecureBootWanted wanted) &&;

 private:
  Status TakeConfiguration(const Event& event);
  Status TakeAuthority(const Event& event);
  void TakeIpl(const Event& event);
  void TakeGrub(std::string_view text);
  Status AddKernel(json::Object& reference);

  std::optional<bool> secure_;
  std::optional<json::Object> scrtm_;
  json::Array firmware_;
  std::array<json::Array, 4> keys_;  // in the order of kKeyNames
  json::Array vendor_db_;
  json::Array mok_;
  json::Array mokx_;
  std::vector<std::string> images_;
  std::optional<std::string> initrd_;
  std::optional<std::string> kernel_file_;
  std::optional<std::string> command_line_;
  std::vector<std::string> notes_;
};

constexpr std::array<std::string_view, 4> kKeyNames = {"pk", "kek", "db", "dbx"};

std::string DigestOf(const Event& event) {
  return Hex(event.digests.Find(tpm::IdOf(HashAlgorithm::kSha256)));
}

json::Object DigestMapOf(const Event& event) { return {{"sha256", DigestOf(event)}}; }

json::Value KeyOf(const eventlog::SignatureData& entry) {
  return json::Object{{"SignatureOwner", entry.owner.ToString()},
                      {"SignatureData", Hex(entry.data)}};
}

// The variable, if the digest is of all of it.
Result<eventlog::EfiVariable> MeasuredVariableOf(const Event& event) {
  const MeasuredPart part = eventlog::FindMeasuredPart(event, HashAlgorithm::kSha256);
  if (part != MeasuredPart::kAll && part != MeasuredPart::kAllButLast) {
    return Untrusted(
        "policy.boot_reference.variable",
        fmt::format("event {} shows a variable that is not what was measured", event.index));
  }
  const std::size_t size = event.data.size() - (part == MeasuredPart::kAllButLast ? 1 : 0);
  return eventlog::ParseEfiVariable(event.data.first(size));
}

Status Maker::TakeConfiguration(const Event& event) {
  LQ_ASSIGN_OR_RETURN(const eventlog::EfiVariable variable, MeasuredVariableOf(event));
  if (variable.name == "SecureBoot" && !secure_) {
    secure_ = variable.data.size() == 1 && variable.data[0] == 1;
  }
  std::string name;
  for (const char c : variable.name) {
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const auto* place = std::ranges::find(kKeyNames, name);
  if (place == kKeyNames.end() || variable.data.empty()) return {};
  LQ_ASSIGN_OR_RETURN(const auto lists, eventlog::ParseSignatureLists(variable.data));
  json::Array& keys = keys_[static_cast<std::size_t>(place - kKeyNames.begin())];
  keys.clear();
  for (const eventlog::SignatureList& list : lists) {
    for (const eventlog::SignatureData& entry : list.entries) keys.push_back(KeyOf(entry));
  }
  return {};
}

Status Maker::TakeAuthority(const Event& event) {
  const auto shown = eventlog::ParseEfiVariable(event.data);
  if (!shown || shown->name != "vendor_db") return {};
  LQ_ASSIGN_OR_RETURN(const eventlog::EfiVariable variable, MeasuredVariableOf(event));
  LQ_ASSIGN_OR_RETURN(const auto entry, eventlog::ParseSignatureData(variable.data));
  vendor_db_.push_back(KeyOf(entry));
  return {};
}

// As much of the text as Keylime's tool takes, which is wrong for what old versions of GRUB
// wrote there: such a line matches no boot.
void Maker::TakeGrub(std::string_view text) {
  constexpr std::string_view kKey = "kernel_cmdline: ";
  if (command_line_ || text.find("kernel_cmdline") == std::string_view::npos) return;
  command_line_ = Escaped(text.substr(std::min(text.size(), kKey.size())));
  if (!text.starts_with(kKey)) {
    notes_.emplace_back("the command line is in a form that the policy example never matches");
  }
}

void Maker::TakeIpl(const Event& event) {
  const std::string_view text = UpToNul(event.data);
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  if (text == "MokList") mok_.emplace_back(DigestMapOf(event));
  if (text == "MokListX") mokx_.emplace_back(DigestMapOf(event));
  if (event.pcr == kGrubPcr) TakeGrub(text);
  if (event.pcr != kFilePcr) return;
  if (!initrd_ && (has("initrd") || has("initramfs"))) initrd_ = DigestOf(event);
  if (!kernel_file_ && has("vmlinuz")) kernel_file_ = DigestOf(event);
}

Status Maker::Take(const Event& event) {
  switch (event.untrusted_type) {
    case EventType::kSCrtmVersion:
      if (!scrtm_) scrtm_ = DigestMapOf(event);
      return {};
    case EventType::kEfiPlatformFirmwareBlob:
    case EventType::kEfiPlatformFirmwareBlob2:
      firmware_.emplace_back(DigestMapOf(event));
      return {};
    case EventType::kEfiVariableDriverConfig:
      return TakeConfiguration(event);
    case EventType::kEfiVariableAuthority:
      return TakeAuthority(event);
    case EventType::kEfiBootServicesApplication:
      if (!IsFirmwareApplication(event)) images_.push_back(DigestOf(event));
      return {};
    case EventType::kIpl:
      TakeIpl(event);
      return {};
    default:
      return {};
  }
}

Status Maker::AddKernel(json::Object& reference) {
  const bool secure = secure_.value_or(false);
  const std::size_t images = images_.size();
  if (secure ? images != 3 && images != 4 : images != 2) {
    return Unsupported(
        "policy.boot_reference.chain",
        fmt::format("the log shows {} boot applications; reference states of this "
                    "format are for shim, GRUB{}",
                    images, secure ? " and a kernel" : " alone (Secure Boot is off)"));
  }
  json::Object kernel;
  if (secure) kernel.Set("kernel_authcode_sha256", images_[2]);
  kernel.Set("shim_authcode_sha256", images_[0]);
  kernel.Set("grub_authcode_sha256", images_[1]);
  const auto add = [&](std::string_view name, const std::optional<std::string>& value) {
    if (value) kernel.Set(name, *value);
    if (!value) notes_.push_back(fmt::format("the log does not show {}: no boot matches", name));
  };
  add("initrd_plain_sha256", initrd_);
  if (!secure) add("vmlinuz_plain_sha256", kernel_file_);
  add("kernel_cmdline", command_line_);
  reference.Set("kernels", json::Array{std::move(kernel)});
  return {};
}

Result<MadeBootReference> Maker::Finish(SecureBootWanted wanted) && {
  if (!secure_.value_or(false) && wanted == SecureBootWanted::kOn) {
    return Unsupported("policy.boot_reference.secure_boot",
                       "Secure Boot is off in this log, or the log does not show it");
  }
  json::Object firmware;
  if (scrtm_) firmware.Set("scrtm", *std::move(scrtm_));
  if (!scrtm_) notes_.emplace_back("the log does not show the version of the firmware");
  firmware.Set("platform_firmware", std::move(firmware_));
  json::Object reference{{"has_secureboot", secure_.value_or(false)},
                         {"scrtm_and_bios", json::Array{std::move(firmware)}}};
  for (std::size_t i = 0; i < kKeyNames.size(); ++i) {
    reference.Set(kKeyNames[i], std::move(keys_[i]));
  }
  reference.Set("vendor_db", std::move(vendor_db_));
  reference.Set("mokdig", std::move(mok_));
  reference.Set("mokxdig", std::move(mokx_));
  LQ_RETURN_IF_ERROR(AddKernel(reference));
  return MadeBootReference{.json = json::Serialize(reference), .notes = std::move(notes_)};
}

}  // namespace

Result<MadeBootReference> MakeBootReference(ByteView log, SecureBootWanted wanted) {
  LQ_ASSIGN_OR_RETURN(eventlog::LogReader reader, eventlog::LogReader::Open(log));
  const auto banks = reader.algorithms();
  const bool has_sha256 = std::ranges::any_of(banks, [](const eventlog::DigestAlgorithm& bank) {
    return bank.id == tpm::IdOf(HashAlgorithm::kSha256);
  });
  if (!has_sha256) {
    return Unsupported("policy.boot_reference.bank",
                       "the log has no SHA-256 digests, which reference states consist of");
  }
  Maker maker;
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<Event> event, reader.Next());
    if (!event) break;
    const bool measured = !event->digests.Find(tpm::IdOf(HashAlgorithm::kSha256)).empty();
    if (measured && event->untrusted_type != EventType::kNoAction) {
      LQ_RETURN_IF_ERROR(maker.Take(*event));
    }
  }
  return std::move(maker).Finish(wanted);
}

}  // namespace limequat::policy
