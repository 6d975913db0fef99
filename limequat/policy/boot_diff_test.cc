#include "limequat/policy/boot_diff.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/policy/testing/boot_values.h"

namespace limequat::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Hex256;
using testing::NamedHex;
using testing::Values;
using testing::ValuesKernel;

BootDiff Diff(const json::Object& before, const json::Object& after) {
  const auto diff = DiffBootValues(json::Serialize(before), json::Serialize(after));
  EXPECT_TRUE(diff) << diff.error().message;
  return diff ? *diff : BootDiff();
}

std::vector<std::string> MembersOf(const BootDiff& diff) {
  std::vector<std::string> members;
  for (const BootListChange& list : diff.lists) members.push_back(list.member);
  for (const ValueChange& value : diff.values) members.push_back(value.member);
  return members;
}

json::Object With(std::string_view name, json::Value value) {
  return Values().Set(name, std::move(value));
}

TEST(DiffBootValues, WhatDecidesNothingIsLeftOut) {
  EXPECT_TRUE(Diff(Values(), Values()).same());
  json::Object kernel = ValuesKernel();
  kernel.Set("name", "another name");
  json::Object renamed = With("kernels", json::Array{kernel});
  renamed.Set("loaders",
              json::Array{NamedHex("GRUB 2", Hex256("grub")), NamedHex("shim 1", Hex256("shim")),
                          NamedHex("shim 1", Hex256("shim"))});
  EXPECT_TRUE(Diff(Values(), renamed).same());
}

TEST(DiffBootValues, EachKind) {
  json::Object kernel = ValuesKernel();
  kernel.Set("command_lines", json::Array{"a new line"});
  const BootDiff lines = Diff(Values(), With("kernels", json::Array{kernel}));
  ASSERT_THAT(MembersOf(lines), ElementsAre("kernels.command_lines"));
  EXPECT_THAT(lines.lists[0].change.added, ElementsAre("linux 6.1: a new line"));
  EXPECT_EQ(lines.lists[0].change.removed.size(), 1U);

  kernel.Set("command_lines", json::Array{json::Object{{"matches", "a new line"}}});
  EXPECT_THAT(MembersOf(Diff(lines.same() ? Values() : With("kernels", json::Array{ValuesKernel()}),
                             With("kernels", json::Array{kernel}))),
              ElementsAre("kernels.command_lines"));

  kernel = ValuesKernel();
  kernel.Set("images", json::Array{Hex256("another kernel")});
  EXPECT_THAT(MembersOf(Diff(Values(), With("kernels", json::Array{ValuesKernel(), kernel}))),
              ElementsAre("kernels", "kernels.command_lines", "kernels.initrds"));

  EXPECT_THAT(MembersOf(Diff(Values(), With("loaders", json::Array{NamedHex("x", Hex256("x"))}))),
              ElementsAre("loaders"));
  EXPECT_THAT(MembersOf(Diff(Values(), With("files", json::Array{}))), ElementsAre("files"));
  EXPECT_THAT(MembersOf(Diff(Values(), With("machine_owner_lists", json::Array{}))),
              ElementsAre("machine_owner_lists"));
  EXPECT_THAT(MembersOf(Diff(Values(), With("additions", json::Array{NamedHex("x", Hex256("x"))}))),
              ElementsAre("additions"));
  EXPECT_THAT(MembersOf(Diff(Values(), With("grub_commands", json::Array{"set"}))),
              ElementsAre("grub_commands", "grub_commands"));
  EXPECT_THAT(
      MembersOf(Diff(Values(),
                     With("user_space", json::Array{json::Object{{"pcr", 15}, {"text", "x"}}}))),
      ElementsAre("user_space"));
  const json::Object firmware{{"model", "A"}, {"pcrs", json::Object{{"0", std::string(64, '1')}}}};
  EXPECT_THAT(MembersOf(Diff(Values(), With("firmware", json::Array{firmware}))),
              ElementsAre("firmware", "firmware"));
  for (const char* list : {"pk", "kek", "db", "dbx"}) {
    json::Object secure = testing::ValuesSecureBoot();
    secure.Set(list, json::Array{"sha256:" + std::string(64, '2')});
    EXPECT_THAT(MembersOf(Diff(Values(), With("secure_boot", secure))),
                ElementsAre(std::string("secure_boot.") + list));
  }
  json::Object secure = testing::ValuesSecureBoot();
  secure.Set("events", json::Array{});
  EXPECT_THAT(MembersOf(Diff(Values(), With("secure_boot", secure))),
              ElementsAre("secure_boot.events"));
}

TEST(DiffBootValues, SingleValues) {
  EXPECT_THAT(MembersOf(Diff(Values(), With("release", 4))), ElementsAre("release"));
  EXPECT_THAT(MembersOf(Diff(Values(), With("name", "other"))), ElementsAre("name"));
  EXPECT_THAT(MembersOf(Diff(Values(), With("boot_path", "netboot"))), ElementsAre("boot_path"));
  EXPECT_THAT(MembersOf(Diff(Values(), With("exit_boot_services", false))),
              ElementsAre("exit_boot_services"));
  const BootDiff off = Diff(Values(), With("secure_boot", json::Object{{"required", false}}));
  EXPECT_THAT(MembersOf(off), ::testing::Contains("secure_boot.required"));
}

// A command line that goes to another kernel of the same name.
TEST(DiffBootValues, KernelsOfOneName) {
  json::Object other = ValuesKernel();
  other.Set("images", json::Array{Hex256("another kernel")});
  json::Object changed = other;
  changed.Set("command_lines", json::Array{"x"});
  json::Object first = ValuesKernel();
  first.Set("command_lines", json::Array{"x"});
  const BootDiff diff = Diff(With("kernels", json::Array{ValuesKernel(), changed}),
                             With("kernels", json::Array{first, other}));
  EXPECT_THAT(MembersOf(diff), ElementsAre("kernels.command_lines"));
}

TEST(DiffBootValues, NamesTheOneThatIsNone) {
  const auto first = DiffBootValues("{}", json::Serialize(Values()));
  ASSERT_FALSE(first);
  EXPECT_THAT(first.error().message, HasSubstr("first policy"));
  const auto second = DiffBootValues(json::Serialize(Values()), "{}");
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("second policy"));
}

TEST(DiffBootReferences, ListsAndValues) {
  const json::Object state = testing::Reference();
  json::Object other = state;
  other.Set("has_secureboot", false).Set("mokdig", json::Array{testing::Digest("new")});
  const auto diff = DiffBootReferences(json::Serialize(state), json::Serialize(other));
  ASSERT_TRUE(diff) << diff.error().message;
  EXPECT_THAT(MembersOf(*diff), ElementsAre("mokdig", "has_secureboot"));
  EXPECT_TRUE(DiffBootReferences(json::Serialize(state), json::Serialize(state))->same());
  EXPECT_FALSE(DiffBootReferences("{}", json::Serialize(state))->same());
  const auto first = DiffBootReferences("[1]", json::Serialize(state));
  ASSERT_FALSE(first);
  EXPECT_THAT(first.error().message, HasSubstr("first policy"));
  const auto second = DiffBootReferences(json::Serialize(state), "[1]");
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("second policy"));
}

}  // namespace
}  // namespace limequat::policy
