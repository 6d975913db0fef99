#pragma once

#include <string>
#include <utility>
#include <vector>

#include "limequat/cli/table.h"
#include "limequat/wire/own_api.h"

namespace limequat::cli {

// The table of machines.
std::string RenderMachines(const std::vector<wire::MachineView>& machines, const Look& look);

// What a machine is bound by and held to, as names and values.
std::vector<std::pair<std::string, Cell>> DescribePolicy(const wire::MachineView& machine);

// One machine as names and values, for RenderPairs.
std::vector<std::pair<std::string, Cell>> Describe(const wire::MachineView& machine);

// "PASS, trusted", "FAIL, not trusted", …
std::string RenderStanding(const wire::MachineView& machine, const Look& look);

}  // namespace limequat::cli
