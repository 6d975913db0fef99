#include "limequat/tpm/attest.h"

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/pcr_reading.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

constexpr std::uint32_t kMagic = 0xff544347;  // TPM_GENERATED_VALUE

Result<std::uint16_t> ReadMagicAndType(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t magic, in.U32Be("magic"));
  if (magic != kMagic) {
    return Malformed("tpm.attest.magic",
                     fmt::format("magic is {:08x}, not {:08x}: not made by a TPM", magic, kMagic));
  }
  return in.U16Be("type");
}

Result<Bytes> ReadSized(ByteReader& in, std::string_view name) {
  LQ_ASSIGN_OR_RETURN(const ByteView bytes, in.SizedU16Be(name));
  return ToBytes(bytes);
}

// TPMI_YES_NO (part 2, 9.2).
enum class YesNo : std::uint8_t { kNo, kYes };
Result<YesNo> ReadYesNo(ByteReader& in, std::string_view name) {
  LQ_ASSIGN_OR_RETURN(const std::uint8_t value, in.U8(name));
  if (value > 1) {
    return Malformed(fmt::format("tpm.attest.{}", name),
                     fmt::format("{} is {}, neither 0 nor 1", name, value));
  }
  return value == 1 ? YesNo::kYes : YesNo::kNo;
}

Result<ClockInfo> ReadClockInfo(ByteReader& in) {
  ClockInfo info;
  LQ_ASSIGN_OR_RETURN(info.clock, in.U64Be("clock"));
  LQ_ASSIGN_OR_RETURN(info.reset_count, in.U32Be("resetCount"));
  LQ_ASSIGN_OR_RETURN(info.restart_count, in.U32Be("restartCount"));
  LQ_ASSIGN_OR_RETURN(const YesNo safe, ReadYesNo(in, "safe"));
  info.safe = safe == YesNo::kYes;
  return info;
}

Result<NvInfo> ReadNv(ByteReader& in) {
  NvInfo info;
  LQ_ASSIGN_OR_RETURN(info.index_name, ReadSized(in, "indexName"));
  LQ_ASSIGN_OR_RETURN(info.offset, in.U16Be("offset"));
  LQ_ASSIGN_OR_RETURN(info.contents, ReadSized(in, "nvContents"));
  return info;
}

