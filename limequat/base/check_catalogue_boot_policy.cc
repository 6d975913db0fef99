// The checks of the measured-boot policies.

#include "limequat/base/check_catalogue_internal.h"

namespace limequat {

namespace {

constexpr CheckEntry kBootPolicy[] = {
    {.check = "boot.policy",
     .cause = Cause::kConfiguration,
     .meaning = "The measured-boot policy compares nothing, or accepts nothing.",
     .causes = "The policy `reject-all`, which is also what no policy means; `accept-all`, "
               "`measured-only` or an empty reference state, which are said so that nobody takes "
               "them for more.",
     .advice = "Choose the policy `example` and give it a reference state (`keylime-policy "
               "create measured-boot`).",
     .next = "limequat policy create measured-boot LOG"},
    {.check = "boot.reference",
     .cause = Cause::kConfiguration,
     .meaning = "The reference state lacks what the policy compares, so it accepts no boot.",
     .causes = "A reference state made from a log of another chain than shim and GRUB "
               "(systemd-boot, a unified kernel image, a kernel started directly), or of a GRUB "
               "that measures no files: what the tool did not find is left out.",
     .advice = "Make it from a log of a machine with shim and GRUB, or use another policy for "
               "this machine.",
     .next = "limequat policy create measured-boot LOG"},
    {.check = "boot.bank",
     .cause = Cause::kConfiguration,
     .meaning = "The PCRs cover digests of another bank than those of the reference state.",
     .causes = "A machine that quotes SHA-1 or SHA-384; reference states list kernels by their "
               "SHA-256.",
     .advice = "Quote the SHA-256 bank.",
     .next = "limequat inspect eventlog LOG"},
    {.check = "boot.separator",
     .cause = Cause::kTamper,
     .meaning = "A separator between stages of the boot is not one, or reports an error.",
     .causes = "A log whose types were exchanged; firmware that met an error and says so.",
     .advice = "Read the event in the log. The type that the log shows is not measured, the "
               "digest is.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.action",
     .cause = Cause::kTamper,
     .meaning = "An action of the firmware is none that belongs there.",
     .causes = "Firmware in debug mode; a log whose types were exchanged; firmware that measures "
               "texts of its own.",
     .advice = "Look the digest up among the actions of the firmware profile; switch debugging "
               "off.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.variable",
     .cause = Cause::kTamper,
     .meaning = "The log shows a UEFI variable that is not the measured one.",
     .causes = "A log that was changed: what it shows of Secure Boot's keys is not what the "
               "firmware measured.",
     .advice = "Treat the machine as compromised until you know better, and keep the log.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.event",
     .cause = Cause::kTamper,
     .meaning = "Something was measured for which the policy has no place.",
     .causes = "Firmware that measures more than the policy `example` knows (POST code, tables, "
               "vendor data), another boot loader, a file that GRUB read and nobody expected.",
     .advice = "Find out what the event is. The policy cannot be told to ignore it: whoever may "
               "exchange types could hide anything there.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.secure_boot",
     .cause = Cause::kTamper,
     .meaning = "Secure Boot is on or off where the reference state has it the other way.",
     .causes = "Somebody changed the setting in the firmware's menu; a reference state of "
               "another machine.",
     .advice = "Look at the firmware's settings on its console.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.key",
     .cause = Cause::kPolicyLag,
     .meaning = "A Secure Boot variable holds a key that the reference state does not list.",
     .causes = "Keys that were enrolled by an owner, an update of the firmware (new certificates "
               "in KEK and db), or an attacker.",
     .advice = "Compare the certificate with what the vendor publishes before it is added to the "
               "reference state.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.revocation",
     .cause = Cause::kPolicyLag,
     .meaning = "The list of revoked images lacks entries of the reference state.",
     .causes = "An update of dbx that this machine did not get, or that was taken back; dbx in a "
               "form that the policy does not compare (several lists).",
     .advice = "Install the update of dbx (`fwupdmgr`).",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.authority",
     .cause = Cause::kTamper,
     .meaning = "What allowed an image to run is not in the reference state.",
     .causes = "A shim of another vendor; a second signature that was used.",
     .advice = "Compare the certificate with the one that the vendor of shim publishes.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.firmware",
     .cause = Cause::kFirmware,
     .meaning = "The firmware is none of those in the reference state.",
     .causes = "An update of the firmware; another model; an implant.",
     .advice = "Compare with the vendor's reference values, or with a machine of the same model "
               "and version that you trust.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.image",
     .cause = Cause::kTamper,
     .meaning = "The boot loaders or the kernel are none of those in the reference state.",
     .causes = "An update of shim, GRUB or the kernel; another program started by the firmware; "
               "no kernel measured at all.",
     .advice = "Compare the digests with those of the packages (`pesign -h`, `sbverify`). Only "
               "then make a new reference state.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.kernel_file",
     .cause = Cause::kTamper,
     .meaning = "The kernel that GRUB read is not the one of the reference state.",
     .causes = "An update of the kernel; GRUB that read the file twice, which the policy "
               "`example` does not have.",
     .advice = "Compare `sha256sum` of the file with the package's, on another machine.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.initrd",
     .cause = Cause::kTamper,
     .meaning = "The initrd is not the one of the reference state.",
     .causes = "An initrd that was built anew (every update does it), one more initrd, or one "
               "with something added to it.",
     .advice = "Build it again from the packages and compare, or take it apart (`lsinitrd`).",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.command_line",
     .cause = Cause::kTamper,
     .meaning = "The kernel was started with another command line.",
     .causes = "Somebody at the boot menu; a changed configuration of GRUB; a log that calls "
               "another text the command line.",
     .advice = "Look for words such as `init=`, `ima_policy=` or `lsm=` that take protection "
               "away. If the change was meant, make a new reference state.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.machine_owner_list",
     .cause = Cause::kTamper,
     .meaning = "shim took a list of keys that is not in the reference state.",
     .causes = "A key that was enrolled with `mokutil` (for kernel modules of one's own), or by "
               "an attacker.",
     .advice = "List the keys with `mokutil --list-enrolled` and compare.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "boot.path",
     .cause = Cause::kTamper,
     .meaning = "The machine was not started on the boot path of the reference values.",
     .causes = "Another boot loader, or none; reference values of another kind of machine.",
     .advice = "Compare what PCR 4 and PCR 8 show with how the machine is meant to start.",
     .next = "limequat inspect eventlog LOG --pcr 4"},
    {.check = "boot.exit_boot_services",
     .cause = Cause::kFirmware,
     .meaning = "PCR 5 does not show that the firmware's services were left, once and at the end.",
     .causes = "Firmware that measures it and does not log it; an operating system that never "
               "left them; a log that was cut.",
     .advice = "If good machines of this model do not log it, set `exit_boot_services` to false "
               "in their reference values.",
     .next = "limequat inspect eventlog LOG --pcr 5"},
    {.check = "boot.kernel",
     .cause = Cause::kPolicyLag,
     .meaning = "The kernel that was started is none of the reference values.",
     .causes = "An update of the kernel that the reference values do not have yet; a kernel of "
               "somebody else's.",
     .advice = "If it is an update, add it with its file, sign and roll out; see "
               "`docs/boot-policy.md`.",
     .next = "limequat policy create boot --update REFERENCE --add-kernel FILE"},
    {.check = "boot.section",
     .cause = Cause::kPolicyLag,
     .meaning = "A part of the unified kernel image is another one.",
     .causes = "An update; an image that was put together anew, with another command line or "
               "initrd.",
     .advice = "The finding names the part. If the change was meant, add the image with its file.",
     .next = "limequat policy create boot --update REFERENCE --add-uki FILE"},
    {.check = "boot.file",
     .cause = Cause::kTamper,
     .meaning = "A file, initrd or command line was measured into PCR 9 that is not listed.",
     .causes = "A changed configuration of GRUB; an initrd that was made anew; a command line "
               "that only its digest shows.",
     .advice = "Find out who changed the file that the finding names (its name is not measured), "
               "then list its digest in `files`, or in the kernel's `initrds`.",
     .next = "limequat inspect eventlog LOG --pcr 9"},
    {.check = "boot.grub_command",
     .cause = Cause::kTamper,
     .meaning = "GRUB ran a command that is not listed.",
     .causes = "Somebody at the boot menu; a changed configuration of GRUB.",
     .advice = "Commands such as `acpi` or `devicetree` change what the kernel sees of the "
               "machine. List the command in `grub_commands` if it was meant.",
     .next = "limequat inspect eventlog LOG --pcr 8"},
    {.check = "boot.addition",
     .cause = Cause::kTamper,
     .meaning = "Something was added to the boot that is not listed and that no text explains.",
     .causes = "Credentials or extensions on the EFI system partition, which systemd-stub gives "
               "to the initrd; a command line that the log does not show.",
     .advice = "Look into the folders beside the image (`IMAGE.extra.d`, `loader/credentials`).",
     .next = "limequat inspect eventlog LOG --pcr 12"},
    {.check = "boot.user_space",
     .cause = Cause::kTamper,
     .meaning = "User space measured something that is not listed.",
     .causes = "Another version of systemd; a volume or file system that is not the usual one.",
     .advice = "The finding shows the record. List it in `user_space` if it was meant.",
     .next = "limequat appraise boot LOG --reference FILE --user-space-log FILE"},
};

}  // namespace

CheckSection BootPolicyChecks() {
  return {.title = "The boot policy",
          .introduction =
              "`limequat appraise boot`, and each first evidence of a boot of a machine that has a "
              "boot policy, compare an event log with a reference state or with reference values "
              "(`docs/boot-policy.md`). Every objection is told, not the first. "
              "`docs/keylime-differences.md` says where that differs from Keylime's "
              "`example`.",
          .entries = kBootPolicy};
}

}  // namespace limequat
