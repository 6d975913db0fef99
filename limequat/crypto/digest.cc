#include "limequat/crypto/digest.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/openssl_internal.h"
#include "limequat/crypto/provider_digest_internal.h"

namespace limequat::crypto {

namespace {

// Those that are always there and have one name everywhere; others stand behind them.
constexpr std::size_t kShared = 4;
constexpr std::array kAlgorithms = {
    HashAlgorithm::kSha1,     HashAlgorithm::kSha256,   HashAlgorithm::kSha384,
    HashAlgorithm::kSha512,   HashAlgorithm::kSm3_256,  HashAlgorithm::kSha3_256,
    HashAlgorithm::kSha3_384, HashAlgorithm::kSha3_512,
};
static_assert(kAlgorithms[kShared - 1] == HashAlgorithm::kSha512);

bool IsShared(HashAlgorithm algorithm) { return static_cast<std::size_t>(algorithm) < kShared; }

// A context that is ready to take the first byte of a message.
MdContextPtr NewContext(HashAlgorithm algorithm) {
  MdContextPtr context(EVP_MD_CTX_new());
  LQ_CHECK(context != nullptr);
  LQ_CHECK(EVP_DigestInit_ex2(context.get(), FetchedMd(algorithm), nullptr) == 1);
  return context;
}

// The thread's own.
ProviderDigest& ThreadDigest(HashAlgorithm algorithm) {
  thread_local std::array<std::unique_ptr<ProviderDigest>, kAlgorithms.size()> digests;
  std::unique_ptr<ProviderDigest>& digest = digests[static_cast<std::size_t>(algorithm)];
  if (digest == nullptr) digest = std::make_unique<ProviderDigest>(FetchedMd(algorithm));
  return *digest;
}

}  // namespace

const char* MdName(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::kSha1:
      return "SHA1";
    case HashAlgorithm::kSha256:
      return "SHA2-256";
    case HashAlgorithm::kSha384:
      return "SHA2-384";
    case HashAlgorithm::kSha512:
      return "SHA2-512";
    case HashAlgorithm::kSm3_256:
      return "SM3";
    case HashAlgorithm::kSha3_256:
      return "SHA3-256";
    case HashAlgorithm::kSha3_384:
      return "SHA3-384";
    case HashAlgorithm::kSha3_512:
      return "SHA3-512";
  }
  return "";
}

const EVP_MD* FetchedMd(HashAlgorithm algorithm) {
  // Never freed: hashing must work until the last destructor has run.
  static const std::array<const EVP_MD*, kAlgorithms.size()> fetched = [] {
    std::array<const EVP_MD*, kAlgorithms.size()> table{};
    for (const HashAlgorithm each : kAlgorithms) {
      const EVP_MD* md = EVP_MD_fetch(nullptr, MdName(each), nullptr);
      LQ_CHECK(md != nullptr || !IsShared(each));
      table[static_cast<std::size_t>(each)] = md;
    }
    return table;
  }();
  return fetched[static_cast<std::size_t>(algorithm)];
}

bool IsAvailable(HashAlgorithm algorithm) { return FetchedMd(algorithm) != nullptr; }

std::size_t DigestSize(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::kSha1:
      return 20;
    case HashAlgorithm::kSha256:
    case HashAlgorithm::kSm3_256:
    case HashAlgorithm::kSha3_256:
      return 32;
    case HashAlgorithm::kSha384:
    case HashAlgorithm::kSha3_384:
      return 48;
    case HashAlgorithm::kSha512:
    case HashAlgorithm::kSha3_512:
      return 64;
  }
  CheckFailed("a known HashAlgorithm", __FILE__, __LINE__);
}