Result<CommandAuditInfo> ReadCommandAudit(ByteReader& in) {
  CommandAuditInfo info;
  LQ_ASSIGN_OR_RETURN(info.audit_counter, in.U64Be("auditCounter"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t algorithm, in.U16Be("digestAlg"));
  info.digest_algorithm = static_cast<AlgorithmId>(algorithm);
  LQ_ASSIGN_OR_RETURN(info.audit_digest, ReadSized(in, "auditDigest"));
  LQ_ASSIGN_OR_RETURN(info.command_digest, ReadSized(in, "commandDigest"));
  return info;
}

Result<SessionAuditInfo> ReadSessionAudit(ByteReader& in) {
  SessionAuditInfo info;
  LQ_ASSIGN_OR_RETURN(const YesNo exclusive, ReadYesNo(in, "exclusive_session"));
  info.exclusive_session = exclusive == YesNo::kYes;
  LQ_ASSIGN_OR_RETURN(info.session_digest, ReadSized(in, "sessionDigest"));
  return info;
}

Result<CertifyInfo> ReadCertify(ByteReader& in) {
  CertifyInfo info;
  LQ_ASSIGN_OR_RETURN(info.name, ReadSized(in, "name"));
  LQ_ASSIGN_OR_RETURN(info.qualified_name, ReadSized(in, "qualifiedName"));
  return info;
}

Result<QuoteInfo> ReadQuote(ByteReader& in) {
  QuoteInfo info;
  LQ_ASSIGN_OR_RETURN(info.selection, ReadPcrSelection(in, "tpm.attest"));
  LQ_ASSIGN_OR_RETURN(info.pcr_digest, ReadSized(in, "pcrDigest"));
  return info;
}

Result<TimeInfo> ReadTime(ByteReader& in) {
  TimeInfo info;
  LQ_ASSIGN_OR_RETURN(info.time, in.U64Be("time"));
  LQ_ASSIGN_OR_RETURN(info.clock_info, ReadClockInfo(in));
  LQ_ASSIGN_OR_RETURN(info.firmware_version, in.U64Be("firmwareVersion"));
  return info;
}

Result<CreationInfo> ReadCreation(ByteReader& in) {
  CreationInfo info;
  LQ_ASSIGN_OR_RETURN(info.object_name, ReadSized(in, "objectName"));
  LQ_ASSIGN_OR_RETURN(info.creation_hash, ReadSized(in, "creationHash"));
  return info;
}

Result<NvDigestInfo> ReadNvDigest(ByteReader& in) {
  NvDigestInfo info;
  LQ_ASSIGN_OR_RETURN(info.index_name, ReadSized(in, "indexName"));
  LQ_ASSIGN_OR_RETURN(info.nv_digest, ReadSized(in, "nvDigest"));
  return info;
}

Error OtherType(std::uint16_t type, std::string_view expected) {
  return Unsupported("tpm.attest.type", fmt::format("an attestation of type {} (0x{:04x}), {}",
                                                    AttestTypeName(type), type, expected));
}

Result<Attested> ReadAttested(ByteReader& in, std::uint16_t type) {
  switch (type) {
    case NvInfo::kType:
      return ReadNv(in);
    case CommandAuditInfo::kType:
      return ReadCommandAudit(in);
    case SessionAuditInfo::kType:
      return ReadSessionAudit(in);
    case CertifyInfo::kType:
      return ReadCertify(in);
    case QuoteInfo::kType:
      return ReadQuote(in);
    case TimeInfo::kType:
      return ReadTime(in);
    case CreationInfo::kType:
      return ReadCreation(in);
    case NvDigestInfo::kType:
      return ReadNvDigest(in);
    default:
      return OtherType(type, "which is not known");
  }
}

// What follows the type.
Result<UnverifiedAttest> ReadRest(ByteReader& in, std::uint16_t type) {
  UnverifiedAttest attest;
  LQ_ASSIGN_OR_RETURN(attest.qualified_signer, ReadSized(in, "qualifiedSigner"));
  LQ_ASSIGN_OR_RETURN(attest.extra_data, ReadSized(in, "extraData"));
  LQ_ASSIGN_OR_RETURN(attest.clock_info, ReadClockInfo(in));
  LQ_ASSIGN_OR_RETURN(attest.firmware_version, in.U64Be("firmwareVersion"));
  LQ_ASSIGN_OR_RETURN(attest.attested, ReadAttested(in, type));
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the structure"));
  return attest;
}

Result<UnverifiedAttest> Read(ByteView bytes) {
  ByteReader in(bytes);
  LQ_ASSIGN_OR_RETURN(const std::uint16_t type, ReadMagicAndType(in));
  return ReadRest(in, type);
}

Result<UnverifiedQuote> ReadQuoteOnly(ByteView bytes) {
  ByteReader in(bytes);
  LQ_ASSIGN_OR_RETURN(const std::uint16_t type, ReadMagicAndType(in));
  if (type != QuoteInfo::kType) return OtherType(type, "not a quote");
  LQ_ASSIGN_OR_RETURN(UnverifiedAttest attest, ReadRest(in, type));
  auto& quote = std::get<QuoteInfo>(attest.attested);
  return UnverifiedQuote{.qualified_signer = std::move(attest.qualified_signer),
                         .extra_data = std::move(attest.extra_data),
                         .clock_info = attest.clock_info,
                         .firmware_version = attest.firmware_version,
                         .selection = std::move(quote.selection),
                         .pcr_digest = std::move(quote.pcr_digest)};
}

void WriteClockInfo(ByteWriter& out, const ClockInfo& info) {
  out.U64Be(info.clock).U32Be(info.reset_count).U32Be(info.restart_count).U8(info.safe ? 1 : 0);
}

// TPMU_ATTEST.
struct AttestedWriter {
  ByteWriter& out;

  void operator()(const NvInfo& info) const {
    out.SizedU16Be(info.index_name).U16Be(info.offset).SizedU16Be(info.contents);
  }
  void operator()(const CommandAuditInfo& info) const {
    out.U64Be(info.audit_counter).U16Be(static_cast<std::uint16_t>(info.digest_algorithm));
    out.SizedU16Be(info.audit_digest).SizedU16Be(info.command_digest);
  }
  void operator()(const SessionAuditInfo& info) const {
    out.U8(info.exclusive_session ? 1 : 0).SizedU16Be(info.session_digest);
  }
  void operator()(const CertifyInfo& info) const {
    out.SizedU16Be(info.name).SizedU16Be(info.qualified_name);
  }
  void operator()(const QuoteInfo& info) const {
    WritePcrSelection(out, info.selection);
    out.SizedU16Be(info.pcr_digest);
  }
  void operator()(const TimeInfo& info) const {
    out.U64Be(info.time);
    WriteClockInfo(out, info.clock_info);
    out.U64Be(info.firmware_version);
  }
  void operator()(const CreationInfo& info) const {
    out.SizedU16Be(info.object_name).SizedU16Be(info.creation_hash);
  }
  void operator()(const NvDigestInfo& info) const {
    out.SizedU16Be(info.index_name).SizedU16Be(info.nv_digest);
  }
};

}  // namespace

