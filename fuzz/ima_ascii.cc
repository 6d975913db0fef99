// ima::ListReader on ASCII lists. What it reads must read the same in the binary form.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/testing/write_list.h"
#include "read_to_end.h"

namespace limequat {

namespace {

void CheckBinaryForm(const ima::Entry& entry) {
  // Of template `ima`, digests of another size have no binary form.
  if (entry.template_name == "ima" && entry.file_digest.size() != 20) return;
  const Bytes record = ima::testing::BinaryForm(entry);
  ima::ListReader reader(record, ima::Format::kBinary);
  const auto next = reader.Next();
  // The binary form does not state its digest's size: some digests look like a
  // shorter one and the name of a template. Nothing is concluded from that.
  if (!next || !*next || (*next)->template_digest.size() != entry.template_digest.size()) return;
  const ima::Entry& same = **next;
  LQ_CHECK(Equal(same.template_data, entry.template_data));
  LQ_CHECK(Equal(same.file_digest, entry.file_digest));
  LQ_CHECK(Equal(same.signature, entry.signature));
  LQ_CHECK(Equal(same.buffer, entry.buffer));
  LQ_CHECK(same.path == entry.path);
  LQ_CHECK(same.digest_type == entry.digest_type);
  LQ_CHECK(same.digest_algorithm == entry.digest_algorithm);
  LQ_CHECK(same.violation == entry.violation);
  LQ_CHECK(same.fields.size() == entry.fields.size());
  for (std::size_t i = 0; i < same.fields.size(); ++i) {
    LQ_CHECK(same.fields[i].field == entry.fields[i].field);
    LQ_CHECK(Equal(same.fields[i].bytes, entry.fields[i].bytes));
  }
  LQ_CHECK(ima::CheckStatedDigest(same) == ima::CheckStatedDigest(entry));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView list(data, size);
  ima::ListReader reader(list, ima::Format::kAscii);
  ima::Replay replay(crypto::HashAlgorithm::kSha256, ima::TemplateDigests::kNative);
  const Ended ended = ReadToEnd(reader, [&](const ima::Entry& entry, std::size_t) {
    LQ_CHECK(entry.index + 1 == reader.index());
    LQ_CHECK(data[reader.offset() - 1] == '\n' || reader.offset() == size);
    CheckBinaryForm(entry);
    replay.Extend(entry);
  });
  LQ_CHECK(ended == Ended::kWithAnError || reader.offset() == size);
  // The value a prefix leads to is found, at that prefix or before it.
  const auto found = ima::FindQuotedPrefix(
      list, ima::Format::kAscii,
      ima::Replay(crypto::HashAlgorithm::kSha256, ima::TemplateDigests::kNative), replay.pcr());
  LQ_CHECK(found && *found && (*found)->entries <= reader.index());
  LQ_CHECK((*found)->bytes <= reader.offset());
  return 0;
}

}  // namespace limequat
