#include <algorithm>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

// Sizes of the C structures of tpm2-tss whose memory the file holds.
constexpr std::uint32_t kMaxBanks = 16;
constexpr std::size_t kSelectBytes = 4;
constexpr std::uint32_t kDigestsPerList = 8;
constexpr std::size_t kDigestBuffer = 64;

// Entries of the array that `count` does not reach, unused select bytes and padding
// are whatever the writer's memory held: not looked at.
Result<BankSelection> ReadBank(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint16_t bank, in.U16Le("hash"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t select_size, in.U8("sizeofSelect"));
  LQ_ASSIGN_OR_RETURN(const ByteView select, in.Take(kSelectBytes, "pcrSelect"));
  LQ_RETURN_IF_ERROR(in.U8("padding"));
  if (select_size > kSelectBytes) {
    return Malformed("tpm.pcr_blob.select_size",
                     fmt::format("sizeofSelect is {}, at most {}", select_size, kSelectBytes));
  }
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < select_size; ++i) bits |= std::uint32_t{select[i]} << (8 * i);
  if ((bits >> kPcrCount) != 0) {
    return Malformed("tpm.pcr_blob.pcr", fmt::format("a PCR above {} is selected", kPcrCount - 1));
  }
  return BankSelection{.bank = static_cast<AlgorithmId>(bank), .pcrs = PcrSet(bits)};
}

Result<PcrSelection> ReadSelection(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t count, in.U32Le("selection count"));
  if (count > kMaxBanks) {
    return Malformed("tpm.pcr_blob.banks", fmt::format("{} banks, at most {}", count, kMaxBanks));
  }
  PcrSelection selection;
  for (std::uint32_t i = 0; i < kMaxBanks; ++i) {
    if (i >= count) {
      LQ_RETURN_IF_ERROR(in.Take(2 + 1 + kSelectBytes + 1, "unused selection"));
      continue;
    }
    LQ_ASSIGN_OR_RETURN(const BankSelection bank, ReadBank(in));
    if (std::ranges::find(selection, bank.bank, &BankSelection::bank) != selection.end()) {
      return Malformed("tpm.pcr_blob.bank_twice",
                       fmt::format("bank {} is selected twice", AlgorithmName(bank.bank)));
    }
    selection.push_back(bank);
  }
  return selection;
}

// The digests of all lists, one after the other.
Result<std::vector<ByteView>> ReadDigests(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t lists, in.U32Le("number of digest lists"));
  std::vector<ByteView> digests;
  for (std::uint32_t list = 0; list < lists; ++list) {
    LQ_ASSIGN_OR_RETURN(const std::uint32_t count, in.U32Le("digest count"));
    if (count > kDigestsPerList) {
      return Malformed(
          "tpm.pcr_blob.digest_count",
          fmt::format("list {} has {} digests, at most {}", list, count, kDigestsPerList));
    }
    for (std::uint32_t i = 0; i < kDigestsPerList; ++i) {
      LQ_ASSIGN_OR_RETURN(const std::uint16_t size, in.U16Le("digest size"));
      LQ_ASSIGN_OR_RETURN(const ByteView buffer, in.Take(kDigestBuffer, "digest"));
      if (i >= count) continue;
      if (size > kDigestBuffer) {
        return Malformed("tpm.pcr_blob.digest_size",
                         fmt::format("digest {} of list {} has {} bytes", i, list, size));
      }
      digests.push_back(buffer.first(size));
    }
  }
  return digests;
}

Result<PcrValues> Assign(const PcrSelection& selection, const std::vector<ByteView>& digests) {
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

Result<PcrBlob> Read(ByteView blob) {
  ByteReader in(blob);
  PcrBlob parsed;
  LQ_ASSIGN_OR_RETURN(parsed.selection, ReadSelection(in));
  LQ_ASSIGN_OR_RETURN(const std::vector<ByteView> digests, ReadDigests(in));
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the last digest list"));
  LQ_ASSIGN_OR_RETURN(parsed.values, Assign(parsed.selection, digests));
  return parsed;
}

void WriteSelection(ByteWriter& out, const PcrSelection& selection) {
  LQ_CHECK(selection.size() <= kMaxBanks);
  out.U32Le(static_cast<std::uint32_t>(selection.size()));
  for (const BankSelection& bank : selection) {
    out.U16Le(static_cast<std::uint16_t>(bank.bank)).U8(3).U32Le(bank.pcrs.bits()).U8(0);
  }
  out.Zeros((kMaxBanks - selection.size()) * (2 + 1 + kSelectBytes + 1));
}

}  // namespace

Result<PcrBlob> ParsePcrBlob(ByteView blob) {
  Result<PcrBlob> parsed = Read(blob);
  if (!parsed) return InStructure(std::move(parsed).error(), "tpm.pcr_blob", "PCR values");
  return parsed;
}

Bytes WritePcrBlob(const PcrSelection& selection, const PcrValues& values) {
  std::vector<const crypto::Digest*> digests;
  for (const BankSelection& bank : selection) {
    for (const std::uint32_t pcr : bank.pcrs.ToList()) {
      const auto hash = HashOf(bank.bank);
      LQ_CHECK(hash.has_value());
      digests.push_back(values.Find(*hash, pcr));
      LQ_CHECK(digests.back() != nullptr);
    }
  }
  ByteWriter out;
  WriteSelection(out, selection);
  const std::size_t lists = (digests.size() + kDigestsPerList - 1) / kDigestsPerList;
  out.U32Le(static_cast<std::uint32_t>(lists));
  for (std::size_t list = 0; list < lists; ++list) {
    const std::size_t first = list * kDigestsPerList;
    const std::size_t count = std::min<std::size_t>(kDigestsPerList, digests.size() - first);
    out.U32Le(static_cast<std::uint32_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
      const ByteView value = digests[first + i]->bytes();
      out.U16Le(static_cast<std::uint16_t>(value.size())).Raw(value);
      out.Zeros(kDigestBuffer - value.size());
    }
    out.Zeros((kDigestsPerList - count) * (2 + kDigestBuffer));
  }
  return out.Take();
}

}  // namespace limequat::tpm
