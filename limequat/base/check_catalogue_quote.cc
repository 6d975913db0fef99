// The checks of a quote and of the identity behind it.

#include "limequat/base/check_catalogue_internal.h"

namespace limequat {

namespace {

constexpr CheckEntry kEvidenceAsAWhole[] = {
    {.check = "evidence.malformed",
     .cause = Cause::kTransport,
     .meaning = "The machine's answer could not be read.",
     .causes = "A damaged or hostile answer: wrong types, absent members, broken encodings, "
               "sizes out of bounds; an agent of another make or version.",
     .advice = "Read the detail: it names the member and the place. If the agent was just "
               "updated, compare the versions; otherwise treat the machine as compromised until "
               "you know better.",
     .next = "limequat explain AGENT"},
    {.check = "boot.unstable",
     .cause = Cause::kTpm,
     .meaning = "The machine appears to boot again and again while it is being asked.",
     .causes = "A machine in a boot loop, or somebody who answers with quotes of ever new boots "
               "so that none is ever appraised.",
     .advice = "Look at the machine's console. If it runs steadily, its answers are not its own.",
     .next = "limequat explain AGENT"},
};

constexpr CheckEntry kQuote[] = {
    {.check = "tpm.quote.signature",
     .cause = Cause::kTamper,
     .meaning = "The quote is not signed by this machine's attestation key.",
     .causes = "An answer of another machine, a changed quote, or an agent whose attestation key "
               "was made anew without being registered.",
     .advice = "If the TPM was cleared or replaced on purpose, register and enrol the machine "
               "again. Otherwise find out who answers at that address.",
     .next = "limequat agent show AGENT"},
    {.check = "tpm.quote.nonce",
     .cause = Cause::kTamper,
     .meaning = "The quote answers another question than the one that was asked.",
     .causes = "A quote that was recorded or held back and is played again.",
     .advice = "Nobody's clock or network does this by accident. Find out who answers at that "
               "address.",
     .next = "limequat agent show AGENT"},
    {.check = "tpm.quote.selection",
     .cause = Cause::kTamper,
     .meaning = "The quote does not cover the PCRs it must cover.",
     .causes = "An agent that quotes what it likes; a TPM without the bank that was asked for.",
     .advice = "Compare the banks of the TPM (`tpm2_getcap pcrs`) with what the machine was "
               "enrolled with.",
     .next = "limequat agent show AGENT"},
    {.check = "tpm.quote.pcr_values",
     .cause = Cause::kTamper,
     .meaning = "The PCR values that came along are not those of the quoted PCRs.",
     .causes = "Values that are missing, or that nobody signed and that were slipped in.",
     .advice = "Treat the answer as forged unless the agent is known to be defective.",
     .next = "limequat explain AGENT"},
    {.check = "tpm.quote.pcr_digest",
     .cause = Cause::kTamper,
     .meaning = "The PCR values that came along are not the signed ones.",
     .causes = "Changed values, or PCRs that changed between quote and reading (agents try again "
               "by themselves).",
     .advice = "If it goes away by the next evidence, it was the race; if it stays, the values "
               "are forged.",
     .next = "limequat explain AGENT"},
    {.check = "tpm.quote.hash",
     .cause = Cause::kConfiguration,
     .meaning = "The quote is signed with a hash that is not accepted.",
     .causes = "A TPM or an agent that is set to SHA-1.",
     .advice = "Set the agent to SHA-256. If the TPM has nothing else, enrol this one machine "
               "with `--waive-sha1`.",
     .next = "limequat agent show AGENT"},
    {.check = "tpm.quote.bank",
     .cause = Cause::kConfiguration,
     .meaning = "The quoted bank is not this machine's bank, or nobody extends it.",
     .causes = "An agent that changed the bank; a firmware that extends another bank than the "
               "one quoted (PCR 0 is all zero).",
     .advice = "Set the agent's hash to a bank that the firmware extends; a bank cannot change "
               "without a new enrolment.",
     .next = "limequat agent show AGENT"},
    {.check = "tpm.quote.algorithms",
     .cause = Cause::kConfiguration,
     .meaning = "The algorithms of the answer are not those that are signed or accepted.",
     .causes = "An agent that announces something else than it does; an enrolment that accepts "
               "less than the TPM offers.",
     .advice = "Compare the `accept_*` lists of the enrolment with the agent's settings.",
     .next = "limequat agent show AGENT"},
    {.check = "tpm.quote.transport_key",
     .cause = Cause::kTamper,
     .meaning = "The transport key is not the one that the TPM vouches for.",
     .causes = "A key of somebody else offered for the machine's payload; a PCR 16 that another "
               "program extends.",
     .advice = "Stop other users of PCR 16. If there are none, treat the answer as forged.",
     .next = "limequat explain AGENT"},
    {.check = "tpm.clock",
     .cause = Cause::kTpm,
     .meaning = "The TPM's counters or its clock went back.",
     .causes = "A virtual TPM that was restored from a snapshot or cloned; a replayed quote.",
     .advice = "If a snapshot was restored on purpose, enrol the machine again; otherwise two "
               "machines share one TPM state.",
     .next = "limequat explain AGENT"},
    {.check = "tpm.ak.attributes",
     .cause = Cause::kTamper,
     .meaning = "The key that signs is not a restricted attestation key.",
     .causes = "A key that would sign anything, and so also a forged quote; an agent that makes "
               "its keys in another way.",
     .advice = "Do not accept it. The attestation key must be restricted, signing, fixedTPM, "
               "fixedParent and made by the TPM.",
     .next = "limequat agent show AGENT"},
};

constexpr CheckEntry kIdentity[] = {
    {.check = "tpm.ekcert.key",
     .cause = Cause::kTpm,
     .meaning = "The endorsement certificate is absent, or for another key.",
     .causes = "A virtual TPM without a certificate; a certificate copied from another machine.",
     .advice = "For a machine whose identity you know in another way, enrol it with "
               "`--waive-identity`; otherwise find out where the certificate comes from.",
     .next = "limequat inspect ekcert CERTIFICATE"},
    {.check = "tpm.ekcert.chain",
     .cause = Cause::kConfiguration,
     .meaning = "The endorsement certificate does not lead to a trusted manufacturer.",
     .causes = "The manufacturer's certificates are not in the registrar's `ek_trust` folder; a "
               "certificate of one's own making.",
     .advice = "Get the manufacturer's certificates from the manufacturer, put them into "
               "`ek_trust`, and restart the agent.",
     .next = "limequat inspect ekcert CERTIFICATE"},
    {.check = "tpm.ekcert.validity",
     .cause = Cause::kConfiguration,
     .meaning = "The endorsement certificate is not valid at this time.",
     .causes = "Many manufacturers let them expire while the TPMs go on; a clock that is wrong.",
     .advice = "Check the clock. If expired certificates are to be accepted, leave "
               "`require_valid_time` unset.",
     .next = "limequat inspect ekcert CERTIFICATE"},
    {.check = "tpm.ekcert.revocation",
     .cause = Cause::kTamper,
     .meaning = "A certificate up to the manufacturer is revoked, or may be.",
     .causes = "A manufacturer that withdrew a batch of TPMs or an authority; revocation lists "
               "that are out of date or missing for one authority of the path; a list for other "
               "certificates, or signed by somebody else.",
     .advice = "Read the detail: it says whether a certificate is revoked or a list is missing. "
               "Get the lists again from the addresses that `limequat inspect ekcert` shows. A "
               "TPM whose certificate is revoked proves nothing any more.",
     .next = "limequat inspect ekcert CERTIFICATE"},
    {.check = "tpm.ekcert.profile",
     .cause = Cause::kTpm,
     .meaning = "The certificate is not one for an endorsement key.",
     .causes = "A certificate of the same manufacturer for something else: an attestation key, a "
               "platform, an authority; one of the age of TPM 1.2 that names no usage; a key "
               "that is too short.",
     .advice = "Look at it with `limequat inspect ekcert`. For a machine whose identity you know "
               "in another way, enrol it with `--waive-identity`.",
     .next = "limequat inspect ekcert CERTIFICATE"},
    {.check = "tpm.ek.attributes",
     .cause = Cause::kTamper,
     .meaning = "The endorsement key is not a key that only a TPM can use.",
     .causes = "A key that was made in software or with other attributes.",
     .advice = "Do not accept it: nothing proves that a TPM holds it.",
     .next = "limequat agent show AGENT"},
};

}  // namespace

CheckSection EvidenceAsAWholeChecks() {
  return {.title = "Evidence as a whole", .introduction = {}, .entries = kEvidenceAsAWhole};
}

CheckSection QuoteChecks() { return {.title = "The quote", .introduction = {}, .entries = kQuote}; }

CheckSection IdentityChecks() {
  return {.title = "Identity", .introduction = {}, .entries = kIdentity};
}

}  // namespace limequat
