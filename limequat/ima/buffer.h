#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/entry.h"
#include "limequat/ima/keyring.h"

namespace limequat::ima {

// What the buffer of an `ima-buf` entry is. No record says which kernel function
// measured it: this is told by its name and its form, and whoever may name a keyring
// chooses a name. It selects a reader and proves nothing.
enum class BufferKind {
  kCertificate,   // a key was added to the keyring `path`: X.509, DER
  kPublicKey,     // the same as SubjectPublicKeyInfo, DER
  kDeviceMapper,  // an event of the device mapper: see DeviceMapperReader
  kData,          // critical data, a kernel's command line, and all others: name and bytes
};
std::string_view BufferKindName(BufferKind kind);  // "certificate", "device-mapper"
// Hostile input. kData for an entry without a buffer.
BufferKind KindOfBuffer(const Entry& entry);

// Whether the buffer is taken for a key that was added to the keyring `path`; `key` is ParseKey
// of it: one that can be read, of whatever kind. What only begins like one is data, and so is
// what the kernel measures as the command line of kexec: whoever may call kexec chooses all of
// it, and "0\x820…" with a key behind it is one that a policy which ignores keyrings would pass.
// Hostile input.
bool HoldsKey(const Entry& entry, const Result<Key>& key);

// Whether the digest of an entry with a buffer is the one of the buffer beside it. A policy
// lists digests; what is trusted is the buffer, and whoever writes a list could put another one
// behind a listed digest. kUnknownAlgorithm: it cannot be computed here. Hostile input.
enum class BufferDigest { kMatches, kDiffers, kUnknownAlgorithm };
BufferDigest CheckBufferDigest(const Entry& entry);

// Events of the device mapper are shorter: kernels build them in some 4 KiB.
inline constexpr std::size_t kMaxDeviceMapperText = 64U << 10U;

// One key and value of an event; views point into its text.
struct DeviceMapperField {
  std::size_t part = 0;    // parts end with ';': version, device, one for each target
  std::string_view key;    // "uuid"
  std::string_view value;  // as it stands: see Unescape
};

// Splits the text of a device-mapper event (Documentation/admin-guide/device-mapper/
// dm-ima), "key=value,key=value;key=value;", without a copy. A backslash takes the
// meaning off the character behind it. What the keys mean, and which of them belong
// together, is not looked at.
//
// kMalformed ("ima.device_mapper"): a field without key or '=', text behind the last
// ';', a text longer than kMaxDeviceMapperText; Next gives it again. Hostile input.
class DeviceMapperReader {
 public:
  explicit DeviceMapperReader(ByteView text) : rest_(AsText(text)), size_(text.size()) {}

  // The next field; nullopt at the end.
  Result<std::optional<DeviceMapperField>> Next();

 private:
  std::string_view rest_;
  std::size_t size_;
  std::size_t part_ = 0;
};

// `value` without the backslashes that escape.
std::string UnescapeDeviceMapper(std::string_view value);

}  // namespace limequat::ima
