#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "limequat/crypto/digest.h"
#include "limequat/json/value.h"
#include "limequat/policy/testing/boot.h"

// For tests only: reference values of the boot of boot.h.
namespace limequat::policy::testing {

inline std::string Hex256(std::string_view data) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(data)).hex();
}

inline json::Value NamedHex(std::string_view name, std::string_view hex) {
  return json::Object{{"name", name}, {"digest", hex}};
}

// SHA-256 of an event's data.
inline std::string OfData(const Bytes& data) { return Hex256(AsText(data)); }

inline json::Object ValuesKernel() {
  return {{"name", "linux"},
          {"version", "6.1"},
          {"images", json::Array{Hex256("kernel")}},
          {"file", Hex256("the kernel's file")},
          {"initrds", json::Array{Hex256("initrd")}},
          {"command_lines", json::Array{kLine}}};
}

inline json::Object ValuesSecureBoot() {
  using eventlog::testing::VariableData;
  const Bytes db =
      VariableData(eventlog::kImageSecurityDatabase, "db", Signature(Certificate("allowed")));
  const Bytes vendor =
      VariableData(eventlog::kImageSecurityDatabase, "vendor_db", Signature(Certificate("vendor")));
  const Bytes sbat =
      VariableData(eventlog::kShimLock, "SbatLevel", ToBytes(std::string_view("sbat,1\n")));
  const auto key = [](std::string_view name) { return "x509:" + Hex256(Certificate(name)); };
  std::string revoked = "sha256:";
  for (std::size_t i = 0; i < kRevoked.size(); ++i) revoked += "11";
  return {{"required", true},
          {"pk", json::Array{key("platform")}},
          {"kek", json::Array{key("exchange")}},
          {"db", json::Array{key("allowed")}},
          {"dbx", json::Array{revoked}},
          {"events", json::Array{NamedHex("db", OfData(db)), NamedHex("vendor_db", OfData(vendor)),
                                 NamedHex("SbatLevel", OfData(sbat))}}};
}

// Of Boot, whatever its firmware.
inline json::Object Values() {
  return {
      {"kind", "limequat-boot-reference"},
      {"version", 1},
      {"name", "test"},
      {"release", 3},
      {"digest_algorithm", "sha256"},
      {"boot_path", "shim-grub"},
      {"firmware", "any"},
      {"secure_boot", ValuesSecureBoot()},
      {"loaders", json::Array{NamedHex("shim", Hex256("shim")), NamedHex("GRUB", Hex256("grub"))}},
      {"kernels", json::Array{ValuesKernel()}},
      {"files", json::Array{NamedHex("grub.cfg", Hex256("configuration"))}},
      {"machine_owner_lists", json::Array{NamedHex("MokList", Hex256("owner keys")),
                                          NamedHex("MokListX", Hex256("owner revocations")),
                                          NamedHex("MokListTrusted", Hex256("\x01"))}}};
}

}  // namespace limequat::policy::testing
