// policy::BootReference::Parse, and the policy `example` by what comes out of it.

#include "limequat/policy/boot_reference.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "limequat/base/check.h"
#include "limequat/policy/boot_diff.h"
#include "limequat/policy/boot_lint.h"

namespace limequat {

namespace {

void CheckKeys(const std::vector<policy::ReferenceKey>& keys) {
  for (const policy::ReferenceKey& key : keys) {
    LQ_CHECK(!key.data.empty());
    LQ_CHECK(policy::IsEntry(key, {.owner = key.owner, .data = key.data}));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reference = policy::BootReference::Parse(AsText(ByteView(data, size)));
  if (!reference) return 0;
  for (const auto* keys :
       {&reference->pk, &reference->kek, &reference->db, &reference->dbx, &reference->vendor_db}) {
    CheckKeys(*keys);
  }
  for (const policy::ReferenceDigests& digests : reference->mokdig) {
    for (const crypto::Digest& digest : digests) LQ_CHECK(policy::Contains(digests, digest));
  }
  for (const policy::ReferenceKernel& kernel : reference->kernels) {
    if (kernel.command_line == nullptr) continue;
    for (const std::string_view line : {"", "/vmlinuz ro", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}) {
      static_cast<void>(kernel.command_line->Match(line));
    }
  }
  // A reference that says nothing has nothing in it.
  if (reference->says_nothing) {
    LQ_CHECK(reference->kernels.empty() && reference->missing.empty());
  }
  const std::string_view text = AsText(ByteView(data, size));
  const auto difference = policy::DiffBootReferences(text, text);
  LQ_CHECK(difference && difference->same());
  LQ_CHECK(policy::CheckBootReference(text).front().passed());
  return 0;
}

}  // namespace limequat
