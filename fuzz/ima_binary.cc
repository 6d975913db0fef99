// ima::ListReader on binary lists, and the readers of buffers and attributes. What it reads
// must read the same in the ASCII form, unless a name holds a blank or a line feed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "limequat/base/check.h"
#include "limequat/ima/buffer.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/testing/write_list.h"
#include "limequat/ima/xattrs.h"
#include "read_to_end.h"

namespace limequat {

namespace {

// Names that cannot be told from the rest of the line.
bool HasBlank(const ima::Entry& entry) {
  for (const ima::FieldValue& value : entry.fields) {
    const bool is_text = value.field == ima::Field::kN || value.field == ima::Field::kNNg ||
                         value.field == ima::Field::kXattrNames;
    if (is_text && AsText(value.bytes).find_first_of(" \n") != std::string_view::npos) return true;
  }
  return false;
}

// xattrnames of a NUL alone look like none.
bool HasEmptyNames(const ima::Entry& entry) {
  for (const ima::FieldValue& value : entry.fields) {
    if (value.field == ima::Field::kXattrNames && value.bytes.size() == 1) return true;
  }
  return false;
}

void CheckAsciiForm(const ima::Entry& entry) {
  if (HasEmptyNames(entry)) return;
  const std::string line = ima::testing::AsciiForm(entry);
  ima::ListReader reader(AsBytes(line), ima::Format::kAscii);
  const auto next = reader.Next();
  if (HasBlank(entry)) {
    // Read as something else, or rightly.
    if (next && *next) LQ_CHECK((*next)->template_name == entry.template_name);
    return;
  }
  LQ_CHECK(next && *next);
  LQ_CHECK(Equal((*next)->template_data, entry.template_data));
  LQ_CHECK(Equal((*next)->template_digest, entry.template_digest));
  LQ_CHECK((*next)->path == entry.path);
  LQ_CHECK((*next)->violation == entry.violation);
}

// Splits what a buffer and attributes hold; every field is a part of it.
void CheckParts(const ima::Entry& entry) {
  LQ_CHECK(!ima::BufferKindName(ima::KindOfBuffer(entry)).empty());
  std::size_t taken = 0;
  for (ima::DeviceMapperReader fields(entry.buffer);;) {
    const auto next = fields.Next();
    if (!next || !*next) break;
    taken += (*next)->key.size() + (*next)->value.size() + 2;
    LQ_CHECK(taken <= entry.buffer.size());
    LQ_CHECK(ima::UnescapeDeviceMapper((*next)->value).size() <= (*next)->value.size());
  }
  std::size_t values = 0;
  for (ima::XattrReader xattrs(entry);;) {
    const auto next = xattrs.Next();
    if (!next || !*next) break;
    values += (*next)->value.size();
    LQ_CHECK(values <= entry.template_data.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView list(data, size);
  ima::ListReader reader(list, ima::Format::kBinary);
  ima::Replay stated(crypto::HashAlgorithm::kSha1, ima::TemplateDigests::kNative);
  ima::Replay replay(crypto::HashAlgorithm::kSha1, ima::TemplateDigests::kNative);
  bool all_match = true;
  const Ended ended = ReadToEnd(reader, [&](const ima::Entry& entry, std::size_t) {
    CheckAsciiForm(entry);
    CheckParts(entry);
    all_match = all_match && ima::CheckStatedDigest(entry) == ima::StatedDigest::kMatches;
    stated.ExtendAsStated(entry);
    replay.Extend(entry);
  });
  LQ_CHECK(ended == Ended::kWithAnError || reader.offset() == size);
  if (all_match) LQ_CHECK(stated.pcr() == replay.pcr());
  return 0;
}

}  // namespace limequat
