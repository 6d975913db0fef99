#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/pcr_reading.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

// Sizes of the memory image: selection and number of lists, then each list.
constexpr std::size_t kImageHead = 136;
constexpr std::size_t kImageList = 532;

bool HasSizeOfImage(ByteView file) { return file.size() % kImageList == kImageHead; }

// The number of banks comes first, in four bytes, and is small.
ByteOrder OrderOf(ByteView image) { return image[3] != 0 ? ByteOrder::kBig : ByteOrder::kLittle; }

// The digests that `file` has if it is nothing but those of `selection`.
std::optional<std::vector<ByteView>> BareDigests(ByteView file, const PcrSelection& selection) {
  std::vector<ByteView> digests;
  for (const BankSelection& bank : selection) {
    const auto hash = HashOf(bank.bank);
    for (int i = 0; i < bank.pcrs.size(); ++i) {
      if (!hash || file.size() < crypto::DigestSize(*hash)) return std::nullopt;
      digests.push_back(file.first(crypto::DigestSize(*hash)));
      file = file.subspan(crypto::DigestSize(*hash));
    }
  }
  if (!file.empty()) return std::nullopt;
  return digests;
}

Result<PcrValues> ReadMarshaled(ByteView file) {
  ByteReader in(file);
  LQ_ASSIGN_OR_RETURN(const PcrSelection selection, ReadPcrSelection(in, "tpm.pcr_blob"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t lists, in.U32Be("number of digest lists"));
  std::vector<ByteView> digests;
  for (std::uint32_t list = 0; list < lists; ++list) {
    LQ_ASSIGN_OR_RETURN(const std::uint32_t count, in.U32Be("digest count"));
    if (count > kDigestsPerList) {
      return Malformed(
          "tpm.pcr_blob.digest_count",
          fmt::format("list {} has {} digests, at most {}", list, count, kDigestsPerList));
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      LQ_ASSIGN_OR_RETURN(const ByteView digest, in.SizedU16Be("digest"));
      digests.push_back(digest);
    }
  }
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the last digest list"));
  return AssignDigests(selection, digests);
}

}  // namespace

Result<PcrValues> ParsePcrFile(ByteView file, const PcrSelection& signed_selection) {
  std::optional<Error> not_an_image;
  if (HasSizeOfImage(file)) {
    Result<PcrBlob> blob = ParsePcrBlob(file, OrderOf(file));
    if (blob) return std::move(blob->values);
    not_an_image = std::move(blob).error();
  }
  if (const auto bare = BareDigests(file, signed_selection)) {
    return AssignDigests(signed_selection, *bare);
  }
  Result<PcrValues> marshaled = ReadMarshaled(file);
  if (marshaled) return marshaled;
  if (not_an_image) return *std::move(not_an_image);
  return InStructure(std::move(marshaled).error(), "tpm.pcr_blob", "PCR values");
}

}  // namespace limequat::tpm
