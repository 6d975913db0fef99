#include "limequat/cli/ima_entry_json.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/ima/buffer.h"
#include "limequat/ima/critical_data.h"
#include "limequat/ima/device_mapper.h"
#include "limequat/ima/xattrs.h"

namespace limequat::cli {

namespace {

using ima::Field;

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

std::string Escaped(std::string_view text) { return EscapeForDisplay(text, kNoLimit); }

void SetBytes(const ima::Entry& entry, Field field, std::string_view name, json::Object& out) {
  const ima::FieldValue* value = entry.Find(field);
  if (value != nullptr && !value->bytes.empty()) out.Set(name, HexEncode(value->bytes));
}

void SetNumber(const ima::Entry& entry, Field field, std::string_view name, json::Object& out) {
  const ima::FieldValue* value = entry.Find(field);
  if (value == nullptr || value->bytes.empty()) return;
  std::uint64_t number = 0;
  for (std::size_t i = value->bytes.size(); i-- > 0;) number = (number << 8U) | value->bytes[i];
  out.Set(name, number);
}

void SetModsig(const ima::Entry& entry, json::Object& out) {
  if (const ima::FieldValue* value = entry.Find(Field::kDModsig)) {
    const ima::NamedDigest digest = ima::DigestOf(*value);
    if (!digest.algorithm.empty()) {
      out.Set("modsig_digest", json::Object{{"algorithm", Escaped(digest.algorithm)},
                                            {"digest", HexEncode(digest.digest)}});
    }
  }
  SetBytes(entry, Field::kModsig, "modsig", out);
}

// Attributes whose fields do not fit together are shown as far as they do; the note
// "ima.xattrs" says so.
void SetXattrs(const ima::Entry& entry, json::Object& out) {
  json::Array attributes;
  ima::XattrReader reader(entry);
  while (true) {
    const auto next = reader.Next();
    if (!next || !*next) break;
    attributes.push_back(
        json::Object{{"name", Escaped((*next)->name)}, {"value", HexEncode((*next)->value)}});
  }
  if (!attributes.empty()) out.Set("xattrs", std::move(attributes));
}

json::Array DeviceMapperToJson(ByteView text) {
  json::Array fields;
  ima::DeviceMapperReader reader(text);
  while (true) {
    const auto next = reader.Next();
    if (!next || !*next) return fields;
    fields.push_back(json::Object{{"part", std::uint64_t{(*next)->part}},
                                  {"key", Escaped((*next)->key)},
                                  {"value", Escaped(ima::UnescapeDeviceMapper((*next)->value))}});
  }
}

json::Object DeviceToJson(const ima::DeviceMapperDevice& device) {
  json::Object out{{"name", Escaped(device.name)}, {"uuid", Escaped(device.uuid)}};
  if (device.major) out.Set("major", *device.major);
  if (device.minor) out.Set("minor", *device.minor);
  if (device.num_targets) out.Set("num_targets", *device.num_targets);
  return out;
}

json::Object TargetToJson(const ima::DeviceMapperTarget& target) {
  json::Object attributes;
  for (const auto& [key, value] : target.attributes) attributes.Set(Escaped(key), Escaped(value));
  return {{"index", target.index},
          {"begin", target.begin},
          {"length", target.length},
          {"type", Escaped(target.type)},
          {"version", Escaped(target.version)},
          {"attributes", std::move(attributes)}};
}

json::Object EventToJson(const ima::DeviceMapperEvent& event) {
  json::Object out{{"event", ima::DeviceMapperEventName(event.kind)}};
  if (event.device) out.Set("device", DeviceToJson(*event.device));
  if (event.inactive) out.Set("inactive_device", DeviceToJson(*event.inactive));
  json::Array targets;
  for (const ima::DeviceMapperTarget& target : event.targets) {
    targets.push_back(TargetToJson(target));
  }
  if (!targets.empty()) out.Set("targets", std::move(targets));
  for (const auto& [name, hash] : {std::pair("active_table_hash", &event.active_table_hash),
                                   std::pair("inactive_table_hash", &event.inactive_table_hash)}) {
    if (!hash->empty()) out.Set(name, Escaped(*hash));
  }
  if (event.new_name) out.Set("new_name", Escaped(*event.new_name));
  if (event.new_uuid) out.Set("new_uuid", Escaped(*event.new_uuid));
  if (event.remove_all) out.Set("remove_all", *event.remove_all);
  if (event.capacity) out.Set("capacity", *event.capacity);
  return out;
}

// An event that cannot be read is shown by its fields alone.
void SetEvent(const ima::Entry& entry, json::Object& out) {
  const auto kind = ima::DeviceMapperEventOf(entry.path);
  if (!kind) return;
  const auto event = ima::ParseDeviceMapperEvent(*kind, entry.buffer);
  if (event) out.Set("event", EventToJson(*event));
}

// What the kernel measures by itself, as far as its form is known.
void SetCriticalData(const ima::Entry& entry, json::Object& out) {
  const auto data = ima::ParseCriticalData(entry);
  if (!data || !*data) return;
  out.Set("kind", ima::CriticalDataName((*data)->kind));
  if (!(*data)->text.empty()) out.Set("text", Escaped((*data)->text));
  json::Object state;
  for (const ima::Assignment& one : (*data)->state) state.Set(Escaped(one.key), Escaped(one.value));
  if (!state.empty()) out.Set("state", std::move(state));
}

void SetBuffer(const ima::Entry& entry, json::Object& out) {
  if (entry.Find(Field::kBuf) == nullptr) return;
  const ima::BufferKind kind = ima::KindOfBuffer(entry);
  json::Object buffer{{"kind", ima::BufferKindName(kind)}, {"data", HexEncode(entry.buffer)}};
  if (kind == ima::BufferKind::kDeviceMapper) {
    buffer.Set("fields", DeviceMapperToJson(entry.buffer));
    SetEvent(entry, buffer);
  } else if (kind == ima::BufferKind::kData) {
    SetCriticalData(entry, buffer);
  }
  out.Set("buffer", std::move(buffer));
}

}  // namespace

std::string ShownPath(const ima::Entry& entry) { return Escaped(entry.path); }

json::Object ImaEntryToJson(const ima::Entry& entry) {
  json::Object out{{"event", entry.index},
                   {"pcr", entry.pcr},
                   {"template", Escaped(entry.template_name)},
                   {"template_digest", HexEncode(entry.template_digest)}};
  if (!entry.digest_type.empty()) out.Set("digest_type", Escaped(entry.digest_type));
  out.Set("algorithm", Escaped(entry.digest_algorithm));
  out.Set("digest", HexEncode(entry.file_digest));
  out.Set("path", ShownPath(entry));
  if (!entry.signature.empty()) out.Set("signature", HexEncode(entry.signature));
  SetBuffer(entry, out);
  SetModsig(entry, out);
  SetBytes(entry, Field::kEvmSig, "evm_signature", out);
  SetXattrs(entry, out);
  SetNumber(entry, Field::kUid, "uid", out);
  SetNumber(entry, Field::kGid, "gid", out);
  SetNumber(entry, Field::kMode, "mode", out);
  if (entry.violation) out.Set("violation", true);
  return out;
}

}  // namespace limequat::cli
