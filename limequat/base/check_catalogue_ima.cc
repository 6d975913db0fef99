// The checks of IMA's measurement list.

#include "limequat/base/check_catalogue_internal.h"

namespace limequat {

namespace {

constexpr CheckEntry kMeasurementList[] = {
    {.check = "ima.list",
     .cause = Cause::kConfiguration,
     .meaning = "The machine shows no measurement list, or an empty one.",
     .causes = "A kernel without IMA, or without a measurement policy on its command line "
               "(`ima_policy=tcb`); a boot that leaves it out to hide what runs.",
     .advice = "Start the kernel with an IMA policy. If it has one, somebody withholds the list.",
     .next = "limequat explain AGENT"},
    {.check = "ima.offset",
     .cause = Cause::kTamper,
     .meaning = "The list does not begin where it was asked to begin.",
     .causes = "An agent that answers from another entry, so that some are never appraised.",
     .advice = "Treat the machine as compromised unless the agent is known to be defective.",
     .next = "limequat explain AGENT"},
    {.check = "ima.continuity",
     .cause = Cause::kTamper,
     .meaning = "The list is not the one that was verified before in this boot.",
     .causes = "A shortened or rewritten list; an agent that was stopped and replaced.",
     .advice = "A list only grows within a boot. Treat the machine as compromised.",
     .next = "limequat explain AGENT"},
    {.check = "ima.replay",
     .cause = Cause::kTamper,
     .meaning = "The list does not lead to what the TPM has measured.",
     .causes = "Entries that were removed, changed or added; entries of a template that cannot "
               "be read; a PCR 10 that another program extends.",
     .advice = "Take a copy of the list and compare it by `limequat inspect ima` with the quoted "
               "PCR 10.",
     .next = "limequat explain AGENT"},
    {.check = "ima.boot_aggregate",
     .cause = Cause::kTamper,
     .meaning = "The list does not belong to the quoted boot.",
     .causes = "A list carried over from another boot and replayed by hand into PCR 10; a "
               "`boot_aggregate` made in a bank that is not quoted.",
     .advice = "If the detail names another bank, quote that bank or enrol the machine with "
               "`--waive-boot-aggregate-bank`. If the values differ, the list is not this "
               "boot's. `limequat appraise ima` has no quote: there the check is not evaluated "
               "unless the policy lists `boot_aggregate`, which one made from files (`limequat "
               "policy create runtime`) does not, and the list counts as not trustworthy. The "
               "verifier compares it with the quoted PCRs.",
     .next = "limequat explain AGENT"},
    {.check = "ima.boot_aggregate_repeated",
     .cause = Cause::kTamper,
     .meaning = "Another kernel was started without a reset of the TPM.",
     .causes = "kexec, for instance for a crash dump or a fast reboot.",
     .advice = "Reboot the machine through its firmware, so that the new kernel is measured.",
     .next = "limequat explain AGENT"},
    {.check = "ima.pcr",
     .cause = Cause::kTamper,
     .meaning = "An entry was measured into another PCR than the list's.",
     .causes = "An IMA policy with `pcr=`; an entry made up to stay out of the quote.",
     .advice = "Take `pcr=` out of the machine's IMA policy.",
     .next = "limequat explain AGENT"},
    {.check = "ima.template_digest",
     .cause = Cause::kTamper,
     .meaning = "An entry does not have the digest that the list states for it.",
     .causes = "A changed entry; kernels that were measured with another template algorithm than "
               "the list's.",
     .advice = "Compare the ASCII and the binary form of the list. If both differ from the TPM, "
               "the list was changed.",
     .next = "limequat explain AGENT"},
    {.check = "ima.violation",
     .cause = Cause::kTamper,
     .meaning = "A file changed while it was being measured, so nothing is known of its content.",
     .causes = "A file that is written to while it is executed or read: logs and databases under "
               "a broad IMA policy; a way to hide a program from measurement.",
     .advice =
         "Find out who writes to the file. Narrow the IMA policy if it measures files that "
         "are meant to change. A runtime policy may ignore violations, all of them (`\"ima\": "
         "{\"ignore_violations\": true}`): nobody can say which, for a violation's own text "
         "proves nothing. It is then told as `ima.violations_ignored`.",
     .next = "limequat explain AGENT"},
    {.check = "ima.violations_ignored",
     .cause = Cause::kNone,
     .meaning = "Files changed while they were measured; the policy ignores that.",
     .causes = "As of `ima.violation`. Always passes: the policy's author decided it. Whoever "
               "can write to a file that is being measured can hide in this way what ran.",
     .advice = "Narrow the IMA policy until there are none, then take `ignore_violations` out "
               "of the runtime policy.",
     .next = ""},
    {.check = "ima.coverage",
     .cause = Cause::kConfiguration,
     .meaning = "Nothing proves that the kernel measures what the policy needs.",
     .causes = "The machine loaded another IMA policy than those of `\"ima\": {\"coverage\": "
               "{\"entries\": {\"/etc/ima/ima-policy\": [\"DIGEST\"]}}}`, or none; it wrote "
               "its rules to the kernel instead of the name of their file, which is not "
               "measured. Or no measured command line has the parameters of "
               "`{\"command_line\": {\"ima_policy\": [\"tcb\"]}}`: the kernel was started with "
               "others, the image holds its command line and no log shows it, or PCRs 8 and 9 "
               "are not bound by boot_aggregate (`docs/policies.md`).",
     .advice = "Load the IMA policy from the file, as systemd does, with a kernel that "
               "measures it (`ima_policy=tcb` or a rule `measure func=POLICY_CHECK`), and list "
               "its digest. What is proven is that this file was measured, as a policy or "
               "otherwise: who is root before the policy is loaded can load another and read "
               "this one. Have the boot appraised as well (`limequat appraise boot`): it "
               "decides what root may do before.",
     .next = "limequat explain AGENT"},
    {.check = "ima.path",
     .cause = Cause::kTamper,
     .meaning = "A file ran or was read that the policy does not know.",
     .causes = "A program that was brought in by an intruder; software that was installed before "
               "the policy learned of it.",
     .advice = "Look at the file on the machine and at who put it there before anything else. "
               "Only when it is explained and wanted, make a new policy from its source, not "
               "from the machine.",
     .next = "limequat explain AGENT"},
    {.check = "ima.digest",
     .cause = Cause::kPolicyLag,
     .meaning = "A file ran or was read that is not the one the policy knows.",
     .causes = "A program that was replaced by an intruder; an update that the policy has not "
               "learned; with the cause *policy-lag*, an old program that was started after the "
               "layer that lists it was retired.",
     .advice = "Compare the digest with that of the package it should come from. Only when it is "
               "explained, make a new policy from the updated source. A retired program: update or "
               "restart what still starts it.",
     .next = "limequat explain AGENT"},
    {.check = "ima.digest_kind",
     .cause = Cause::kConfiguration,
     .meaning = "A file has a digest of a kind that the policy cannot list, so it was not judged.",
     .causes =
         "A kernel with `ima_hash=` other than SHA-1, SHA-2, SHA-3 or SM3; an IMA policy with "
         "`digest_type=verity`, under which the list holds fs-verity digests.",
     .advice = "Measure with `ima_hash=sha256`, or exclude the path if it need not be judged.",
     .next = "limequat explain AGENT"},
    {.check = "ima.signature",
     .cause = Cause::kTamper,
     .meaning = "A file that nothing else speaks for has a signature that does not count.",
     .causes = "A file that was changed and kept its signature (`failed`); a signature by a key "
               "that the policy does not know, with an algorithm that is not verified (MD5, "
               "Streebog), or over metadata that the list does not show (`not_evaluated`).",
     .advice = "If it failed, look at the file before anything else. Otherwise, if its signer is "
               "to be trusted, add the key to the policy's `verification-keys`, or the keyring "
               "it was measured for to `keyrings`. `limequat verify ima-signatures` shows what "
               "each key says.",
     .next = "limequat verify ima-signatures LIST --keys KEYS"},
    {.check = "ima.key",
     .cause = Cause::kTamper,
     .meaning = "A key was added to a keyring of the kernel for which the policy does not list "
                "it.",
     .causes = "A key that an intruder brought in, to load what it signs; a certificate that was "
               "exchanged; a key that this version cannot use, listed or not (`not_evaluated`).",
     .advice = "Look at the key with `limequat inspect ima --entries` and at who added it. If it "
               "is wanted, list its digest under `keyrings`: files that it signs pass then. A "
               "keyring in `ima.ignored_keyrings` is not judged, and its keys are not trusted.",
     .next = "limequat explain AGENT"},
    {.check = "ima.buffer",
     .cause = Cause::kTamper,
     .meaning = "The kernel measured something other than a file or a key that the policy does "
                "not list.",
     .causes = "An IMA policy with `CRITICAL_DATA`, `KEXEC_CMDLINE` or device-mapper rules; a "
               "state of SELinux, a kernel's command line or a block device that was changed.",
     .advice = "Look at the entry with `limequat inspect ima --entries`. List its digest under "
               "`ima-buf` if it is as it should be, or take the rule out of the machine's IMA "
               "policy if nobody appraises what it measures.",
     .next = "limequat explain AGENT"},
    {.check = "ima.buffer_digest",
     .cause = Cause::kTamper,
     .meaning = "The digest of a measured buffer is not that of the buffer beside it.",
     .causes = "An entry that no kernel wrote; a digest that is not SHA-1 or SHA-2 "
               "(`not_evaluated`).",
     .advice = "Treat the machine as compromised if it failed. Otherwise measure with "
               "`ima_hash=sha256`.",
     .next = "limequat explain AGENT"},
    {.check = "ima.template",
     .cause = Cause::kTamper,
     .meaning = "Entries of a custom template say too little to be judged.",
     .causes = "A kernel with `ima_template_fmt=`. Which of its fields is the digest, only the "
               "name of the template tells, and nothing covers that name: who can change the "
               "list could call an attribute of a file its digest.",
     .advice = "Start the kernel with a template of its own, `ima_template=ima-ng` or `ima-sig`.",
     .next = "limequat explain AGENT"},
    {.check = "ima.exclude_limit",
     .cause = Cause::kConfiguration,
     .meaning = "An exclude expression took too long, so the file counts as not excluded.",
     .causes = "An expression with nested repetitions; a path that was made to exhaust it.",
     .advice = "Make the expression simpler. The file is judged as if it were not excluded.",
     .next = "limequat policy check POLICY"},
    {.check = "ima.unquoted",
     .cause = Cause::kNone,
     .meaning = "The list has entries that the quoted value does not cover; they were not looked "
                "at.",
     .causes = "A machine that measured something between the quote and the reading of the list. "
               "Always passes.",
     .advice = "Nothing: the next quote covers them.",
     .next = ""},
};

}  // namespace

CheckSection MeasurementListChecks() {
  return {.title = "The measurement list", .introduction = {}, .entries = kMeasurementList};
}

}  // namespace limequat
