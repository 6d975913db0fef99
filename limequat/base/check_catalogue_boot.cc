// The checks of a boot and of its event log.

#include "limequat/base/check_catalogue_internal.h"

namespace limequat {

namespace {

constexpr CheckEntry kBoot[] = {
    {.check = "boot.baseline",
     .cause = Cause::kFirmware,
     .meaning = "The machine booted something else than its approved boot.",
     .causes = "An update of firmware, boot loader or kernel; a changed setting of the firmware; "
               "another system started on the machine. The subject names the PCR: 0-3 firmware "
               "and its settings, 4-5 boot loader, 7 Secure Boot, 8-9 kernel, command line and "
               "initrd. A machine with a boot policy that compares values is held to that "
               "instead.",
     .advice = "Find the change that explains this PCR. If it was yours, enrol the machine again "
               "with `--approve-current-boot`.",
     .next = "limequat explain AGENT"},
    {.check = "pcr.policy",
     .cause = Cause::kTamper,
     .meaning = "A PCR does not have one of the values that the enrolment lists.",
     .causes = "A change of what is measured into that PCR; a list of expected values that was "
               "not updated.",
     .advice = "Compare the value in the detail with the list, and find what changed before "
               "changing the list.",
     .next = "limequat explain AGENT"},
};

constexpr CheckEntry kEventLog[] = {
    {.check = "eventlog.readable",
     .cause = Cause::kTamper,
     .meaning = "The machine's event log cannot be read to its end, or is longer than 8 MiB.",
     .causes = "A damaged or hostile log; an agent that sends another file for it.",
     .advice = "Read the machine's log with `limequat inspect eventlog`, which names the record. "
               "Firmware writes no such log: unless the agent reads the wrong file, treat the "
               "machine as compromised.",
     .next = "limequat inspect eventlog LOG"},
    {.check = "eventlog.present",
     .cause = Cause::kFirmware,
     .meaning = "The machine shows no event log, or one without a measured event.",
     .causes = "Firmware without a TPM driver, or with the measurements switched off; a kernel "
               "without `securityfs`; a virtual machine whose firmware writes no log; a log that "
               "was taken away.",
     .advice = "Look for `/sys/kernel/security/tpm0/binary_bios_measurements` on the machine. If "
               "firmware writes none, say so in the policy; if it used to, find out why not now.",
     .next = "limequat inspect eventlog LOG"},
    {.check = "eventlog.bank",
     .cause = Cause::kFirmware,
     .meaning = "The event log says nothing of the quoted bank, or nobody extends that bank.",
     .causes = "Firmware that logs only SHA-1, or another bank than the TPM has; a bank that the "
               "firmware does not know, so that everyone can extend it with anything.",
     .advice = "Enrol the machine with a bank that its firmware extends, or set the TPM's banks "
               "in the firmware.",
     .next = "limequat inspect eventlog LOG"},
    {.check = "eventlog.startup",
     .cause = Cause::kTamper,
     .meaning = "The event log contradicts itself about how the TPM was started.",
     .causes = "A log that was put together from several, or changed. No firmware is known to "
               "write one.",
     .advice = "Treat the machine as compromised until you know who changed the log.",
     .next = "limequat inspect eventlog LOG"},
    {.check = "eventlog.boot",
     .cause = Cause::kTamper,
     .meaning = "The event log belongs to another boot, or to another machine.",
     .causes = "A stored log of an earlier boot; firmware that measures into one bank and logs "
               "for another.",
     .advice = "Compare the time of the log with that of the boot. A machine that never replays "
               "has firmware that measures what it does not log: report it to the vendor.",
     .next = "limequat inspect eventlog LOG"},
    {.check = "eventlog.replay",
     .cause = Cause::kTamper,
     .meaning = "The event log does not lead to the signed value of this PCR.",
     .causes = "Events that were changed, removed or added; firmware or a boot loader that "
               "measures what it does not log; something that extended the PCR after the boot. "
               "The subject names the PCR.",
     .advice = "Look at the events of this PCR with `limequat inspect eventlog --pcr`, and "
               "compare them with those of an equal machine. Nothing that this PCR covers may be "
               "believed until it replays.",
     .next = "limequat inspect eventlog LOG --pcr PCR"},
    {.check = "eventlog.secure_boot",
     .cause = Cause::kTamper,
     .meaning = "The event log does not prove in what state Secure Boot is.",
     .causes = "A BIOS, or firmware that does not measure Secure Boot; PCR 7 does not replay; a "
               "log in which types, order or data were changed; something that was measured into "
               "PCR 7 where the profile allows nothing.",
     .advice = "Read the detail: it names the event. Nothing is concluded from a log that fails "
               "here, in particular not that Secure Boot is on.",
     .next = "limequat inspect eventlog LOG --pcr 7"},
    {.check = "eventlog.kernel",
     .cause = Cause::kTamper,
     .meaning = "The event log shows no boot loader and no kernel, or shim and nothing that it "
                "started.",
     .causes = "A virtual machine whose kernel the hypervisor starts directly; an operating "
               "system that was started past the firmware, or a loader that did not measure what "
               "it started; PCR 4 does not replay.",
     .advice = "Secure Boot and PCR 7 say nothing about a kernel that was started this way. Boot "
               "the machine through its firmware, or let another kind of evidence cover the "
               "kernel. Where this passes, PCR 4 shows an image; only reference values "
               "(`boot.kernel`) say that a kernel is among them.",
     .next = "limequat inspect eventlog LOG --pcr 4"},
};

}  // namespace

CheckSection BootChecks() { return {.title = "The boot", .introduction = {}, .entries = kBoot}; }

CheckSection EventLogChecks() {
  return {.title = "The event log", .introduction = {}, .entries = kEventLog};
}

}  // namespace limequat
