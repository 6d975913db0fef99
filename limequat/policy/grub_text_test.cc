#include <string>

#include <gtest/gtest.h>

#include "limequat/policy/grub_text_internal.h"

namespace limequat::policy {
namespace {

TEST(GrubText, AssignmentsHaveANameInFront) {
  for (const char* text : {"a=1", "z=1", "A=1", "Z=1", "_=1", "a0=1", "a9=1", "root=hd0,gpt2",
                           "! a=1", "aZ_z09A=x y"}) {
    EXPECT_EQ(GrubTextOf(text), GrubText::kHarmless) << text;
  }
  for (const char* text : {"=1", "0a=1", "9a=1", "5=1", "a", "", "a b=1", "a.b=1", "a/=1", "a:=1",
                           "a@=1", "a[=1", "a`=1", "a{=1", "a-b=1", "\xc3\xa9=1"}) {
    EXPECT_EQ(GrubTextOf(text), GrubText::kUnknown) << text;
  }
}

TEST(GrubText, CommandsAreToldByTheirFirstWord) {
  for (const char* text : {"linux", "linux /vmlinuz", "linux16 /x", "linuxefi /x", "linuxboot /x",
                           "! linux /x", "! ! linux /x"}) {
    EXPECT_EQ(GrubTextOf(text), GrubText::kLoadsKernel) << text;
  }
  EXPECT_EQ(GrubTextOf("chainloader /x"), GrubText::kCommand);
  EXPECT_EQ(GrubTextOf("set x=1"), GrubText::kHarmless);
  EXPECT_EQ(GrubTextOf("linuxes /x"), GrubText::kUnknown);
  EXPECT_EQ(GrubTextOf("/vmlinuz ro"), GrubText::kLine);
  EXPECT_EQ(GrubTextOf("(hd0)/vmlinuz ro"), GrubText::kLine);
  EXPECT_EQ(GrubTextOf("8+20 ro"), GrubText::kUnknown);
}

TEST(GrubText, TheWordsBehindALoadingCommandAreACommandLine) {
  EXPECT_EQ(KernelOf("linux /vmlinuz ro"), "/vmlinuz ro");
  EXPECT_EQ(KernelOf("! linux /vmlinuz ro"), "/vmlinuz ro");
  EXPECT_EQ(KernelOf("linux "), "");
  EXPECT_EQ(KernelOf("linux"), "");
}

TEST(GrubText, CommandsThatEscape) {
  for (const char* text : {"time linux /x", "lua", "! normal_exit", "rmmod tpm", "rmmod tpm x",
                           "rmmod verifiers", "multiboot /x"}) {
    EXPECT_TRUE(EscapesMeasurement(text)) << text;
  }
  for (const char* text :
       {"insmod tpm", "rmmod", "rmmod x tpm", "rmmod tpms", "timeout=5", "linux /x", "echo time"}) {
    EXPECT_FALSE(EscapesMeasurement(text)) << text;
  }
}

}  // namespace
}  // namespace limequat::policy
