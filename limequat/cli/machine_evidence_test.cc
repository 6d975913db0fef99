#include "limequat/cli/machine_evidence.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace limequat::cli {
namespace {

namespace fs = std::filesystem;

class MachineEvidenceTest : public ::testing::Test {
 protected:
  MachineEvidenceTest() {
    std::string pattern = ::testing::TempDir() + "limequat-evidence-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~MachineEvidenceTest() override { fs::remove_all(root_); }

  std::string Write(const std::string& path, const std::string& content = "list") {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
    return (root_ / path).string();
  }
  std::string In(const std::string& path) const { return (root_ / path).string(); }

  // "NAME LIST PCRS" of each machine, files by their last component.
  std::vector<std::string> Found(const std::vector<std::string>& paths) {
    const auto machines = FindMachines(paths);
    if (!machines) return {machines.error().id};
    std::vector<std::string> texts;
    for (const MachineEvidence& machine : *machines) {
      texts.push_back(machine.name + " " + fs::path(machine.list).filename().string() + " " +
                      (machine.pcrs ? fs::path(*machine.pcrs).filename().string() : "-"));
    }
    return texts;
  }

  fs::path root_;
};

using Texts = std::vector<std::string>;

TEST_F(MachineEvidenceTest, AFileIsAMachine) {
  const auto machines = FindMachines({Write("web-1.ima", "12345")});
  ASSERT_TRUE(machines.has_value());
  ASSERT_EQ(machines->size(), 1U);
  EXPECT_EQ(machines->front().name, "web-1.ima");
  EXPECT_EQ(machines->front().list, In("web-1.ima"));
  EXPECT_EQ(machines->front().bytes, 5U);
}

TEST_F(MachineEvidenceTest, EventLogsAreLookedForByNamesOfTheirOwn) {
  Write("fleet/web-1/binary_bios_measurements");
  Write("fleet/web-1/eventlog");
  Write("fleet/web-1/ima.bin");
  Write("fleet/web-2/eventlog");
  Write("fleet/web-2/pcrs.json");
  Write("fleet/web-3/ima.bin");
  Write("fleet/web-4");
  const auto machines = FindMachines({In("fleet")}, EvidenceKind::kEventLog);
  ASSERT_TRUE(machines.has_value());
  ASSERT_EQ(machines->size(), 4U);
  EXPECT_EQ(machines->at(0).list, In("fleet/web-1/binary_bios_measurements"));
  EXPECT_EQ(machines->at(1).list, In("fleet/web-2/eventlog"));
  EXPECT_TRUE(machines->at(1).pcrs.has_value());
  EXPECT_EQ(machines->at(2).list, "") << "an IMA list is no event log";
  EXPECT_EQ(machines->at(3).list, In("fleet/web-4"));
}

TEST_F(MachineEvidenceTest, AFolderWithAListIsAMachine) {
  for (const char* name :
       {"ima.ascii", "ascii_runtime_measurements", "ima.bin", "binary_runtime_measurements"}) {
    Write(std::string("web-1/") + name);
    EXPECT_EQ(Found({In("web-1")}), Texts{std::string("web-1 ") + name + " -"})
        << "the one that is read before the others";
  }
  Write("web-1/pcrs.json");
  EXPECT_EQ(Found({In("web-1/")}), Texts{"web-1 binary_runtime_measurements pcrs.json"});
}

TEST_F(MachineEvidenceTest, AFolderOfThemIsManyInTheOrderOfTheirNames) {
  Write("fleet/b.ima");
  Write("fleet/a/ima.bin");
  Write("fleet/a/pcrs.json");
  Write("fleet/c/notes");
  Write("fleet/.hidden");
  ASSERT_EQ(mkfifo(In("fleet/pipe").c_str(), 0600), 0);
  EXPECT_EQ(Found({In("fleet")}), (Texts{"a ima.bin pcrs.json", "b.ima b.ima -", "c  -"}));
}

TEST_F(MachineEvidenceTest, MachinesOfTheSameNameAreToldApart) {
  Write("one/web/ima.bin");
  Write("two/web/ima.bin");
  Write("two/db/ima.bin");
  EXPECT_EQ(Found({In("one"), In("two")}),
            (Texts{In("one/web") + " ima.bin -", "db ima.bin -", In("two/web") + " ima.bin -"}));
}

TEST_F(MachineEvidenceTest, WhatCannotBeLookedAtIsAnError) {
  EXPECT_EQ(Found({In("absent")}), Texts{"cli.evidence"});
  fs::create_directory(root_ / "empty");
  EXPECT_EQ(Found({In("empty")}), Texts{"cli.evidence"});
}

}  // namespace
}  // namespace limequat::cli
