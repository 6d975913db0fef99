#include "limequat/tpm/pcr_reading.h"

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"

namespace limequat::tpm {

namespace {

// Bytes of a selection as this library writes it.
constexpr std::size_t kSelectSize = 3;

Result<BankSelection> ReadBank(ByteReader& in, std::string_view prefix) {
  BankSelection bank;
  LQ_ASSIGN_OR_RETURN(const std::uint16_t id, in.U16Be("hash of a selection"));
  bank.bank = static_cast<AlgorithmId>(id);
  LQ_ASSIGN_OR_RETURN(const std::uint8_t size, in.U8("sizeofSelect"));
  LQ_ASSIGN_OR_RETURN(const ByteView select, in.Take(size, "pcrSelect"));
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < select.size(); ++i) {
    if (i < kPcrCount / 8) {
      bits |= std::uint32_t{select[i]} << (8 * i);
    } else if (select[i] != 0) {
      return Unsupported(
          fmt::format("{}.pcr", prefix),
          fmt::format("bank {} selects PCRs above {}", AlgorithmName(bank.bank), kPcrCount - 1));
    }
  }
  bank.pcrs = PcrSet(bits);
  return bank;
}

}  // namespace

PcrSet SelectedIn(const PcrSelection& selection, AlgorithmId bank) {
  PcrSet pcrs;
  for (const BankSelection& part : selection) {
    if (part.bank == bank) pcrs = pcrs | part.pcrs;
  }
  return pcrs;
}

Status AddBank(PcrSelection& selection, const BankSelection& bank, std::string_view prefix) {
  const PcrSet again = SelectedIn(selection, bank.bank) & bank.pcrs;
  if (!again.empty()) {
    return Malformed(fmt::format("{}.pcr_twice", prefix),
                     fmt::format("PCRs {} of bank {} are selected twice", again.ToString(),
                                 AlgorithmName(bank.bank)));
  }
  selection.push_back(bank);
  return {};
}

Result<PcrSelection> ReadPcrSelection(ByteReader& in, std::string_view prefix) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t count, in.U32Be("selection count"));
  if (count > kMaxBanks) {
    return Malformed(fmt::format("{}.banks", prefix),
                     fmt::format("{} banks, at most {}", count, kMaxBanks));
  }
  PcrSelection selection;
  for (std::uint32_t i = 0; i < count; ++i) {
    LQ_ASSIGN_OR_RETURN(const BankSelection bank, ReadBank(in, prefix));
    LQ_RETURN_IF_ERROR(AddBank(selection, bank, prefix));
  }
  return selection;
}

void WritePcrSelection(ByteWriter& out, const PcrSelection& selection) {
  LQ_CHECK(selection.size() <= kMaxBanks);
  out.U32Be(static_cast<std::uint32_t>(selection.size()));
  for (const BankSelection& bank : selection) {
    out.U16Be(static_cast<std::uint16_t>(bank.bank)).U8(kSelectSize);
    const std::uint32_t bits = bank.pcrs.bits();
    for (std::size_t i = 0; i < kSelectSize; ++i)
      out.U8(static_cast<std::uint8_t>(bits >> (8 * i)));
  }
}

Result<PcrValues> AssignDigests(const PcrSelection& selection,
                                const std::vector<ByteView>& digests) {
  std::size_t selected = 0;
  for (const BankSelection& bank : selection)
    selected += static_cast<std::size_t>(bank.pcrs.size());
  if (selected != digests.size()) {
    return Malformed("tpm.pcr_blob.values", fmt::format("{} PCRs are selected, {} values given",
                                                        selected, digests.size()));
  }
  PcrValues values;
  auto next = digests.begin();
  for (const BankSelection& bank : selection) {
    if (bank.pcrs.empty()) continue;
    const auto hash = HashOf(bank.bank);
    if (!hash) {
      return Unsupported("tpm.pcr_blob.bank", fmt::format("values of bank {} are not supported",
                                                          AlgorithmName(bank.bank)));
    }
    for (const std::uint32_t pcr : bank.pcrs.ToList()) {
      const Result<crypto::Digest> digest = crypto::Digest::FromBytes(*hash, *next);
      if (!digest) {
        return Malformed("tpm.pcr_blob.digest_size",
                         fmt::format("PCR {} of bank {} has {} bytes", pcr,
                                     AlgorithmName(bank.bank), next->size()));
      }
      values.Set(pcr, *digest);
      ++next;
    }
  }
  return values;
}

}  // namespace limequat::tpm
