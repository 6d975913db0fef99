// The document of boot reference values.

#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/json/value.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {

namespace {

json::Value Write(const TextRule& rule) {
  if (rule.expression == nullptr) return rule.text;
  return json::Object{{"matches", rule.text}};
}

json::Array Write(const std::vector<TextRule>& rules) {
  json::Array array;
  for (const TextRule& rule : rules) array.push_back(Write(rule));
  return array;
}

json::Array Write(const std::vector<crypto::Digest>& digests) {
  json::Array array;
  for (const crypto::Digest& digest : digests) array.emplace_back(digest.hex());
  return array;
}

json::Array Write(const std::vector<NamedDigest>& list) {
  json::Array array;
  for (const NamedDigest& named : list) {
    json::Object object{{"name", named.name}};
    if (!named.version.empty()) object.Set("version", named.version);
    object.Set("digest", named.digest.hex());
    array.emplace_back(std::move(object));
  }
  return array;
}

json::Value Write(const BootValuesFirmware& firmware) {
  json::Object object;
  if (!firmware.model.empty()) object.Set("model", firmware.model);
  if (!firmware.version.empty()) object.Set("version", firmware.version);
  json::Object pcrs;
  for (const auto& [pcr, value] : firmware.pcrs) pcrs.Set(fmt::format("{}", pcr), value.hex());
  object.Set("pcrs", std::move(pcrs));
  return object;
}

json::Value Write(const BootValuesSecureBoot& secure) {
  json::Object object{{"required", secure.required}};
  if (!secure.required) return object;
  const auto keys = [](const std::vector<std::string>& names) {
    return json::Array(names.begin(), names.end());
  };
  object.Set("pk", keys(secure.pk)).Set("kek", keys(secure.kek));
  object.Set("db", keys(secure.db)).Set("dbx", keys(secure.dbx));
  object.Set("events", Write(secure.events));
  return object;
}

json::Value Write(const BootValuesKernel& kernel) {
  json::Object object{{"name", kernel.name}};
  if (!kernel.version.empty()) object.Set("version", kernel.version);
  if (kernel.unified) object.Set("unified", true);
  if (!kernel.images.empty()) object.Set("images", Write(kernel.images));
  if (kernel.file) object.Set("file", kernel.file->hex());
  if (!kernel.unified) object.Set("initrds", Write(kernel.initrds));
  if (!kernel.command_lines.empty()) object.Set("command_lines", Write(kernel.command_lines));
  if (!kernel.load_options.empty()) object.Set("load_options", Write(kernel.load_options));
  if (kernel.sections.empty()) return object;
  json::Array sections;
  for (const BootValuesSection& section : kernel.sections) {
    sections.emplace_back(json::Object{{"name", section.name}, {"digest", section.digest.hex()}});
  }
  object.Set("sections", std::move(sections));
  return object;
}

json::Value Write(const BootValuesRecord& record) {
  json::Object object{{"pcr", record.pcr}};
  if (record.digest) {
    object.Set("digest", record.digest->hex());
  } else {
    object.Set(record.text.expression == nullptr ? "text" : "matches", record.text.text);
  }
  return object;
}

template <class T>
json::Array WriteEach(const std::vector<T>& list) {
  json::Array array;
  for (const T& item : list) array.push_back(Write(item));
  return array;
}

}  // namespace

std::string WriteBootValues(const BootValues& values) {
  json::Object object{{"kind", kBootValuesKind}, {"version", kBootValuesVersion}};
  if (!values.name.empty()) object.Set("name", values.name);
  object.Set("release", values.release);
  object.Set("digest_algorithm", crypto::HashName(values.algorithm));
  object.Set("boot_path", BootValuesPathName(values.path));
  if (values.any_firmware) {
    object.Set("firmware", "any");
  } else {
    object.Set("firmware", WriteEach(values.firmware));
  }
  object.Set("secure_boot", Write(values.secure_boot));
  if (!values.exit_boot_services) object.Set("exit_boot_services", false);
  object.Set("loaders", Write(values.loaders));
  object.Set("kernels", WriteEach(values.kernels));
  if (!values.files.empty()) object.Set("files", Write(values.files));
  if (values.grub_commands) object.Set("grub_commands", Write(*values.grub_commands));
  if (!values.machine_owner_lists.empty())
    object.Set("machine_owner_lists", Write(values.machine_owner_lists));
  if (!values.additions.empty()) object.Set("additions", Write(values.additions));
  if (!values.user_space.empty()) object.Set("user_space", WriteEach(values.user_space));
  return json::Pretty(object);
}

}  // namespace limequat::policy
