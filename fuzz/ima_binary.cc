// ima::ListReader on binary lists. What it reads must read the same in the ASCII form,
// unless a name holds a blank or a line feed.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"

namespace limequat {

namespace {

void CheckAsciiForm(const ima::Entry& entry) {
  std::string line = (entry.pcr < 10 ? " " : "") + std::to_string(entry.pcr) + " " +
                     HexEncode(entry.template_digest) + " " + std::string(entry.template_name) +
                     " " + std::string(entry.digest_algorithm) + ":" +
                     HexEncode(entry.file_digest) + " " + std::string(entry.path);
  if (entry.template_name == "ima-sig") line += " " + HexEncode(entry.signature);
  line += "\n";
  ima::ListReader reader(AsBytes(line), ima::Format::kAscii);
  const auto next = reader.Next();
  if (entry.path.find_first_of(" \n") != std::string_view::npos) {
    LQ_CHECK(!next || !*next || !Equal((*next)->template_data, entry.template_data));
    return;
  }
  LQ_CHECK(next && *next);
  LQ_CHECK(Equal((*next)->template_data, entry.template_data));
  LQ_CHECK(Equal((*next)->template_digest, entry.template_digest));
  LQ_CHECK((*next)->path == entry.path);
  LQ_CHECK((*next)->violation == entry.violation);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView list(data, size);
  ima::ListReader reader(list, ima::Format::kBinary);
  ima::Replay stated(crypto::HashAlgorithm::kSha1, ima::TemplateDigests::kNative);
  ima::Replay replay(crypto::HashAlgorithm::kSha1, ima::TemplateDigests::kNative);
  bool all_match = true;
  while (true) {
    const std::size_t before = reader.offset();
    const auto next = reader.Next();
    if (!next) {
      LQ_CHECK(reader.offset() == before);
      LQ_CHECK(reader.Next().error().message == next.error().message);
      break;
    }
    if (!*next) {
      LQ_CHECK(reader.offset() == size);
      break;
    }
    LQ_CHECK(reader.offset() > before);
    CheckAsciiForm(**next);
    all_match = all_match && ima::CheckStatedDigest(**next) == ima::StatedDigest::kMatches;
    stated.ExtendAsStated(**next);
    replay.Extend(**next);
  }
  if (all_match) LQ_CHECK(stated.pcr() == replay.pcr());
  return 0;
}

}  // namespace limequat
