#include "limequat/eventlog/spec_id.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/event.h"

namespace limequat::eventlog {

namespace {

using tpm::AlgorithmId;

constexpr std::size_t kSignatureSize = 16;

struct KindName {
  std::string_view signature;  // without its NUL
  SpecId::Kind kind;
};
constexpr std::array kKinds = {
    KindName{"Spec ID Event00", SpecId::Kind::kBios},
    KindName{"Spec ID Event02", SpecId::Kind::kEfi},
    KindName{"Spec ID Event03", SpecId::Kind::kCryptoAgile},
};

std::optional<SpecId::Kind> KindOf(ByteView data) {
  if (data.size() < kSignatureSize || data[kSignatureSize - 1] != 0) return std::nullopt;
  const std::string_view signature = AsText(data.first(kSignatureSize - 1));
  for (const KindName& kind : kKinds) {
    if (signature == kind.signature) return kind.kind;
  }
  return std::nullopt;
}

Error Truncated(const Error& error) {
  return Malformed("eventlog.spec_id.truncated", error.message);
}

Status CheckAlgorithm(const SpecId& spec, const DigestAlgorithm& algorithm) {
  const std::string name = tpm::AlgorithmName(algorithm.id);
  if (std::ranges::find(spec.algorithms, algorithm.id, &DigestAlgorithm::id) !=
      spec.algorithms.end()) {
    return Malformed("eventlog.spec_id.algorithms", fmt::format("the header lists {} twice", name));
  }
  const auto registered = RegisteredDigestSize(algorithm.id);
  if (registered ? algorithm.digest_size != *registered
                 : algorithm.digest_size == 0 || algorithm.digest_size > kMaxDigestBytes) {
    return Malformed(
        "eventlog.spec_id.algorithms",
        fmt::format("the header gives {} bytes to digests of {}", algorithm.digest_size, name));
  }
  return {};
}

Status ReadAlgorithms(ByteReader& in, SpecId& spec) {
  const auto count = in.U32Le("number of algorithms");
  if (!count) return Truncated(count.error());
  if (*count == 0 || *count > kMaxAlgorithms) {
    return Malformed("eventlog.spec_id.algorithms",
                     fmt::format("a header with {} digest algorithms", *count));
  }
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto id = in.U16Le("algorithm");
    if (!id) return Truncated(id.error());
    const auto size = in.U16Le("digest size");
    if (!size) return Truncated(size.error());
    const DigestAlgorithm algorithm{.id = AlgorithmId{*id}, .digest_size = *size};
    LQ_RETURN_IF_ERROR(CheckAlgorithm(spec, algorithm));
    spec.algorithms.push_back(algorithm);
  }
  return {};
}

Status ReadVendorInfo(ByteReader& in, SpecId& spec) {
  const auto size = in.U8("vendor information size");
  if (!size) return Truncated(size.error());
  if (in.remaining() < *size) {
    return Malformed("eventlog.spec_id.vendor_info",
                     fmt::format("{} bytes of vendor information where the header says {}",
                                 in.remaining(), *size));
  }
  LQ_ASSIGN_OR_RETURN(spec.vendor_info, in.Take(*size, "vendor information"));
  spec.untrusted_trailing = in.rest();
  return {};
}

// The members behind the signature, up to the width of UINTN.
Status ReadVersion(ByteReader& in, SpecId& spec) {
  const auto platform = in.U32Le("platform class");
  if (!platform) return Truncated(platform.error());
  const auto numbers = in.Take(4, "version");
  if (!numbers) return Truncated(numbers.error());
  spec.platform_class = *platform;
  spec.version_minor = (*numbers)[0];
  spec.version_major = (*numbers)[1];
  spec.errata = (*numbers)[2];
  spec.uintn_size = (*numbers)[3];
  return {};
}

}  // namespace

std::optional<std::size_t> RegisteredDigestSize(AlgorithmId algorithm) {
  switch (algorithm) {
    case AlgorithmId::kSha1:
      return 20;
    case AlgorithmId::kSha256:
    case AlgorithmId::kSm3_256:
    case AlgorithmId::kSha3_256:
      return 32;
    case AlgorithmId::kSha384:
    case AlgorithmId::kSha3_384:
      return 48;
    case AlgorithmId::kSha512:
    case AlgorithmId::kSha3_512:
      return 64;
    default:
      return std::nullopt;
  }
}

bool IsSpecId(ByteView data) { return KindOf(data).has_value(); }

Result<SpecId> ParseSpecId(ByteView data) {
  const auto kind = KindOf(data);
  if (!kind) {
    return Malformed("eventlog.spec_id.signature", "not the signature of a Spec ID event");
  }
  SpecId spec;
  spec.kind = *kind;
  ByteReader in(data.subspan(kSignatureSize));
  LQ_RETURN_IF_ERROR(ReadVersion(in, spec));
  if (spec.kind == SpecId::Kind::kCryptoAgile) {
    LQ_RETURN_IF_ERROR(ReadAlgorithms(in, spec));
  } else {
    spec.algorithms.push_back({.id = AlgorithmId::kSha1, .digest_size = 20});
  }
  LQ_RETURN_IF_ERROR(ReadVendorInfo(in, spec));
  return spec;
}

}  // namespace limequat::eventlog
