#pragma once

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
#include "limequat/tpm/algorithm.h"

// For tests only: writes event logs as firmware would, good ones and odd ones.
namespace limequat::eventlog::testing {

using Digests = std::vector<std::pair<std::uint16_t, Bytes>>;

inline constexpr std::uint16_t kSha1Id = 0x0004;
inline constexpr std::uint16_t kSha256Id = 0x000b;

inline std::string Text16(std::string_view ascii) {
  std::string text;
  for (const char c : ascii) (text += c) += '\0';
  return text;
}

// The data of a crypto-agile Spec ID event.
inline Bytes SpecIdData(const std::vector<std::pair<std::uint16_t, std::uint16_t>>& algorithms = {
                            {kSha1Id, 20}, {kSha256Id, 32}}) {
  ByteWriter out;
  out.Raw(AsBytes(std::string_view("Spec ID Event03\0", 16)));
  out.U32Le(1).U8(0).U8(2).U8(105).U8(2).U32Le(static_cast<std::uint32_t>(algorithms.size()));
  for (const auto& [id, size] : algorithms) out.U16Le(id).U16Le(size);
  out.U8(0);
  return out.Take();
}

// UEFI_VARIABLE_DATA.
inline Bytes VariableData(const Guid& vendor, std::string_view name, ByteView value) {
  ByteWriter out;
  out.Raw(vendor.bytes).U32Le(static_cast<std::uint32_t>(name.size())).U32Le(0);
  out.U32Le(static_cast<std::uint32_t>(value.size())).U32Le(0);
  out.Raw(AsBytes(Text16(name))).Raw(value);
  return out.Take();
}

// A record of systemd's log whose SHA-256 is of its text.
inline std::string CelLine(std::uint32_t pcr, std::string_view text, std::string_view type) {
  std::string line =
      "\x1e{\"pcr\":" + std::to_string(pcr) + ",\"digests\":[{\"hashAlg\":\"sha256\",";
  line += "\"digest\":\"" + crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text)).hex();
  line += "\"}],\"content_type\":\"systemd\",\"content\":{\"string\":\"" + std::string(text);
  return line + "\",\"bootId\":\"0\",\"timestamp\":1,\"eventType\":\"" + std::string(type) +
         "\"}}\n";
}

// Makes logs, well-formed or as broken as a test says.
class LogBuilder {
 public:
  // A crypto-agile log for SHA-1 and SHA-256.
  static LogBuilder CryptoAgile() {
    LogBuilder log;
    log.Sha1Record(0, EventType::kNoAction, SpecIdData(), Bytes(20, 0));
    return log;
  }

  // A record of the SHA-1 layout; without `digest`, the hash of the data.
  LogBuilder& Sha1Record(std::uint32_t pcr, EventType type, ByteView data, Bytes digest = {}) {
    if (digest.empty()) digest = ToBytes(crypto::Hash(crypto::HashAlgorithm::kSha1, data).bytes());
    out_.U32Le(pcr).U32Le(static_cast<std::uint32_t>(type)).Raw(digest).SizedU32Le(data);
    return *this;
  }

  // A crypto-agile record with these digests.
  LogBuilder& Record(std::uint32_t pcr, EventType type, const Digests& digests, ByteView data) {
    out_.U32Le(pcr).U32Le(static_cast<std::uint32_t>(type));
    out_.U32Le(static_cast<std::uint32_t>(digests.size()));
    for (const auto& [id, value] : digests) out_.U16Le(id).Raw(value);
    out_.SizedU32Le(data);
    return *this;
  }

  // A crypto-agile record whose digests, SHA-1 and SHA-256, are of `measured`.
  LogBuilder& Event(std::uint32_t pcr, EventType type, ByteView data, ByteView measured) {
    return Record(pcr, type, DigestsOf(measured), data);
  }
  LogBuilder& Event(std::uint32_t pcr, EventType type, ByteView data) {
    return Event(pcr, type, data, data);
  }
  LogBuilder& Event(std::uint32_t pcr, EventType type, std::string_view data) {
    return Event(pcr, type, AsBytes(data));
  }
  LogBuilder& NoAction(std::uint32_t pcr, ByteView data) {
    return Record(pcr, EventType::kNoAction, {{kSha1Id, Bytes(20, 0)}, {kSha256Id, Bytes(32, 0)}},
                  data);
  }
  LogBuilder& StartupLocality(std::uint8_t locality, std::uint32_t pcr = 0) {
    Bytes data = ToBytes(std::string_view("StartupLocality\0", 16));
    data.push_back(locality);
    return NoAction(pcr, data);
  }
  LogBuilder& Separator(std::uint32_t pcr) {
    return Event(pcr, EventType::kSeparator, Bytes(4, 0));
  }
  LogBuilder& Raw(ByteView bytes) {
    out_.Raw(bytes);
    return *this;
  }

  const Bytes& bytes() const { return out_.bytes(); }

  static Digests DigestsOf(ByteView measured) {
    return {{kSha1Id, ToBytes(crypto::Hash(crypto::HashAlgorithm::kSha1, measured).bytes())},
            {kSha256Id, ToBytes(crypto::Hash(crypto::HashAlgorithm::kSha256, measured).bytes())}};
  }

 private:
  ByteWriter out_;
};

}  // namespace limequat::eventlog::testing
