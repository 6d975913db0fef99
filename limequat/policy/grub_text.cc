// What a text of PCR 8 says that GRUB did, by its words.

#include <algorithm>
#include <array>
#include <string_view>

#include "limequat/policy/grub_text_internal.h"

namespace limequat::policy {

namespace {

// Neither these nor kOthers have `time`, `lua` and `normal_exit`: commands that run because of them
// are not measured.
constexpr std::array kHarmless = std::to_array<std::string_view>({
    "[",
    "test",
    "true",
    "false",
    "echo",
    "cat",
    "clear",
    "sleep",
    "read",
    "date",
    "help",
    "ls",
    "set",
    "unset",
    "export",
    "setparams",
    "shift",
    "return",
    "break",
    "continue",
    "regexp",
    "menuentry",
    "submenu",
    "hiddenentry",
    "source",
    ".",
    "configfile",
    "blscfg",
    "boot",
    "initrd",
    "initrdefi",
    "insmod",
    "loopback",
    "cryptomount",
    "search",
    "search.file",
    "search.fs_label",
    "search.fs_uuid",
    "search.part_label",
    "search.part_uuid",
    "probe",
    "gptprio.next",
    "gptpriority",
    "load_env",
    "save_env",
    "list_env",
    "increment",
    "decrement",
    "version_find_latest",
    "loadfont",
    "terminal_input",
    "terminal_output",
    "terminfo",
    "serial",
    "keymap",
    "gettext",
    "background_image",
    "background_color",
    "play",
    "videoinfo",
    "videomode",
    "cpuid",
    "smbios",
    "hwmatch",
    "getenv",
    "fwsetup",
    "password",
    "password_pbkdf2",
    "net_bootp",
    "net_dhcp",
    "net_add_addr",
    "net_add_route",
    "net_add_dns",
    // functions of distributions; what is inside of them is measured
    "load_video",
    "gfxmode",
    "recordfail",
    "initrdfail",
    "savedefault",
    "set_background_image",
});

constexpr std::array kOthers = std::to_array<std::string_view>({
    "chainloader",
    "exit",
    "multiboot",
    "module",
    "multiboot2",
    "module2",
    "xen_hypervisor",
    "xen_module",
    "appleloader",
    "acpi",
    "devicetree",
    "eval",
    "normal",
    "rmmod",
    "halt",
    "reboot",
});

// Commands that run others which are not measured, and those that start what they load.
constexpr std::array kEscapes = std::to_array<std::string_view>({
    "time",
    "lua",
    "normal_exit",
    "legacy_kernel",
    "multiboot",
    "multiboot2",
    "xen_hypervisor",
    "xen_boot",
    "appleloader",
    "kfreebsd",
    "kopenbsd",
    "knetbsd",
    "xnu_kernel",
    "xnu_kernel64",
    "xnu_resume",
});
// Without these modules nothing is measured any more.
constexpr std::array<std::string_view, 2> kMeasuringModules = {"tpm", "verifiers"};

constexpr std::array<std::string_view, 4> kLoadCommands = {"linux", "linux16", "linuxefi",
                                                           "linuxboot"};

std::string_view FirstWord(std::string_view text) { return text.substr(0, text.find(' ')); }

std::string_view WithoutInversion(std::string_view text) {
  while (text.starts_with("! ")) text.remove_prefix(2);
  return text;
}

bool IsAmong(const auto& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

bool IsOfName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// "name=value", which GRUB runs like a command.
bool IsAssignment(std::string_view text) {
  const std::size_t equals = text.find('=');
  return equals != std::string_view::npos && equals > 0 && (text[0] < '0' || text[0] > '9') &&
         std::ranges::all_of(text.substr(0, equals), IsOfName);
}

}  // namespace

GrubText GrubTextOf(std::string_view text) {
  const std::string_view command = WithoutInversion(text);
  const std::string_view word = FirstWord(command);
  if (IsAmong(kLoadCommands, word)) return GrubText::kLoadsKernel;
  if (IsAmong(kOthers, word)) return GrubText::kCommand;
  if (IsAmong(kHarmless, word) || IsAssignment(command)) return GrubText::kHarmless;
  return text.starts_with('/') || text.starts_with('(') ? GrubText::kLine : GrubText::kUnknown;
}

bool EscapesMeasurement(std::string_view text) {
  const std::string_view command = WithoutInversion(text);
  const std::string_view word = FirstWord(command);
  // It looks at its first argument alone.
  return IsAmong(kEscapes, word) ||
         (word == "rmmod" && IsAmong(kMeasuringModules, FirstWord(KernelOf(command))));
}

std::string_view KernelOf(std::string_view text) {
  const std::string_view command = WithoutInversion(text);
  return command.substr(std::min(FirstWord(command).size() + 1, command.size()));
}

}  // namespace limequat::policy
