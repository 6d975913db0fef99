#include "limequat/policy/runtime_policy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/json/value.h"
#include "limequat/policy/device_mapper_policy_internal.h"
#include "limequat/policy/digest_map.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/policy_document.h"
#include "limequat/policy/verification_keys.h"

namespace limequat::policy {

namespace {

std::uint64_t SeedFrom(const crypto::Digest& hash) {
  std::uint64_t seed = 0;
  std::memcpy(&seed, hash.bytes().data(), sizeof seed);
  return seed;
}

struct Digests {
  DigestMap map;
  std::size_t count = 0;
};

Result<Digests> ReadDigests(const json::Object& object, std::uint64_t seed) {
  // Each record has at most five bytes of sizes, and each digest one.
  std::size_t bytes = 0;
  for (const auto& [path, digests] : object) {
    const json::Array* array = digests.as_array();
    if (array == nullptr || array->empty()) {
      return Malformed("policy.schema",
                       fmt::format("digests of '{}' are not a list", EscapeForDisplay(path, 256)));
    }
    bytes += path.size() + (path.size() < 0x80 ? 2 : 5);
    // Two digits a byte; what is no digest is refused below.
    for (const json::Value& digest : *array) {
      bytes += digest.as_string() == nullptr ? 0 : digest.as_string()->size() / 2 + 1;
    }
  }
  Digests read{.map = DigestMap(seed, object.size(), bytes)};
  for (const auto& [path, digests] : object) {
    const json::Array& of_path = *digests.as_array();
    read.map.AddPath(path, of_path.size());
    for (const json::Value& value : of_path) {
      LQ_ASSIGN_OR_RETURN(const PolicyDigest digest, PolicyDigest::Decode(value, path));
      read.map.AddDigest(digest.bytes());
    }
    read.count += of_path.size();
  }
  return read;
}

std::vector<std::string> ReadStrings(const json::Value& array) {
  std::vector<std::string> strings;
  for (const json::Value& value : *array.as_array()) strings.push_back(*value.as_string());
  return strings;
}

PathAnswer LookIn(const DigestMap& map, std::string_view name, ByteView digest) {
  std::optional<DigestMap::Digests> digests = map.Find(name);
  if (!digests) return PathAnswer::kUnknownPath;
  while (const std::optional<ByteView> listed = digests->Next()) {
    if (Equal(*listed, digest)) return PathAnswer::kListed;
  }
  return PathAnswer::kOtherDigest;
}

}  // namespace

struct RuntimePolicy::Impl {
  crypto::Digest hash{crypto::HashAlgorithm::kSha256};
  Digests digests;
  Digests keyrings;
  Digests buffers;
  std::vector<std::string> ignored_keyrings;
  ima::Keyring verification_keys;
  std::optional<DeviceMapperPolicy> device_mapper;
  Digests coverage;
  std::vector<std::string> coverage_names;
  ParameterValues command_line;
  std::optional<bool> ignores_violations;
  ExcludeList excludes;
  bool excludes_everything = false;
  std::string log_hash;
  std::string name;
  std::uint64_t release = 0;
  PolicyWindow window;
  std::string why_it_says_nothing;  // empty: it says something
};

// What Keylime does not have; checked when the document was read.
Status RuntimePolicy::ReadOurs(const json::Value& ima, std::uint64_t seed, Impl& out) {
  const json::Value* ignore = ima.as_object()->Find("ignore_violations");
  if (ignore != nullptr && !ignore->is_null()) out.ignores_violations = *ignore->as_bool();
  out.command_line = CoverageCommandLine(ima);
  const json::Object* entries = CoverageEntries(ima);
  if (entries == nullptr) return {};
  LQ_ASSIGN_OR_RETURN(out.coverage, ReadDigests(*entries, seed));
  for (const auto& [name, digests] : *entries) out.coverage_names.push_back(name);
  return {};
}

RuntimePolicy::RuntimePolicy(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
RuntimePolicy::~RuntimePolicy() = default;

Result<std::shared_ptr<const RuntimePolicy>> RuntimePolicy::Parse(std::string_view json) {
  return ParseAs(crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(json)), json);
}

Result<std::shared_ptr<const RuntimePolicy>> RuntimePolicy::Parse(
    const VerifiedEnvelope& envelope) {
  return ParseAs(envelope.hash(), envelope.payload());
}

Result<std::shared_ptr<const RuntimePolicy>> RuntimePolicy::ParseAs(const crypto::Digest& hash,
                                                                    std::string_view json) {
  LQ_ASSIGN_OR_RETURN(const json::Value policy, ReadPolicyJson(json));
  auto impl = std::make_unique<Impl>();
  impl->hash = hash;
  LQ_ASSIGN_OR_RETURN(impl->digests,
                      ReadDigests(*Member(policy, "digests").as_object(), SeedFrom(impl->hash)));
  LQ_ASSIGN_OR_RETURN(impl->keyrings,
                      ReadDigests(*Member(policy, "keyrings").as_object(), SeedFrom(impl->hash)));
  LQ_ASSIGN_OR_RETURN(impl->buffers,
                      ReadDigests(*Member(policy, "ima-buf").as_object(), SeedFrom(impl->hash)));
  impl->ignored_keyrings = ReadStrings(Member(Member(policy, "ima"), "ignored_keyrings"));
  LQ_ASSIGN_OR_RETURN(
      impl->verification_keys,
      ParseVerificationKeys(*Member(policy, "verification-keys").as_string(), "policy"));
  const std::vector<std::string> expressions = ReadStrings(Member(policy, "excludes"));
  LQ_ASSIGN_OR_RETURN(impl->excludes, ExcludeList::Compile(expressions));
  LQ_ASSIGN_OR_RETURN(const Leftover left,
                      impl->excludes.WhatIsLeft(impl->hash.hex(), [&](const auto& each) {
                        impl->digests.map.ForEachPath(each);
                      }));
  impl->excludes_everything = left == Leftover::kNothing;
  LQ_ASSIGN_OR_RETURN(impl->device_mapper,
                      ReadDeviceMapperPolicy(Member(Member(policy, "ima"), "dm_policy")));
  LQ_RETURN_IF_ERROR(ReadOurs(Member(policy, "ima"), SeedFrom(impl->hash), *impl));
  impl->log_hash = *Member(Member(policy, "ima"), "log_hash_alg").as_string();
  impl->release = *Member(policy, "release").as_uint64();
  LQ_ASSIGN_OR_RETURN(impl->window, ReadPolicyWindow(policy));
  if (const json::Value* name = Member(policy, "meta").as_object()->Find("name")) {
    if (name->as_string() != nullptr) impl->name = *name->as_string();
  }

  if (IsMarkedEmpty(policy)) {
    impl->why_it_says_nothing =
        fmt::format("its generator is {}: Keylime's mark of an empty policy",
                    *Member(Member(policy, "meta"), "generator").as_int64());
  } else if (impl->digests.count + impl->keyrings.count + impl->buffers.count == 0 &&
             impl->verification_keys.empty() && !impl->device_mapper) {
    impl->why_it_says_nothing = "it lists no digests and no keys";
  } else if (impl->excludes_everything) {
    impl->why_it_says_nothing = "its exclude expressions leave no place where programs lie";
  }
  return std::shared_ptr<const RuntimePolicy>(new RuntimePolicy(std::move(impl)));
}

const crypto::Digest& RuntimePolicy::hash() const { return impl_->hash; }
const std::string& RuntimePolicy::log_hash() const { return impl_->log_hash; }
const std::string& RuntimePolicy::name() const { return impl_->name; }
std::uint64_t RuntimePolicy::release() const { return impl_->release; }
const PolicyWindow& RuntimePolicy::window() const { return impl_->window; }
std::size_t RuntimePolicy::paths() const { return impl_->digests.map.size(); }
std::size_t RuntimePolicy::digests() const { return impl_->digests.count; }
bool RuntimePolicy::says_nothing() const { return !impl_->why_it_says_nothing.empty(); }
std::string RuntimePolicy::why_it_says_nothing() const { return impl_->why_it_says_nothing; }
bool RuntimePolicy::excludes_everything() const { return impl_->excludes_everything; }

PathAnswer RuntimePolicy::Look(std::string_view path, ByteView digest) const {
  return LookIn(impl_->digests.map, path, digest);
}

void RuntimePolicy::Expect(std::string_view path) const { impl_->digests.map.Expect(path); }
void RuntimePolicy::Fetch(std::string_view path) const { impl_->digests.map.Fetch(path); }

PathAnswer RuntimePolicy::LookKey(std::string_view keyring, ByteView digest) const {
  return LookIn(impl_->keyrings.map, keyring, digest);
}

PathAnswer RuntimePolicy::LookBuffer(std::string_view name, ByteView digest) const {
  return LookIn(impl_->buffers.map, name, digest);
}

PathAnswer RuntimePolicy::LookCoverage(std::string_view name, ByteView digest) const {
  return LookIn(impl_->coverage.map, name, digest);
}

const std::vector<std::string>& RuntimePolicy::coverage() const { return impl_->coverage_names; }
const ParameterValues& RuntimePolicy::command_line() const { return impl_->command_line; }
std::optional<bool> RuntimePolicy::ignores_violations() const { return impl_->ignores_violations; }

bool RuntimePolicy::IgnoresKeyring(std::string_view name) const {
  return std::ranges::any_of(impl_->ignored_keyrings, [&](const std::string& ignored) {
    return ignored == "*" || ignored == name;
  });
}

bool RuntimePolicy::learns() const {
  return impl_->keyrings.count > 0 || impl_->device_mapper.has_value() ||
         impl_->ignores_violations == true || impl_->coverage.count > 0 ||
         !impl_->command_line.empty();
}
const ima::Keyring& RuntimePolicy::verification_keys() const { return impl_->verification_keys; }
const DeviceMapperPolicy* RuntimePolicy::device_mapper() const {
  return impl_->device_mapper ? &*impl_->device_mapper : nullptr;
}

std::vector<std::string> RuntimePolicy::DigestsOf(std::string_view path, std::size_t limit) const {
  std::vector<std::string> texts;
  std::optional<DigestMap::Digests> digests = impl_->digests.map.Find(path);
  while (digests && texts.size() < limit) {
    const std::optional<ByteView> listed = digests->Next();
    if (!listed) break;
    texts.push_back(HexEncode(*listed));
  }
  return texts;
}

const ExcludeList& RuntimePolicy::excludes() const { return impl_->excludes; }

Exclusion RuntimePolicy::Excludes(std::string_view path) const {
  if (path == ima::kBootAggregate) return Exclusion::kNo;
  return impl_->excludes.Match(path);
}

}  // namespace limequat::policy
