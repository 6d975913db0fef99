#include "limequat/wire/boot_log_view.h"

#include <gtest/gtest.h>

namespace limequat::wire {
namespace {

BootLogView View() {
  return {.agent_id = "m1",
          .verified = "2026-11-29T03:00:00Z",
          .log = {0, 1, 255},
          .pcrs = json::Object{{"sha256", json::Object{{"0", std::string(64, 'a')}}}},
          .boot_policy = "example",
          .boot_reference = "fleet",
          .model = "R640"};
}

TEST(BootLogViewTest, IsReadAsItWasWritten) {
  const auto view = ParseBootLogView(WriteBootLogView(View()));
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->agent_id, "m1");
  EXPECT_EQ(view->verified, "2026-11-29T03:00:00Z");
  EXPECT_EQ(view->log, (Bytes{0, 1, 255}));
  EXPECT_EQ(json::Serialize(view->pcrs), json::Serialize(View().pcrs));
  EXPECT_EQ(view->boot_policy, "example");
  EXPECT_EQ(view->boot_reference, "fleet");
  EXPECT_EQ(view->model, "R640");
}

TEST(BootLogViewTest, EachMemberIsThereAndOfItsKind) {
  for (const char* member :
       {"agent_id", "verified", "log", "pcrs", "boot_policy", "boot_reference", "model"}) {
    json::Object document = WriteBootLogView(View());
    document.Set(member, 7);
    const auto wrong = ParseBootLogView(document);
    ASSERT_FALSE(wrong) << member;
    EXPECT_EQ(wrong.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(wrong.error().id.starts_with("wire.boot_log")) << wrong.error().id;
    document.Set(member, nullptr);
    EXPECT_FALSE(ParseBootLogView(document)) << member;
  }
  json::Object document = WriteBootLogView(View());
  document.Set("log", "not base64!");
  EXPECT_FALSE(ParseBootLogView(document));
  document = WriteBootLogView(View());
  document.Set("verified", "yesterday");
  EXPECT_FALSE(ParseBootLogView(document));
  EXPECT_FALSE(ParseBootLogView(json::Array{}));
}

}  // namespace
}  // namespace limequat::wire
