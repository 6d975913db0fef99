// Property: the grouping of merged boot reference values does not matter.

#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/policy/boot_values_maker.h"
#include "limequat/policy/testing/boot_values.h"

namespace limequat::policy {
namespace {

using testing::Hex256;
using testing::NamedHex;
using testing::Values;
using testing::ValuesKernel;

Result<std::string> TryMerge(const std::vector<std::string>& texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return MergeBootValues(std::span(views));
}

std::string Merged(const std::vector<std::string>& texts) {
  auto merged = TryMerge(texts);
  EXPECT_TRUE(merged) << merged.error().message;
  return merged ? *merged : "";
}

// Values of few ingredients, so that two documents share some.
class Maker {
 public:
  std::string Make() {
    json::Object values = Values();
    values.Set("release", Pick(5));
    json::Array kernels;
    const int count = 1 + Pick(3);
    for (int i = 0; i < count; ++i) {
      json::Object kernel = ValuesKernel();
      kernel.Set("images", json::Array{Hex256(Name("kernel"))});
      kernel.Set("command_lines", json::Array{Name("line"), json::Object{{"matches", Name("l.")}}});
      kernel.Set("initrds", json::Array{Hex256(Name("initrd"))});
      kernels.emplace_back(kernel);
    }
    values.Set("kernels", kernels);
    for (const char* list : {"loaders", "files", "machine_owner_lists", "additions"}) {
      values.Set(list, json::Array{NamedHex(Name("n"), Hex256(Name(list)))});
    }
    json::Object secure = testing::ValuesSecureBoot();
    for (const char* list : {"pk", "kek", "db", "dbx"}) {
      secure.Set(list, json::Array{"x509:" + Hex256(Name(list))});
    }
    values.Set("secure_boot", secure);
    values.Set("user_space", json::Array{json::Object{{"pcr", 11 + Pick(2)}, {"text", Name("t")}}});
    values.Set("grub_commands", json::Array{Name("set")});
    values.Set("firmware",
               json::Array{json::Object{{"model", Name("model")},
                                        {"pcrs", json::Object{{"0", Hex256(Name("firmware"))}}}}});
    return json::Serialize(values);
  }

 private:
  int Pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  std::string Name(std::string_view what) { return std::string(what) + std::to_string(Pick(3)); }
  std::mt19937 random_{20261128};
};

TEST(MergeBootValues, IsAssociative) {
  Maker maker;
  for (int round = 0; round < 60; ++round) {
    const std::string a = maker.Make();
    const std::string b = maker.Make();
    const std::string c = maker.Make();
    const std::string all = Merged({a, b, c});
    ASSERT_EQ(Merged({Merged({a, b}), c}), all);
    ASSERT_EQ(Merged({a, Merged({b, c})}), all);
    ASSERT_EQ(Merged({all, all}), all);
  }
}

TEST(MergeBootValues, ContradictionsAreRefused) {
  const std::string one = json::Serialize(Values());
  const auto refused = [&](std::string_view member, json::Value value) {
    const auto merged = TryMerge({one, json::Serialize(Values().Set(member, std::move(value)))});
    if (merged) return std::string("merged");
    EXPECT_THAT(merged.error().message, ::testing::HasSubstr("policy 2"));
    return merged.error().id;
  };
  const std::string kMerge = "policy.boot_values.merge";
  EXPECT_EQ(refused("name", "other"), kMerge);
  EXPECT_EQ(refused("boot_path", "netboot"), kMerge);
  EXPECT_EQ(refused("secure_boot", json::Object{{"required", false}}), kMerge);
  EXPECT_EQ(refused("exit_boot_services", false), kMerge);
  EXPECT_EQ(refused("grub_commands", json::Array{"set"}), kMerge);
  EXPECT_EQ(refused("more", 1), "policy.boot_values");
}

TEST(MergeBootValues, TheLimitsHoldForTheWhole) {
  const auto many = [](std::string_view name) {
    json::Array kernels;
    for (std::size_t i = 0; i < kMaxBootValuesKernels / 2 + 1; ++i) {
      json::Object kernel = ValuesKernel();
      kernel.Set("images", json::Array{Hex256(std::string(name) + std::to_string(i))});
      kernels.emplace_back(kernel);
    }
    return json::Serialize(Values().Set("kernels", kernels));
  };
  const auto merged = TryMerge({many("a"), many("b")});
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().id, "policy.limit");
}

}  // namespace
}  // namespace limequat::policy
