#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/byte_reader.h"
#include "limequat/base/bytes.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/event.h"
#include "limequat/eventlog/guid.h"
#include "limequat/eventlog/testing/log_builder.h"
#include "limequat/json/value.h"

// For tests only: a boot of shim, GRUB and Linux with Secure Boot, as firmware logs it, and
// the reference state that Keylime's tools would make of it.
namespace limequat::policy::testing {

using eventlog::EventType;
using eventlog::Guid;

inline std::string Sha256Hex(std::string_view data) {
  return "0x" + crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(data)).hex();
}

// EFI_SIGNATURE_LIST of entries of one size, owned by shim.
inline Bytes SignatureList(const Guid& type, const std::vector<std::string>& entries,
                           const Guid& owner = eventlog::kShimLock) {
  const auto size = static_cast<std::uint32_t>(16 + entries.front().size());
  ByteWriter out;
  out.Raw(type.bytes).U32Le(28 + size * static_cast<std::uint32_t>(entries.size()));
  out.U32Le(0).U32Le(size);
  for (const std::string& entry : entries) out.Raw(owner.bytes).Raw(AsBytes(entry));
  return out.Take();
}

inline Bytes Both(Bytes a, const Bytes& b) {
  Append(a, b);
  return a;
}

// EFI_SIGNATURE_DATA.
inline Bytes Signature(std::string_view data, const Guid& owner = eventlog::kShimLock) {
  ByteWriter out;
  out.Raw(owner.bytes).Raw(AsBytes(data));
  return out.Take();
}

// What certificates look like from outside: 30 82 and a length.
inline std::string Certificate(std::string_view name) {
  std::string der = {0x30, static_cast<char>(0x82), 0, static_cast<char>(name.size())};
  return der + std::string(name);
}

inline const std::string kRevoked(32, '\x11');
inline constexpr std::string_view kLine = "/vmlinuz root=/dev/vda ro";

struct TestEvent {
  std::uint32_t pcr = 0;
  EventType type{};
  Bytes data;
  Bytes measured;
};

// A boot to be changed by a test.
class Boot {
 public:
  Boot() {
    Firmware();
    SecureBoot();
    for (std::uint32_t pcr = 0; pcr < 7; ++pcr) Add(pcr, EventType::kSeparator, Bytes(4, 0));
    Loaders();
  }

  Boot& Add(std::uint32_t pcr, EventType type, const Bytes& data) {
    return Add(pcr, type, data, data);
  }
  Boot& Add(std::uint32_t pcr, EventType type, std::string_view data) {
    return Add(pcr, type, ToBytes(data));
  }
  Boot& Add(std::uint32_t pcr, EventType type, const Bytes& data, const Bytes& measured) {
    events_.push_back({pcr, type, data, measured});
    return *this;
  }
  Boot& Add(std::uint32_t pcr, EventType type, std::string_view data, std::string_view measured) {
    return Add(pcr, type, ToBytes(data), ToBytes(measured));
  }
  Boot& Config(const Guid& vendor, std::string_view name, const Bytes& value) {
    return Add(7, EventType::kEfiVariableDriverConfig,
               eventlog::testing::VariableData(vendor, name, value));
  }
  Boot& Authority(const Guid& vendor, std::string_view name, const Bytes& value) {
    return Add(7, EventType::kEfiVariableAuthority,
               eventlog::testing::VariableData(vendor, name, value));
  }
  Boot& Grub(std::string_view key, std::string_view text) {
    return Add(8, EventType::kIpl, std::string(key) + ": " + std::string(text) + '\0', text);
  }
  Boot& File(std::string_view name, std::string_view content) {
    return Add(9, EventType::kIpl, std::string(name) + '\0', content);
  }

  // The event with this type and data that begins so, of a PCR: to change it in place.
  TestEvent& At(std::uint32_t pcr, std::size_t index) {
    for (TestEvent& event : events_) {
      if (event.pcr == pcr && index-- == 0) return event;
    }
    return events_.at(events_.size());
  }
  // The variable of PCR 7 gets this value; what was measured is that.
  Boot& SetConfig(std::size_t index, const Guid& vendor, std::string_view name,
                  const Bytes& value) {
    TestEvent& event = At(7, index);
    event.data = eventlog::testing::VariableData(vendor, name, value);
    event.measured = event.data;
    return *this;
  }
  Boot& Remove(std::uint32_t pcr, std::size_t index) {
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (events_[i].pcr != pcr || index-- != 0) continue;
      events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    return *this;
  }

  Bytes Log() const {
    auto log = eventlog::testing::LogBuilder::CryptoAgile();
    for (const TestEvent& event : events_) {
      log.Event(event.pcr, event.type, event.data, event.measured);
    }
    return log.bytes();
  }

