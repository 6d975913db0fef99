#include "limequat/crypto/revocation.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

// Lists that are refused, or that count for nothing, are in data/ekcert/made, which the
// tests of the command go through (tests/cli/test_ekcert.py).

namespace limequat::crypto {
namespace {

Bytes Made(const std::string& name) {
  std::ifstream file(std::string(LQ_SOURCE_DIR) + "/data/ekcert/made/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

TEST(RevocationList, SaysWhatItIs) {
  const Result<RevocationList> list = RevocationList::FromDer(Made("revokes.crl"));
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->issuer(), "CN=Made Intermediate");
  EXPECT_EQ(FormatRfc3339(list->this_update()), "2020-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(*list->next_update()), "2099-12-31T23:59:59Z");
  EXPECT_EQ(list->size(), 1U);
  EXPECT_EQ(RevocationList::FromDer(Made("root.crl"))->size(), 0U);
  EXPECT_FALSE(RevocationList::FromDer(Made("endless.crl"))->next_update());
}

TEST(RevocationList, ManyInOneFile) {
  const Bytes both = Made("both.crl.pem");
  EXPECT_EQ(RevocationList::AllFromBytes(both)->size(), 2U);
  EXPECT_EQ(RevocationList::AllFromBytes(both, 1).error().id, "crypto.crl.count");
  EXPECT_EQ(RevocationList::FromDer(both).error().id, "crypto.crl.der");
}

TEST(RevocationList, HasABound) {
  EXPECT_EQ(RevocationList::FromDer(Bytes((64U << 20U) + 1)).error().id, "crypto.crl.size");
}

}  // namespace
}  // namespace limequat::crypto