Result<UnverifiedQuote> ParseQuoteAttest(ByteView attest) {
  Result<UnverifiedQuote> quote = ReadQuoteOnly(attest);
  if (!quote) return InStructure(std::move(quote).error(), "tpm.attest", "TPMS_ATTEST");
  return quote;
}

Bytes WriteQuoteAttest(const UnverifiedQuote& quote) {
  return WriteAttest(
      {.qualified_signer = quote.qualified_signer,
       .extra_data = quote.extra_data,
       .clock_info = quote.clock_info,
       .firmware_version = quote.firmware_version,
       .attested = QuoteInfo{.selection = quote.selection, .pcr_digest = quote.pcr_digest}});
}

Result<UnverifiedAttest> ParseAttest(ByteView attest) {
  Result<UnverifiedAttest> parsed = Read(attest);
  if (!parsed) return InStructure(std::move(parsed).error(), "tpm.attest", "TPMS_ATTEST");
  return parsed;
}

Bytes WriteAttest(const UnverifiedAttest& attest) {
  ByteWriter out;
  out.U32Be(kMagic).U16Be(TypeOf(attest.attested));
  out.SizedU16Be(attest.qualified_signer).SizedU16Be(attest.extra_data);
  WriteClockInfo(out, attest.clock_info);
  out.U64Be(attest.firmware_version);
  std::visit(AttestedWriter{out}, attest.attested);
  return out.Take();
}

std::uint16_t TypeOf(const Attested& attested) {
  return std::visit([](const auto& info) { return info.kType; }, attested);
}

std::string_view AttestTypeName(std::uint16_t type) {
  switch (type) {
    case NvInfo::kType:
      return "nv";
    case CommandAuditInfo::kType:
      return "command-audit";
    case SessionAuditInfo::kType:
      return "session-audit";
    case CertifyInfo::kType:
      return "certify";
    case QuoteInfo::kType:
      return "quote";
    case TimeInfo::kType:
      return "time";
    case CreationInfo::kType:
      return "creation";
    case NvDigestInfo::kType:
      return "nv-digest";
    default:
      return "unknown";
  }
}

}  // namespace limequat::tpm
