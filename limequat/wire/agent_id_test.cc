#include "limequat/wire/agent_id.h"

#include <gtest/gtest.h>

namespace limequat::wire {
namespace {

TEST(AgentId, TakesWhatKeylimeUses) {
  for (const std::string_view text :
       {"d432fbb3-d2f1-4a97-9ef7-75bd81c00000", "host.example-1_x", "a", "...a", "A.B"}) {
    const Result<AgentId> id = AgentId::Parse(text);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(id->text(), text);
  }
  EXPECT_TRUE(AgentId::Parse(std::string(128, 'a')));
}

TEST(AgentId, Cve_2022_23949_RefusesEverythingElse) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "."sv, ".."sv, "....."sv, "a/b"sv, "../x"sv, "a b"sv, "a\nb"sv, "a\0b"sv, "\x1b[2J"sv,
        "%2e%2e"sv, "ä"sv, "a:b"sv, "a\\b"sv, "a'b"sv}) {
    const Result<AgentId> id = AgentId::Parse(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().id, "wire.agent_id");
    EXPECT_EQ(id.error().message.find('\x1b'), std::string::npos);
    EXPECT_EQ(id.error().message.find('\n'), std::string::npos);
  }
  EXPECT_FALSE(AgentId::Parse(std::string(129, 'a')));
}

}  // namespace
}  // namespace limequat::wire