 private:
  void Firmware() {
    Add(0, EventType::kSCrtmVersion, "version 1");
    Add(0, EventType::kEfiPlatformFirmwareBlob, "where", "firmware A");
    Add(0, EventType::kEfiPlatformFirmwareBlob2, "where", "firmware B");
    Add(1, EventType::kPlatformConfigFlags, "name", "setting");
    Add(1, EventType::kEfiVariableBoot,
        eventlog::testing::VariableData(eventlog::kGlobalVariable, "Boot0001", Bytes(9, 1)),
        Bytes(9, 1));
    Add(2, EventType::kEfiBootServicesDriver, "where", "option ROM");
  }
  void SecureBoot() {
    Config(eventlog::kGlobalVariable, "SecureBoot", Bytes{1});
    Config(eventlog::kGlobalVariable, "PK",
           SignatureList(eventlog::kSignatureX509, {Certificate("platform")}));
    Config(eventlog::kGlobalVariable, "KEK",
           SignatureList(eventlog::kSignatureX509, {Certificate("exchange")}));
    Config(eventlog::kImageSecurityDatabase, "db",
           SignatureList(eventlog::kSignatureX509, {Certificate("allowed")}));
    Config(eventlog::kImageSecurityDatabase, "dbx",
           SignatureList(eventlog::kSignatureSha256, {kRevoked}));
    Add(7, EventType::kSeparator, Bytes(4, 0));
    Authority(eventlog::kImageSecurityDatabase, "db", Signature(Certificate("allowed")));
  }
  void Loaders() {
    Add(4, EventType::kEfiAction, "Calling EFI Application from Boot Option");
    Add(5, EventType::kEfiGptEvent, Bytes(92, 7));
    Add(4, EventType::kEfiBootServicesApplication, "where", "shim");
    Add(14, EventType::kIpl, std::string("MokList\0", 8), "owner keys");
    Add(14, EventType::kIpl, std::string("MokListX\0", 9), "owner revocations");
    Authority(eventlog::kShimLock, "SbatLevel", ToBytes(std::string_view("sbat,1\n")));
    Add(14, EventType::kIpl, std::string("MokListTrusted\0", 15), std::string_view("\x01"));
    Authority(eventlog::kImageSecurityDatabase, "vendor_db", Signature(Certificate("vendor")));
    Add(4, EventType::kEfiBootServicesApplication, "where", "grub");
    File("(hd0,gpt1)/EFI/debian/grub.cfg", "configuration");
    Grub("grub_cmd", "search.fs_uuid 1234");
    Grub("grub_cmd", "linux " + std::string(kLine));
    File("/vmlinuz", "the kernel's file");
    Add(4, EventType::kEfiBootServicesApplication, "where", "kernel");
    Grub("kernel_cmdline", kLine);
    Grub("grub_cmd", "initrd /initrd.img");
    File("/initrd.img", "initrd");
    Add(5, EventType::kEfiAction, "Exit Boot Services Invocation");
    Add(5, EventType::kEfiAction, "Exit Boot Services Returned with Success");
  }

  std::vector<TestEvent> events_;
};

inline json::Object Digest(std::string_view content) { return {{"sha256", Sha256Hex(content)}}; }

inline json::Value Key(std::string_view data,
                       std::string_view owner = "605dab50-e046-4300-abb6-3dd810dd8b23") {
  std::string hex = "0x";
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : data) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte / 16U];
    hex += kDigits[byte % 16U];
  }
  return json::Object{{"SignatureOwner", owner}, {"SignatureData", hex}};
}

inline json::Object KernelReference() {
  return {{"kernel_authcode_sha256", Sha256Hex("kernel")},
          {"shim_authcode_sha256", Sha256Hex("shim")},
          {"grub_authcode_sha256", Sha256Hex("grub")},
          {"initrd_plain_sha256", Sha256Hex("initrd")},
          {"vmlinuz_plain_sha256", Sha256Hex("the kernel's file")},
          {"kernel_cmdline", R"(/vmlinuz\ root=/dev/vda\ ro)"}};
}

// Of Boot.
inline json::Object Reference() {
  const json::Value firmware =
      json::Object{{"scrtm", Digest("version 1")},
                   {"platform_firmware", json::Array{Digest("firmware A"), Digest("firmware B")}}};
  return {{"has_secureboot", true},
          {"scrtm_and_bios", json::Array{firmware}},
          {"pk", json::Array{Key(Certificate("platform"))}},
          {"kek", json::Array{Key(Certificate("exchange"))}},
          {"db", json::Array{Key(Certificate("allowed"))}},
          {"dbx", json::Array{Key(kRevoked)}},
          {"vendor_db", json::Array{Key(Certificate("vendor"))}},
          {"mokdig", json::Array{Digest("owner keys")}},
          {"mokxdig", json::Array{Digest("owner revocations")}},
          {"kernels", json::Array{KernelReference()}}};
}

// `object` without the member `name`.
inline json::Object Without(const json::Object& object, std::string_view name) {
  json::Object out;
  for (const auto& [key, value] : object) {
    if (key != name) out.Set(key, value);
  }
  return out;
}

}  // namespace limequat::policy::testing
