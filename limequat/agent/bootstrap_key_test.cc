#include "limequat/agent/bootstrap_key.h"

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"

namespace limequat::agent {
namespace {

using Outcome = BootstrapKey::Outcome;

const wire::AgentId& Id() {
  static const wire::AgentId id = *wire::AgentId::Parse("d432fbb3-d2f1-4a97-9ef7-75bd81c00000");
  return id;
}

// Vectors of keylime-agent-protocol, A.2.
constexpr std::string_view kV = "a5a4a7a6a1a0a3a2adacafaea9a8abaab5b4b7b6b1b0b3b2bdbcbfbeb9b8bbba";
constexpr std::string_view kTag =
    "74216909e21c5a1a5fb9e0ad23881f6f1693d01b5469c4d12dfe4ea151ab3334690966790c8e3b4a358b1be3ca443e"
    "2d";
constexpr std::string_view kProof =
    "111e1005bfb41681cc482dd940f6122e410bdf0353ef6b68e67e1c6b9631f25442bf671bb30a6545c104033fa5a877"
    "80";

Secret U() { return Secret(Bytes(32, 0xa5)); }
Secret V() { return Secret(*HexDecode(kV)); }
Bytes Tag() { return *HexDecode(kTag); }

TEST(BootstrapKeyTest, TwoHalvesMakeAKeyInEitherOrder) {
  BootstrapKey u_first(Id());
  EXPECT_EQ(u_first.Prove("ABCDEFGHIJ0123456789"), std::nullopt);
  EXPECT_EQ(u_first.AddU(U(), Tag()), Outcome::kIncomplete);
  EXPECT_EQ(u_first.Prove("ABCDEFGHIJ0123456789"), std::nullopt);
  EXPECT_EQ(u_first.AddV(V()), Outcome::kComplete);
  EXPECT_EQ(u_first.Prove("ABCDEFGHIJ0123456789"), kProof);
  BootstrapKey v_first(Id());
  EXPECT_EQ(v_first.AddV(V()), Outcome::kIncomplete);
  EXPECT_EQ(v_first.AddU(U(), Tag()), Outcome::kComplete);
  EXPECT_EQ(v_first.Prove("ABCDEFGHIJ0123456789"), kProof);
}

TEST(BootstrapKeyTest, TheTagDecides) {
  BootstrapKey key(Id());
  Bytes wrong = Tag();
  wrong.back() ^= 1U;
  EXPECT_EQ(key.AddU(U(), wrong), Outcome::kIncomplete);
  EXPECT_EQ(key.AddU(U(), {}), Outcome::kIncomplete);
  EXPECT_EQ(key.AddV(V()), Outcome::kIncomplete);
  EXPECT_EQ(key.Prove("a"), std::nullopt);
  // The tag is of one machine.
  BootstrapKey other(*wire::AgentId::Parse("other"));
  EXPECT_EQ(other.AddU(U(), Tag()), Outcome::kIncomplete);
  EXPECT_EQ(other.AddV(V()), Outcome::kIncomplete);
}

TEST(BootstrapKeyTest, HalvesOfDifferentLengthsDoNotMeet) {
  BootstrapKey key(Id());
  EXPECT_EQ(key.AddV(Secret(Bytes(16, 1))), Outcome::kIncomplete);
  EXPECT_EQ(key.AddU(U(), Tag()), Outcome::kIncomplete);
  EXPECT_EQ(key.AddV(V()), Outcome::kComplete) << "every half meets every other";
}

TEST(BootstrapKeyTest, Quirk_A49_OnlyTheNewestHalvesAreKept) {
  BootstrapKey key(Id());
  key.AddU(U(), Tag());
  for (std::size_t i = 0; i + 1 < BootstrapKey::kMaxHalves; ++i)
    key.AddU(Secret(Bytes(32, 1)), Bytes(48, 2));
  EXPECT_EQ(key.AddV(V()), Outcome::kComplete) << "the oldest of the kept ones";
  BootstrapKey forgetful(Id());
  forgetful.AddU(U(), Tag());
  for (std::size_t i = 0; i < BootstrapKey::kMaxHalves; ++i)
    forgetful.AddU(Secret(Bytes(32, 1)), Bytes(48, 2));
  EXPECT_EQ(forgetful.AddV(V()), Outcome::kIncomplete);
  BootstrapKey flooded(Id());
  flooded.AddV(V());
  for (std::size_t i = 0; i < BootstrapKey::kMaxHalves; ++i) flooded.AddV(Secret(Bytes(32, 1)));
  EXPECT_EQ(flooded.AddU(U(), Tag()), Outcome::kIncomplete);
}

TEST(BootstrapKeyTest, ANewKeyReplacesTheOld) {
  BootstrapKey key(Id());
  key.AddU(U(), Tag());
  key.AddV(V());
  key.AddU(Secret(Bytes(32, 1)), Bytes(48, 2));
  EXPECT_EQ(key.Prove("ABCDEFGHIJ0123456789"), kProof) << "an unfinished one changes nothing";
  key.AddU(U(), Tag());
  EXPECT_EQ(key.AddV(V()), Outcome::kComplete);
}

}  // namespace
}  // namespace limequat::agent
