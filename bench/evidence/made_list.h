#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/bytes.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/digest.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::bench {

// A list of files (template ima-ng, SHA-256), and a Keylime runtime policy that lists them.
struct MadeList {
  std::string ascii;
  Bytes binary;
  std::string policy;
  crypto::Digest pcr = crypto::Digest(crypto::HashAlgorithm::kSha256);  // PCR 10 behind it
};

// As a Debian system would measure them.
inline std::string MadePath(int number) {
  if (number == 0) return "boot_aggregate";
  return fmt::format("/usr/lib/x86_64-linux-gnu/package-{}/libfile-{}.so.1", number % 977, number);
}

inline crypto::Digest MadeDigest(const std::string& path) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(path));
}

inline void AddEntry(const std::string& path, ByteWriter& binary, MadeList& list) {
  const crypto::Digest file = MadeDigest(path);
  Bytes digest = ToBytes("sha256:");
  digest.push_back(0);
  Append(digest, file.bytes());
  Bytes name = ToBytes(path);
  name.push_back(0);
  ByteWriter data;
  data.SizedU32Le(digest).SizedU32Le(name);
  const crypto::Digest stated = crypto::Hash(crypto::HashAlgorithm::kSha1, data.bytes());
  list.ascii += fmt::format("10 {} ima-ng sha256:{} {}\n", stated.hex(), file.hex(), path);
  binary.U32Le(10).Raw(stated.bytes()).SizedU32Le(AsBytes("ima-ng")).SizedU32Le(data.bytes());
  const crypto::Digest hash = crypto::Hash(crypto::HashAlgorithm::kSha256, data.bytes());
  list.pcr = crypto::Extend(list.pcr, hash.bytes());
}

// A list of `entries` files, taken evenly from the `listed` ones of the policy.
inline Result<MadeList> MakeList(int entries, int listed) {
  MadeList list;
  ByteWriter binary;
  policy::RuntimePolicyBuilder policy;
  for (int i = 0; i < listed; ++i) policy.AddDigest(MadePath(i), MadeDigest(MadePath(i)).hex());
  for (int i = 0; i < entries; ++i) AddEntry(MadePath(i * (listed / entries)), binary, list);
  policy.AddExclude("/tmp/.*");
  policy.AddExclude("/var/lib/dpkg/.*");
  list.binary = binary.Take();
  LQ_ASSIGN_OR_RETURN(list.policy,
                      policy.ToJson("2026-11-25 09:00:00.000000", crypto::HashAlgorithm::kSha1));
  return list;
}

}  // namespace limequat::bench
