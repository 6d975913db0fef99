#include "limequat/cli/catalogue.h"

#include <algorithm>
#include <iterator>

namespace limequat::cli {

namespace {

constexpr CheckMeaning kCatalogue[] = {
    {"evidence.malformed", "The machine's answer could not be read."},
    {"boot.unstable", "The machine appears to boot again and again while it is being asked."},
    {"tpm.quote.signature", "The quote is not signed by this machine's attestation key."},
    {"tpm.quote.nonce", "The quote answers another question than the one that was asked."},
    {"tpm.quote.selection", "The quote does not cover the PCRs it must cover."},
    {"tpm.quote.pcr_values", "The PCR values that came along are not those of the quoted PCRs."},
    {"tpm.quote.pcr_digest", "The PCR values that came along are not the signed ones."},
    {"tpm.quote.hash", "The quote is signed with a hash that is not accepted."},
    {"tpm.quote.bank", "The quoted bank is not this machine's bank, or nobody extends it."},
    {"tpm.quote.algorithms",
     "The algorithms of the answer are not those that are signed or accepted."},
    {"tpm.quote.transport_key", "The transport key is not the one that the TPM vouches for."},
    {"tpm.clock", "The TPM's counters or its clock went back."},
    {"tpm.ak.attributes", "The key that signs is not a restricted attestation key."},
    {"tpm.ekcert.key", "The endorsement certificate is absent, or for another key."},
    {"tpm.ekcert.chain", "The endorsement certificate does not lead to a trusted manufacturer."},
    {"tpm.ekcert.validity", "The endorsement certificate is not valid at this time."},
    {"tpm.ekcert.revocation", "A certificate up to the manufacturer is revoked, or may be."},
    {"tpm.ekcert.profile", "The certificate is not one for an endorsement key."},
    {"tpm.ek.attributes", "The endorsement key is not a key that only a TPM can use."},
    {"boot.baseline", "The machine booted something else than its approved boot."},
    {"pcr.policy", "A PCR does not have one of the values that the enrolment lists."},
    {"eventlog.present", "The machine shows no event log, or one without a measured event."},
    {"eventlog.bank",
     "The event log says nothing of the quoted bank, or nobody extends that bank."},
    {"eventlog.startup", "The event log contradicts itself about how the TPM was started."},
    {"eventlog.boot", "The event log belongs to another boot, or to another machine."},
    {"eventlog.replay", "The event log does not lead to the signed value of this PCR."},
    {"eventlog.secure_boot", "The event log does not prove in what state Secure Boot is."},
    {"eventlog.kernel", "The event log shows no boot loader and no kernel."},
    {"boot.policy", "The measured-boot policy compares nothing, or accepts nothing."},
    {"boot.reference",
     "The reference state lacks what the policy compares, so it accepts no boot."},
    {"boot.bank", "The PCRs cover digests of another bank than those of the reference state."},
    {"boot.separator", "A separator between stages of the boot is not one, or reports an error."},
    {"boot.action", "An action of the firmware is none that belongs there."},
    {"boot.variable", "The log shows a UEFI variable that is not the measured one."},
    {"boot.event", "Something was measured for which the policy has no place."},
    {"boot.secure_boot",
     "Secure Boot is on or off where the reference state has it the other way."},
    {"boot.key", "A Secure Boot variable holds a key that the reference state does not list."},
    {"boot.revocation", "The list of revoked images lacks entries of the reference state."},
    {"boot.authority", "What allowed an image to run is not in the reference state."},
    {"boot.firmware", "The firmware is none of those in the reference state."},
    {"boot.image", "The boot loaders or the kernel are none of those in the reference state."},
    {"boot.kernel_file", "The kernel that GRUB read is not the one of the reference state."},
    {"boot.initrd", "The initrd is not the one of the reference state."},
    {"boot.command_line", "The kernel was started with another command line."},
    {"boot.machine_owner_list", "shim took a list of keys that is not in the reference state."},
    {"ima.list", "The machine shows no measurement list, or an empty one."},
    {"ima.offset", "The list does not begin where it was asked to begin."},
    {"ima.continuity", "The list is not the one that was verified before in this boot."},
    {"ima.replay", "The list does not lead to what the TPM has measured."},
    {"ima.boot_aggregate", "The list does not belong to the quoted boot."},
    {"ima.boot_aggregate_repeated", "Another kernel was started without a reset of the TPM."},
    {"ima.pcr", "An entry was measured into another PCR than the list's."},
    {"ima.template_digest", "An entry does not have the digest that the list states for it."},
    {"ima.violation",
     "A file changed while it was being measured, so nothing is known of its content."},
    {"ima.path", "A file ran or was read that the policy does not know."},
    {"ima.digest", "A file ran or was read that is not the one the policy knows."},
    {"ima.digest_kind",
     "A file has a digest of a kind that the policy cannot list, so it was not judged."},
    {"ima.signature", "A file that nothing else speaks for has a signature that does not count."},
    {"ima.key",
     "A key was added to a keyring of the kernel for which the policy does not list it."},
    {"ima.buffer",
     "The kernel measured something other than a file or a key that the policy does not list."},
    {"ima.buffer_digest", "The digest of a measured buffer is not that of the buffer beside it."},
    {"ima.template", "Entries of a custom template say too little to be judged."},
    {"ima.exclude_limit",
     "An exclude expression took too long, so the file counts as not excluded."},
    {"ima.unquoted",
     "The list has entries that the quoted value does not cover; they were not looked at."},
    {"policy.unevaluated", "The policy asks for something that this version cannot evaluate."},
    {"policy.signature.present", "A policy that must be signed is not signed."},
    {"policy.signature.payload_type", "The envelope does not hold what is expected in it."},
    {"policy.signature.threshold", "Not enough of the trusted keys have signed the policy."},
    {"policy.check.schema", "The file is not a runtime policy of version 1."},
    {"policy.check.members", "The policy has members that nobody evaluates."},
    {"policy.check.digests",
     "Digests of the policy are not 40 to 128 lower-case hexadecimal digits."},
    {"policy.check.weak_digests", "Paths of the policy have only SHA-1 digests."},
    {"policy.check.repeated", "The policy lists something twice."},
    {"policy.check.excludes", "Exclude expressions of the policy are invalid, or take too long."},
    {"policy.check.exclude_all", "An exclude expression of the policy matches every path."},
    {"policy.check.exclude_programs",
     "An exclude expression of the policy matches a whole folder of programs."},
    {"policy.check.says_something", "The policy leaves nothing to check."},
    {"policy.check.evaluated", "The policy has parts that this version does not evaluate."},
};

}  // namespace

std::span<const CheckMeaning> Catalogue() { return kCatalogue; }

std::string_view MeaningOf(std::string_view check) {
  const auto* found = std::ranges::find(kCatalogue, check, &CheckMeaning::check);
  return found == std::end(kCatalogue) ? std::string_view() : found->meaning;
}

}  // namespace limequat::cli
