// Commands that look at evidence: no network, no state.

#include "limequat/cli/appraise_boot.h"
#include "limequat/cli/appraise_ima.h"
#include "limequat/cli/command_tree_internal.h"
#include "limequat/cli/inspect_ekcert.h"
#include "limequat/cli/inspect_eventlog.h"
#include "limequat/cli/inspect_ima.h"
#include "limequat/cli/inspect_quote.h"
#include "limequat/cli/verify_ekcert.h"
#include "limequat/cli/verify_ima_signatures.h"
#include "limequat/cli/verify_quote.h"

namespace limequat::cli {

namespace {

constexpr const char* kAllAbout = "show every finding, not only the first of each check";
constexpr const char* kNoPagerAbout =
    "do not start $PAGER (less) for a result that is longer than the terminal";
constexpr const char* kKeysAbout =
    "verify the signatures of files with the keys of this file: certificates, public keys (PEM, "
    "DER), or Keylime's keyring; may be given again";
constexpr const char* kFormatAbout = "auto, ascii or binary; default: auto";

void DeclareInspect(CLI::App& root, CommandLine& line) {
  CLI::App& inspect = DeclareGroup(root, "inspect", "Look at evidence; nothing is verified");
  auto log = Declare<InspectEventLog>(
      inspect, line, "eventlog", "What a TCG event log says of itself",
      "  limequat inspect eventlog /sys/kernel/security/tpm0/binary_bios_measurements \\\n"
      "    --pcr 4,7 --type EV_EFI_BOOT_SERVICES_APPLICATION -o table");
  AddValue(log.app, "FILE", log.command.file, ParseText, "",
           "event log of firmware (TCG, CCEL, WBCL) or systemd, or - for standard input")
      ->required();
  AddValue(log.app, "--pcr", log.command.pcrs, ParsePcrNumbers, "LIST",
           "show events of these PCRs only: 0-7,14");
  AddValues(log.app, "--type", log.command.types, EventTypeFilter::Parse, "TYPE",
            "show events of this type only (EV_IPL, 0x40e, phase); may be given again");
  AddValue(log.app, "--path", log.command.path, PathFilter::Parse, "PATTERN",
           "show events only whose device path, variable name or text holds this, or matches "
           "it if it has one of *?[");
  log.app.add_flag("--no-pager", log.command.no_pager, kNoPagerAbout);

  auto ima = Declare<InspectIma>(inspect, line, "ima", "What an IMA list says of itself",
                                 "  limequat inspect ima ascii_runtime_measurements --entries \\\n"
                                 "    --path '/usr/bin/*'");
  AddValue(ima.app, "FILE", ima.command.file, ParseText, "", "IMA list, or - for standard input")
      ->required();
  AddValue(ima.app, "--format", ima.command.format, ParseImaFormat, "FORMAT", kFormatAbout);
  ima.app.add_flag("--entries", ima.command.entries, "show the entries too (`measurements`)");
  AddValue(ima.app, "--pcr", ima.command.pcrs, ParsePcrNumbers, "LIST",
           "show entries of these PCRs only: 10");
  AddValues(ima.app, "--type", ima.command.templates, ParseTemplateName, "TEMPLATE",
            "show entries of this template only (ima-ng); may be given again");
  AddValue(ima.app, "--path", ima.command.path, PathFilter::Parse, "PATTERN",
           "show entries only whose path holds this, or matches it if it has one of *?[");
  ima.app.add_flag("--no-pager", ima.command.no_pager, kNoPagerAbout);
  AddValues(ima.app, "--keys", ima.command.keys, ParseText, "FILE", kKeysAbout);

  auto quote = Declare<InspectQuote>(inspect, line, "quote",
                                     "What a TPM quote or another attestation claims",
                                     "  limequat inspect quote quote.msg --signature quote.sig");
  AddValue(quote.app, "MESSAGE", quote.command.message, ParseText, "",
           "TPMS_ATTEST, or - for standard input")
      ->required();
  AddValue(quote.app, "--signature", quote.command.signature, ParseText, "FILE", "TPMT_SIGNATURE");

  auto ekcert = Declare<InspectEkcert>(
      inspect, line, "ekcert", "What a certificate of an endorsement key says",
      "  tpm2_nvread 0x1c00002 | limequat inspect ekcert - -o table");
  AddValue(ekcert.app, "FILE", ekcert.command.file, ParseText, "",
           "certificate: PEM, DER, base64 or as read from the TPM, or - for standard input")
      ->required();
}

void DeclareVerifyEkcert(CLI::App& verify, CommandLine& line) {
  auto [app, command] = Declare<VerifyEkcert>(
      verify, line, "ekcert", "Verify a certificate of an endorsement key up to its vendor",
      "  limequat verify ekcert ek.der --trust vendors/ --intermediates intermediates/ \\\n"
      "    --crl crls/ --ek-public ek.pub\n\n"
      "A folder stands for the files in it. Certificates behind the first one in FILE are\n"
      "intermediates too. With --crl every authority below the trusted one needs a current\n"
      "list. Nothing is fetched.\n\n"
      "Exit status: 0 verified, 1 not, 3 malformed.");
  AddValue(app, "FILE", command.file, ParseText, "",
           "certificate: PEM, DER, base64 or as read from the TPM, or - for standard input")
      ->required();
  AddValues(app, "--trust", command.trust, ParseText, "PATH...",
            "trusted certificates of vendors: files or folders of PEM or DER")
      ->allow_extra_args(true)
      ->required();
  AddValues(app, "--intermediates", command.intermediates, ParseText, "PATH...",
            "certificates that may lead to a trusted one: files or folders")
      ->allow_extra_args(true);
  AddValues(app, "--crl", command.crls, ParseText, "PATH...",
            "revocation lists: files or folders; given, they are required")
      ->allow_extra_args(true);
  AddValue(app, "--ek-public", command.ek_public, ParseText, "FILE",
           "the key that it must be for: PEM, TPM2B_PUBLIC or TPMT_PUBLIC");
  app.add_flag("--allow-expired", command.allow_expired,
               "accept certificates outside of their validity, as many TPMs have");
  app.add_flag("--all", command.all, kAllAbout);
}

void DeclareVerifyImaSignatures(CLI::App& verify, CommandLine& line) {
  auto [app, command] = Declare<VerifyImaSignatures>(
      verify, line, "ima-signatures", "Verify the signatures of files in an IMA list",
      "  limequat verify ima-signatures ascii_runtime_measurements --keys ima.der --keys "
      "evm.pem\n\n"
      "The list itself is taken at its word: `verify quote` and `appraise ima --pcr` are for "
      "that.\n"
      "Exit status: 0 every signature is good, 1 not, 3 malformed.");
  AddValue(app, "LOG", command.list, ParseText, "", "IMA list, or - for standard input")
      ->required();
  AddValues(app, "--keys", command.keys, ParseText, "FILE", kKeysAbout)->required();
  AddValue(app, "--format", command.format, ParseImaFormat, "FORMAT", kFormatAbout);
  app.add_flag("--all", command.all, kAllAbout);
}

void DeclareVerify(CLI::App& root, CommandLine& line) {
  CLI::App& verify = DeclareGroup(root, "verify", "Verify the cryptography of evidence");
  DeclareVerifyImaSignatures(verify, line);
  auto [app, command] = Declare<VerifyQuote>(
      verify, line, "quote", "Verify a TPM quote: what is not asked for is not required",
      "  limequat verify quote --ak ak.pem --message quote.msg --signature quote.sig \\\n"
      "    --nonce 0011223344556677 --pcrs pcrs.json --require-pcrs sha256:0-7,10\n\n"
      "Exit status: 0 verified, 1 not, 3 malformed.");
  AddQuote(app, command.quote, "--message");
  for (const char* name : {"--ak", "--message", "--signature"}) app.get_option(name)->required();
  AddValue(app, "--require-pcrs", command.require_pcrs, ParsePcrSelection, "SELECTION",
           "PCRs that must be signed: sha256:0-7,10, several joined by +");
  app.add_flag("--all", command.all, kAllAbout);

  DeclareVerifyEkcert(verify, line);
}

void DeclareAppraiseBoot(CLI::App& appraise, CommandLine& line) {
  auto [app, command] = Declare<AppraiseBoot>(
      appraise, line, "boot", "A firmware's event log against a measured-boot policy",
      "  limequat appraise boot binary_bios_measurements --reference refstate.json \\\n"
      "    --pcrs pcrs.json\n\n"
      "Exit status: 0 trustworthy, 1 not (or unpoliced), 3 malformed.");
  AddValue(app, "LOG", command.log, ParseText, "", "event log of firmware, or - for standard input")
      ->required();
  AddValue(app, "--reference", command.reference, ParseText, "FILE",
           "reference state (JSON, as Keylime's create_mb_refstate writes it), or reference "
           "values of limequat policy create boot");
  AddSigners(app, command.signers, "reference-");
  AddValue(app, "--model", command.model, ParseText, "MODEL",
           "the machine's model, where reference values are by model");
  AddValue(app, "--user-space-log", command.user_space_log, ParseText, "FILE",
           "systemd's log of the same boot (tpm2-measure.log)");
  AddValue(app, "--policy", command.policy, ParseBootPolicy, "NAME",
           "example, measured-only, accept-all or reject-all; default: example with a "
           "reference state, else reject-all");
  AddValue(app, "--pcrs", command.pcrs, ParseText, "FILE",
           "PCR values of a verified quote, to which the log must lead: JSON map, or the blob "
           "of tpm2_quote -o");
  AddValue(app, "--change", command.change, ParseText, "FILE",
           "where to write the reference with what it would have to list for the boot to pass, "
           "for a look and a signature; changes nothing else");
  app.add_flag("--all", command.all, kAllAbout);
}

void DeclareAppraise(CLI::App& root, CommandLine& line) {
  CLI::App& appraise = DeclareGroup(root, "appraise", "Appraise evidence by a policy");
  DeclareAppraiseBoot(appraise, line);
  auto [app, command] = Declare<AppraiseIma>(
      appraise, line, "ima", "An IMA list against a runtime policy",
      "  limequat appraise ima ascii_runtime_measurements --policy policy.json \\\n"
      "    --pcr sha256:6f0530de…\n"
      "  limequat appraise ima list.txt --policy base.json --policy base-old.json \\\n"
      "    --first-seen 2026-11-30T08:00:00Z\n"
      "  limequat appraise ima list.txt --policy policy.json --pcrs pcrs.json \\\n"
      "    --boot-log binary_bios_measurements\n\n"
      "Exit status: 0 trustworthy, 1 not (or unpoliced), 3 malformed.");
  AddValue(app, "LOG", command.list, ParseText, "", "IMA list, or - for standard input")
      ->required();
  AddValues(app, "--policy", command.policies, ParseText, "FILE",
            "runtime policy (JSON), or a signed one; again for each further layer of it")
      ->required();
  AddSigners(app, command.signers, "policy-");
  AddValue(app, "--first-seen", command.first_seen, ParseTime, "TIME",
           "when the entries were first verified, for layers that retire; default: now");
  AddValue(app, "--pcr", command.pcr, ParseBankDigest, "BANK:HEX",
           "PCR 10 of a verified quote, to which the list must lead");
  AddValue(app, "--pcrs", command.pcrs, ParseText, "FILE",
           "instead: all PCR values of that quote; with --boot-log");
  AddValue(app, "--boot-log", command.boot_log, ParseText, "FILE",
           "event log of the same boot, for a policy that asks for the kernel's measured command "
           "line (ima.coverage)");
  AddValue(app, "--change", command.change, ParseText, "FILE",
           "where to write the digests that the policy would have to list for the list to pass, "
           "for `policy merge`; changes nothing else");
  AddValues(app, "--packages", command.packages, ParseText, "PATH", kPackagesAbout);
  AddValue(app, "--format", command.format, ParseImaFormat, "FORMAT", kFormatAbout);
  app.add_flag("--all", command.all, kAllAbout);
}

}  // namespace

void AddQuote(CLI::App& app, QuoteInput& quote, const std::string& message) {
  AddValue(app, "--ak", quote.ak, ParseText, "FILE",
           "attestation key: PEM, DER, TPM2B_PUBLIC or TPMT_PUBLIC");
  AddValue(app, message, quote.message, ParseText, "FILE", "TPMS_ATTEST");
  AddValue(app, "--signature", quote.signature, ParseText, "FILE",
           "TPMT_SIGNATURE, or a bare signature of RSA or ECDSA");
  AddValue(app, "--nonce", quote.nonce, ParseNonce, "HEX", "the nonce that must be signed");
  AddValue(app, "--pcrs", quote.pcrs, ParseText, "FILE",
           "PCR values: JSON map, or a file of tpm2_quote -o");
  app.add_flag("--allow-sha1", quote.allow_sha1, "accept a signature made with SHA-1");
}

void DeclareEvidenceCommands(CLI::App& root, CommandLine& line) {
  DeclareInspect(root, line);
  DeclareVerify(root, line);
  DeclareAppraise(root, line);
}

}  // namespace limequat::cli
