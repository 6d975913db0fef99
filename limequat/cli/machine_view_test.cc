#include "limequat/cli/machine_view.h"

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

wire::MachineView Machine(std::string id, std::vector<std::string> labels) {
  wire::MachineView machine;
  machine.agent_id = std::move(id);
  machine.integrity = "pass";
  machine.policy = "base, node (abc)";
  machine.labels = std::move(labels);
  machine.layers = {{.name = "base",
                     .version = 2,
                     .sha256 = {},
                     .effective_from = std::nullopt,
                     .retire_after = "2026-12-01T00:00:00Z",
                     .state = "retired",
                     .label = "web"},
                    {.name = "node",
                     .version = 1,
                     .sha256 = {},
                     .effective_from = std::nullopt,
                     .retire_after = std::nullopt,
                     .state = "in effect"}};
  return machine;
}

TEST(MachineTable, HasLabelsOnlyIfAMachineCarriesOne) {
  EXPECT_EQ(RenderMachines({Machine("m1", {}), Machine("m2", {})}, Look()).find("LABELS"),
            std::string::npos);
  const std::string table =
      RenderMachines({Machine("m1", {}), Machine("m2", {"web", "eu"})}, Look());
  const std::string headings = table.substr(0, table.find('\n'));
  EXPECT_NE(headings.find("BASELINE  LABELS   POLICY"), std::string::npos) << headings;
  EXPECT_NE(table.find("web, eu  base, node (abc)"), std::string::npos) << table;
}

TEST(DescribePolicy, SaysThroughWhichLabelALayerComes) {
  const std::string text = RenderPairs(DescribePolicy(Machine("m1", {"web", "eu"})), Look());
  EXPECT_NE(text.find("labels   web, eu\n"), std::string::npos) << text;
  EXPECT_NE(text.find("base, version 2, label web, until 2026-12-01T00:00:00Z: retired\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("node, version 1: in effect\n"), std::string::npos) << text;
}

TEST(DescribePolicy, WithoutLayersAMachineIsUnpoliced) {
  wire::MachineView machine = Machine("m1", {});
  machine.layers.clear();
  machine.policy = "none";
  const std::string text = RenderPairs(DescribePolicy(machine), Look());
  EXPECT_NE(text.find("unpoliced"), std::string::npos) << text;
  EXPECT_EQ(text.find("labels"), std::string::npos) << text;
}

}  // namespace
}  // namespace limequat::cli