std::string_view HashName(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::kSha1:
      return "sha1";
    case HashAlgorithm::kSha256:
      return "sha256";
    case HashAlgorithm::kSha384:
      return "sha384";
    case HashAlgorithm::kSha512:
      return "sha512";
    case HashAlgorithm::kSm3_256:
      return "sm3_256";
    case HashAlgorithm::kSha3_256:
      return "sha3_256";
    case HashAlgorithm::kSha3_384:
      return "sha3_384";
    case HashAlgorithm::kSha3_512:
      return "sha3_512";
  }
  CheckFailed("a known HashAlgorithm", __FILE__, __LINE__);
}

std::optional<HashAlgorithm> HashFromName(std::string_view name) {
  for (const HashAlgorithm algorithm : kAlgorithms) {
    if (IsShared(algorithm) && HashName(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

namespace {

Error WrongSize(HashAlgorithm algorithm, std::size_t size, std::string_view unit) {
  return Malformed("crypto.digest.size",
                   fmt::format("a {} digest has {} bytes, not {} {}", HashName(algorithm),
                               DigestSize(algorithm), size, unit));
}

}  // namespace

Result<Digest> Digest::FromBytes(HashAlgorithm algorithm, ByteView bytes) {
  if (bytes.size() != DigestSize(algorithm)) return WrongSize(algorithm, bytes.size(), "bytes");
  Digest digest(algorithm);
  std::ranges::copy(bytes, digest.bytes_.begin());
  return digest;
}

Result<Digest> Digest::FromHex(HashAlgorithm algorithm, std::string_view hex) {
  const std::size_t size = DigestSize(algorithm);
  if (hex.size() != 2 * size) return WrongSize(algorithm, hex.size(), "hexadecimal digits");
  Digest digest(algorithm);
  if (!HexDecodeTo(hex, std::span(digest.bytes_).first(size))) {
    return Malformed("encoding.hex", "a character that is not a hexadecimal digit");
  }
  return digest;
}

std::string Digest::hex() const { return HexEncode(bytes()); }

bool Digest::IsZero() const {
  return std::ranges::all_of(bytes_, [](std::uint8_t byte) { return byte == 0; });
}

struct Hasher::Context {
  HashAlgorithm algorithm;
  MdContextPtr md;
};

Hasher::Hasher(HashAlgorithm algorithm)
    : context_(std::make_unique<Context>(Context{algorithm, NewContext(algorithm)})) {}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

Hasher& Hasher::Update(ByteView data) {
  LQ_CHECK(EVP_DigestUpdate(context_->md.get(), data.data(), data.size()) == 1);
  return *this;
}

Digest Hasher::Finish() {
  Digest digest(context_->algorithm);
  LQ_CHECK(EVP_DigestFinal_ex(context_->md.get(), digest.bytes_.data(), nullptr) == 1);
  LQ_CHECK(EVP_DigestInit_ex2(context_->md.get(), nullptr, nullptr) == 1);
  return digest;
}

Digest Hasher::OfTwo(HashAlgorithm algorithm, ByteView first, ByteView second) {
  Digest digest(algorithm);
  ThreadDigest(algorithm).Hash(first, second, digest.bytes_.data());
  return digest;
}

Digest Hash(HashAlgorithm algorithm, ByteView data) { return Hasher::OfTwo(algorithm, data, {}); }

Digest Extend(const Digest& current, ByteView data) {
  return Hasher::OfTwo(current.algorithm(), current.bytes(), data);
}

Digest ExtendByHash(const Digest& current, ByteView data) {
  // Each byte is written before it is read. One piece of two digests is hashed in less time
  // than two pieces.
  std::array<std::uint8_t, 2 * kMaxDigestSize> both;
  ProviderDigest& hash = ThreadDigest(current.algorithm());
  const std::size_t size = current.size();
  std::ranges::copy(current.bytes(), both.begin());
  hash.Hash(data, {}, &both[size]);
  Digest extended(current.algorithm());
  hash.Hash(ByteView(both).first(2 * size), {}, extended.bytes_.data());
  return extended;
}

}  // namespace limequat::crypto
