#include "limequat/tpm/attest.h"

#include <algorithm>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

constexpr std::uint32_t kMagic = 0xff544347;  // TPM_GENERATED_VALUE
constexpr std::uint16_t kAttestQuote = 0x8018;
constexpr std::uint32_t kMaxBanks = 16;
constexpr std::size_t kSelectSize = 3;

Status ReadHeader(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t magic, in.U32Be("magic"));
  if (magic != kMagic) {
    return Malformed("tpm.attest.magic",
                     fmt::format("magic is {:08x}, not {:08x}: not made by a TPM", magic, kMagic));
  }
  LQ_ASSIGN_OR_RETURN(const std::uint16_t type, in.U16Be("type"));
  if (type != kAttestQuote) {
    return Unsupported("tpm.attest.type",
                       fmt::format("an attestation of type {} (0x{:04x}), not a quote",
                                   AttestTypeName(type), type));
  }
  return {};
}

Result<ClockInfo> ReadClockInfo(ByteReader& in) {
  ClockInfo info;
  LQ_ASSIGN_OR_RETURN(info.clock, in.U64Be("clock"));
  LQ_ASSIGN_OR_RETURN(info.reset_count, in.U32Be("resetCount"));
  LQ_ASSIGN_OR_RETURN(info.restart_count, in.U32Be("restartCount"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t safe, in.U8("safe"));
  if (safe > 1) {
    return Malformed("tpm.attest.safe", fmt::format("safe is {}, neither 0 nor 1", safe));
  }
  info.safe = safe == 1;
  return info;
}

Result<BankSelection> ReadBank(ByteReader& in) {
  BankSelection bank;
  LQ_ASSIGN_OR_RETURN(const std::uint16_t id, in.U16Be("hash of a selection"));
  bank.bank = static_cast<AlgorithmId>(id);
  LQ_ASSIGN_OR_RETURN(const std::uint8_t size, in.U8("sizeofSelect"));
  LQ_ASSIGN_OR_RETURN(const ByteView select, in.Take(size, "pcrSelect"));
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < select.size(); ++i) {
    if (i < kSelectSize) {
      bits |= std::uint32_t{select[i]} << (8 * i);
    } else if (select[i] != 0) {
      return Unsupported("tpm.attest.pcr", fmt::format("bank {} selects PCRs above {}",
                                                       AlgorithmName(bank.bank), kPcrCount - 1));
    }
  }
  bank.pcrs = PcrSet(bits);
  return bank;
}

Result<PcrSelection> ReadSelection(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t count, in.U32Be("selection count"));
  if (count > kMaxBanks) {
    return Malformed("tpm.attest.banks", fmt::format("{} banks, at most {}", count, kMaxBanks));
  }
  PcrSelection selection;
  for (std::uint32_t i = 0; i < count; ++i) {
    LQ_ASSIGN_OR_RETURN(const BankSelection bank, ReadBank(in));
    if (std::ranges::find(selection, bank.bank, &BankSelection::bank) != selection.end()) {
      return Malformed("tpm.attest.bank_twice",
                       fmt::format("bank {} is selected twice", AlgorithmName(bank.bank)));
    }
    selection.push_back(bank);
  }
  return selection;
}

Result<UnverifiedQuote> Read(ByteView attest) {
  ByteReader in(attest);
  LQ_RETURN_IF_ERROR(ReadHeader(in));
  UnverifiedQuote quote;
  LQ_ASSIGN_OR_RETURN(const ByteView signer, in.SizedU16Be("qualifiedSigner"));
  quote.qualified_signer = ToBytes(signer);
  LQ_ASSIGN_OR_RETURN(const ByteView extra, in.SizedU16Be("extraData"));
  quote.extra_data = ToBytes(extra);
  LQ_ASSIGN_OR_RETURN(quote.clock_info, ReadClockInfo(in));
  LQ_ASSIGN_OR_RETURN(quote.firmware_version, in.U64Be("firmwareVersion"));
  LQ_ASSIGN_OR_RETURN(quote.selection, ReadSelection(in));
  LQ_ASSIGN_OR_RETURN(const ByteView digest, in.SizedU16Be("pcrDigest"));
  quote.pcr_digest = ToBytes(digest);
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the structure"));
  return quote;
}

}  // namespace

Result<UnverifiedQuote> ParseQuoteAttest(ByteView attest) {
  Result<UnverifiedQuote> quote = Read(attest);
  if (!quote) return InStructure(std::move(quote).error(), "tpm.attest", "TPMS_ATTEST");
  return quote;
}

Bytes WriteQuoteAttest(const UnverifiedQuote& quote) {
  LQ_CHECK(quote.selection.size() <= kMaxBanks);
  ByteWriter out;
  out.U32Be(kMagic).U16Be(kAttestQuote);
  out.SizedU16Be(quote.qualified_signer).SizedU16Be(quote.extra_data);
  out.U64Be(quote.clock_info.clock).U32Be(quote.clock_info.reset_count);
  out.U32Be(quote.clock_info.restart_count).U8(quote.clock_info.safe ? 1 : 0);
  out.U64Be(quote.firmware_version);
  out.U32Be(static_cast<std::uint32_t>(quote.selection.size()));
  for (const BankSelection& bank : quote.selection) {
    out.U16Be(static_cast<std::uint16_t>(bank.bank)).U8(kSelectSize);
    const std::uint32_t bits = bank.pcrs.bits();
    for (std::size_t i = 0; i < kSelectSize; ++i)
      out.U8(static_cast<std::uint8_t>(bits >> (8 * i)));
  }
  out.SizedU16Be(quote.pcr_digest);
  return out.Take();
}

std::string_view AttestTypeName(std::uint16_t type) {
  switch (type) {
    case 0x8014:
      return "nv";
    case 0x8015:
      return "command-audit";
    case 0x8016:
      return "session-audit";
    case 0x8017:
      return "certify";
    case kAttestQuote:
      return "quote";
    case 0x8019:
      return "time";
    case 0x801a:
      return "creation";
    case 0x801c:
      return "nv-digest";
    default:
      return "unknown";
  }
}

}  // namespace limequat::tpm
