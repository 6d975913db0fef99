#include "limequat/agent/ak_record.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"

namespace limequat::agent {

namespace {

constexpr std::size_t kMaxBlob = 4096;

struct HashName {
  std::string_view name;
  crypto::HashAlgorithm hash;
};
constexpr std::array<HashName, 4> kHashes{{{"Sha1", crypto::HashAlgorithm::kSha1},
                                           {"Sha256", crypto::HashAlgorithm::kSha256},
                                           {"Sha384", crypto::HashAlgorithm::kSha384},
                                           {"Sha512", crypto::HashAlgorithm::kSha512}}};

struct SchemeName {
  std::string_view name;
  tpm::AlgorithmId scheme;
};
constexpr std::array<SchemeName, 3> kSchemes{{{"RsaSsa", tpm::AlgorithmId::kRsaSsa},
                                              {"RsaPss", tpm::AlgorithmId::kRsaPss},
                                              {"EcDsa", tpm::AlgorithmId::kEcdsa}}};

// An array of numbers from 0 to 255.
Bytes ByteArray(json::ObjectReader& in, std::string_view name) {
  Bytes bytes;
  const json::Array* array = in.ArrayMember(name);
  if (array == nullptr) return bytes;
  if (array->empty() || array->size() > kMaxBlob) {
    in.Fail(name, fmt::format("{} bytes, 1 to {} are allowed", array->size(), kMaxBlob));
    return bytes;
  }
  for (const json::Value& item : *array) {
    const std::optional<std::int64_t> number = item.as_int64();
    if (!number || *number < 0 || *number > 255) {
      in.Fail(name, "an item is not a number from 0 to 255");
      return bytes;
    }
    bytes.push_back(static_cast<std::uint8_t>(*number));
  }
  return bytes;
}

json::Array ToArray(ByteView bytes) {
  json::Array array;
  for (const std::uint8_t byte : bytes) array.emplace_back(std::uint32_t{byte});
  return array;
}

template <class Table>
Result<typename Table::value_type> Named(const Table& table, std::string_view name) {
  for (const auto& entry : table) {
    if (entry.name == name) return entry;
  }
  return Unsupported(
      "agent.ak_record.algorithm",
      fmt::format("agent_data.json: unknown algorithm \"{}\"", EscapeForDisplay(name, 40)));
}

}  // namespace

Result<AkRecord> ParseAkRecord(std::string_view text) {
  Result<json::Value> document = json::Parse(text);
  if (!document) return Malformed("agent.ak_record.json", std::move(document).error().message);
  json::ObjectReader in(*document, "agent_data.json");
  AkRecord record;
  const std::string hash = in.String("ak_hash_alg");
  const std::string scheme = in.String("ak_sign_alg");
  record.blob.public_area = ByteArray(in, "ak_public");
  record.blob.private_area = ByteArray(in, "ak_private");
  record.ek_hash = std::string(AsText(ByteArray(in, "ek_hash")));
  if (Status status = in.status(); !status) {
    return Malformed("agent.ak_record.member", std::move(status).error().message);
  }
  LQ_ASSIGN_OR_RETURN(const HashName hash_entry, Named(kHashes, hash));
  LQ_ASSIGN_OR_RETURN(const SchemeName scheme_entry, Named(kSchemes, scheme));
  record.hash = hash_entry.hash;
  record.scheme = scheme_entry.scheme;
  return record;
}

std::string WriteAkRecord(const AkRecord& record) {
  std::string_view hash;
  for (const HashName& entry : kHashes) {
    if (entry.hash == record.hash) hash = entry.name;
  }
  std::string_view scheme;
  for (const SchemeName& entry : kSchemes) {
    if (entry.scheme == record.scheme) scheme = entry.name;
  }
  return json::Pretty(json::Object{{"ak_hash_alg", hash},
                                   {"ak_sign_alg", scheme},
                                   {"ak_public", ToArray(record.blob.public_area)},
                                   {"ak_private", ToArray(record.blob.private_area)},
                                   {"ek_hash", ToArray(AsBytes(record.ek_hash))}});
}

}  // namespace limequat::agent
