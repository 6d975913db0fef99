#include "limequat/cli/ima_entry_json.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/ima/buffer.h"
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

void SetBuffer(const ima::Entry& entry, json::Object& out) {
  if (entry.Find(Field::kBuf) == nullptr) return;
  const ima::BufferKind kind = ima::KindOfBuffer(entry);
  json::Object buffer{{"kind", ima::BufferKindName(kind)}, {"data", HexEncode(entry.buffer)}};
  if (kind == ima::BufferKind::kDeviceMapper) {
    buffer.Set("fields", DeviceMapperToJson(entry.buffer));
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
