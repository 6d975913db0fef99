#include <algorithm>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/pcr_reading.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

// Sizes of the C structures of tpm2-tss whose memory the file holds.
constexpr std::size_t kSelectBytes = 4;
constexpr std::size_t kDigestBuffer = 64;

// A memory image in the byte order of the machine that wrote it.
class Image {
 public:
  Image(ByteView image, ByteOrder order) : in_(image), order_(order) {}

  Result<std::uint16_t> U16(std::string_view field) {
    return order_ == ByteOrder::kLittle ? in_.U16Le(field) : in_.U16Be(field);
  }
  Result<std::uint32_t> U32(std::string_view field) {
    return order_ == ByteOrder::kLittle ? in_.U32Le(field) : in_.U32Be(field);
  }
  Result<std::uint8_t> U8(std::string_view field) { return in_.U8(field); }
  Result<ByteView> Take(std::size_t count, std::string_view field) {
    return in_.Take(count, field);
  }
  Status ExpectEnd(std::string_view structure) const { return in_.ExpectEnd(structure); }

 private:
  ByteReader in_;
  ByteOrder order_;
};

// Entries of the array that `count` does not reach, unused select bytes and padding
// are whatever the writer's memory held: not looked at.
Result<BankSelection> ReadBank(Image& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint16_t bank, in.U16("hash"));
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

Result<PcrSelection> ReadSelection(Image& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t count, in.U32("selection count"));
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
    LQ_RETURN_IF_ERROR(AddBank(selection, bank, "tpm.pcr_blob"));
  }
  return selection;
}

// The digests of all lists, one after the other.
Result<std::vector<ByteView>> ReadDigests(Image& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t lists, in.U32("number of digest lists"));
  std::vector<ByteView> digests;
  for (std::uint32_t list = 0; list < lists; ++list) {
    LQ_ASSIGN_OR_RETURN(const std::uint32_t count, in.U32("digest count"));
    if (count > kDigestsPerList) {
      return Malformed(
          "tpm.pcr_blob.digest_count",
          fmt::format("list {} has {} digests, at most {}", list, count, kDigestsPerList));
    }
    for (std::uint32_t i = 0; i < kDigestsPerList; ++i) {
      LQ_ASSIGN_OR_RETURN(const std::uint16_t size, in.U16("digest size"));
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

Result<PcrBlob> Read(ByteView blob, ByteOrder order) {
  Image in(blob, order);
  PcrBlob parsed;
  LQ_ASSIGN_OR_RETURN(parsed.selection, ReadSelection(in));
  LQ_ASSIGN_OR_RETURN(const std::vector<ByteView> digests, ReadDigests(in));
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the last digest list"));
  LQ_ASSIGN_OR_RETURN(parsed.values, AssignDigests(parsed.selection, digests));
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

Result<PcrBlob> ParsePcrBlob(ByteView blob, ByteOrder order) {
  Result<PcrBlob> parsed = Read(blob, order);
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
