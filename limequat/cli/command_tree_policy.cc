// Commands that make, sign and look at policies: no state.

#include "limequat/cli/command_tree_internal.h"
#include "limequat/cli/policy_create_boot_values.h"
#include "limequat/cli/policy_edit.h"
#include "limequat/cli/policy_learn.h"
#include "limequat/cli/policy_signature.h"
#include "limequat/cli/policy_simulate.h"

namespace limequat::cli {

namespace {

constexpr const char* kOutputAbout = "where the policy goes; default: standard output";

// What is put into a policy.
void AddLabel(CLI::App& app, policy::PolicyLabel& label) {
  AddValue(app, "--name", label.name, ParsePolicyName, "NAME",
           "it is for this name only: put into the policy");
  AddValue(app, "--release", label.release, ParseRelease, "NUMBER",
           "its version, which must rise: put into the policy");
  AddValue(app, "--effective-from", label.window.effective_from, ParseTime, "TIME",
           "it does not count before (RFC 3339): put into the policy");
  AddValue(app, "--retire-after", label.window.retire_after, ParseTime, "TIME",
           "what is first seen after it does not pass: put into the policy");
}

void DeclareLabel(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicyMark>(
      policy, line, "label", "Name, version and window of a policy, put into it",
      "  limequat policy label old.json --name base-old --retire-after 2026-12-01T00:00:00Z \\\n"
      "    --output base-old.json\n\n"
      "For a policy that is a layer of a machine's: see docs/policies.md. Keylime's tools let\n"
      "all of it stand and do not look at it.");
  AddValue(app, "FILE", command.file, ParseText, "", "runtime policy, or - for standard input")
      ->required();
  AddLabel(app, command.label);
  AddValue(app, "--output", command.output, ParseText, "FILE", kOutputAbout);
}

void DeclareConvert(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicyConvert>(
      policy, line, "convert", "An allow-list or an old policy as a runtime policy",
      "  limequat policy convert allowlist.txt --exclude-list exclude.txt --output policy.json\n"
      "  limequat policy convert https://images.example/web.json --output policy.json \\\n"
      "    --checksum 3b0c...\n\n"
      "Takes flat lists (digest and path a line), JSON allow-lists (`hashes`) and runtime\n"
      "policies of any version. What cannot be converted is an error, with its line. A\n"
      "reference state says less than boot reference values ask for, and is refused.");
  command.now = Now();
  AddValue(app, "FILE", command.source.place, ParseText, "",
           "the list, or - for standard input, or an http or https URL with --checksum")
      ->required();
  AddValue(app, "--exclude-list", command.exclude_list, ParseText, "FILE",
           "expressions, one a line; # begins a comment");
  AddSource(app, command.source.checksum, command.source.authorities_file);
  AddValue(app, "--output", command.output, ParseText, "FILE", kOutputAbout);
}

void DeclareMerge(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicyMerge>(
      policy, line, "merge", "One policy of several: what any of them lists is good",
      "  limequat policy merge base.json web.json --output policy.json\n\n"
      "Digests, expressions, keyrings and buffers are united; the order and the grouping of\n"
      "the policies do not matter, but for the time stamp, which is the last one's. Boot\n"
      "reference values are merged in the same way if their rules are the same: boot path,\n"
      "digest algorithm, what is required of Secure Boot and firmware.");
  AddValues(app, "FILE", command.files, ParseText, "", "runtime policies, or boot reference values")
      ->required()
      ->expected(-1);
  AddValue(app, "--output", command.output, ParseText, "FILE", kOutputAbout);
}

void DeclareDiff(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicyDiffer>(
      policy, line, "diff", "What another policy asks of machines",
      "  limequat policy diff old.json new.json\n\n"
      "Time stamps, order and repetitions make no difference. Of envelopes, what they hold\n"
      "is compared; their signatures are not looked at. Also for two documents of boot\n"
      "reference values, or two reference states. Exit status: 0, same or not.");
  AddValue(app, "BEFORE", command.first, ParseText, "", "policy, or -")->required();
  AddValue(app, "AFTER", command.second, ParseText, "", "policy of the same kind, or -")
      ->required();
}

void DeclareLearn(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicyLearn>(
      policy, line, "learn", "A runtime policy of what ran on a machine, by its attested IMA list",
      "  limequat policy learn ascii_runtime_measurements --quote quote.msg \\\n"
      "    --signature quote.sig --ak ak.pem --nonce 00112233 --pcrs pcrs.json \\\n"
      "    --exclude '/var/log/.*' --output policy.json\n"
      "  limequat policy learn list.txt --unattested --base policy.json --output more.json\n"
      "  limequat policy learn list.txt --unattested --keyrings --ima-buf --output policy.json\n\n"
      "The quote must verify, and the list must lead to its PCR 10: what is behind that is not\n"
      "learned. Entries that prove nothing of a file (violations, other PCRs, custom templates)\n"
      "are left out and named. What ran is good from then on: learn from a machine that you\n"
      "trust. Exit status: 0 made, 1 the quote or the list does not hold, 2 nothing attests the\n"
      "list, 3 malformed.");
  command.now = Now();
  AddValues(app, "LIST", command.lists, ParseText, "",
            "IMA list, or - for standard input; with --unattested several")
      ->required()
      ->expected(-1);
  AddQuote(app, command.quote, "--quote");
  app.add_flag("--unattested", command.unattested,
               "take lists at their word; the policy is marked (meta.unattested)");
  AddValue(app, "--format", command.format, ParseImaFormat, "FORMAT",
           "auto, ascii or binary; default: auto");
  AddValue(app, "--base", command.base, ParseText, "FILE",
           "a policy whose digests stay good: what it lacks is added");
  AddValues(app, "--exclude", command.excludes, ParseText, "REGEX",
            "paths that are not appraised, and not learned; may be given again");
  app.add_flag("--allow-sha1-digests", command.allow_sha1_digests,
               "learn SHA-1 digests of files, too");
  app.add_flag("--keyrings", command.keyrings,
               "learn the keys that were added to keyrings, too: they may then sign any file");
  AddValues(app, "--verification-key", command.verification_keys, ParseText, "FILE",
            kVerificationKeyAbout);
  AddValues(app, "--ignored-keyring", command.ignored_keyrings, ParseText, "NAME",
            "a keyring whose keys are not appraised, and not learned; may be given again");
  app.add_flag("--ima-buf", command.buffers,
               "learn the digests of all other measured buffers, too");
  AddValue(app, "--output", command.output, ParseText, "FILE", kOutputAbout);
}

void DeclareSimulate(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicySimulate>(
      policy, line, "simulate", "Who would newly fail or pass under another policy, and why",
      "  limequat policy simulate draft.json --against policy.json --evidence machines/\n"
      "  limequat policy simulate base.json web-2.json --against base.json web-1.json \\\n"
      "    --evidence web-1.ima web-2.ima -o table\n"
      "  limequat policy simulate boot.json --fleet web\n\n"
      "A draft of what machines may boot (reference values or a reference state) is held against\n"
      "event logs: those of --evidence, or with --fleet those that the verifier keeps.\n"
      "A file is the IMA list or event log of one machine. So is, in a folder, each file and each\n"
      "folder with one of binary_runtime_measurements, ima.bin, ascii_runtime_measurements and\n"
      "ima.ascii, for event logs binary_bios_measurements and eventlog; pcrs.json beside it says\n"
      "up to which entry a list counts, and whether a log does (PCR values of a verified quote).\n"
      "Nothing is sent, and no verdict here says that a machine is good. Exit status: 0 nobody\n"
      "is worse off, 1 somebody would newly fail or be unpoliced, 3 nothing could be\n"
      "evaluated.");
  AddValues(app, "DRAFT", command.drafts, ParseText, "",
            "runtime policies, plain or signed: the layers to try; or one boot reference")
      ->required()
      ->expected(-1);
  AddValues(
      app, "--against", command.current, ParseText, "FILE...",
      "the layers, or the boot reference, of now; default: none, machines are held to nothing")
      ->allow_extra_args(true);
  AddValues(app, "--evidence", command.evidence, ParseText, "PATH...",
            "IMA lists or event logs, folders of machines, or folders of them")
      ->allow_extra_args(true);
  AddValue(app, "--fleet", command.fleet, ParsePolicyName, "NAME",
           "the machines that the verifier holds against this boot reference, and what they are "
           "held against now");
  AddValue(app, "--model", command.model, ParseText, "MODEL",
           "what the machines of --evidence are, for reference values that ask for it");
  AddSigners(app, command.signers, "policy-");
  AddValue(app, "--first-seen", command.first_seen, ParseTime, "TIME",
           "when the entries were first verified, for layers that retire; default: now");
  app.add_flag("--all", command.all, "show every machine and every finding");
}

void DeclareCheck(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicyCheck>(
      policy, line, "check", "What is wrong or weak in a runtime policy",
      "  limequat policy check policy.json\n"
      "  limequat policy check base.json web.json web-old.json\n\n"
      "Several policies are layers of one machine's: what has no effect is told too. Of boot\n"
      "reference values: rules that accept anything, lists that accept nothing, and with\n"
      "several of one name, in their order, releases that do not rise.\n"
      "Exit status: 0 nothing, 1 something, 3 no policy at all (the place is named).");
  AddValues(
      app, "FILE", command.files, ParseText, "",
      "runtime policies, or boot references; - for standard input; or one URL, with --checksum")
      ->required()
      ->expected(-1);
  AddSource(app, command.checksum, command.authorities_file);
  app.add_flag("--all", command.all, "show every finding");
}

void DeclareCheckSignature(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicyCheckSignature>(
      policy, line, "check-signature", "Whether enough trusted keys signed an envelope (DSSE)",
      "  limequat policy check-signature policy.dsse.json --key alice.pem --key bob.pem \\\n"
      "    --threshold 2\n\n"
      "A certificate in the envelope counts only if it leads to one of --trust. Exit status:\n"
      "0 signed, 1 not, 3 malformed.");
  AddValue(app, "ENVELOPE", command.envelope, ParseText, "",
           "signed policy, or - for standard input")
      ->required();
  AddSigners(app, command.signers, "");
  AddValues(app, "--payload-type", command.payload_types, ParseText, "TYPE",
            "what may be signed; default: application/vnd.keylime+json");
  app.add_flag("--all", command.all, "show every finding");
}

void DeclareSign(CLI::App& policy, CommandLine& line) {
  auto [app, command] = Declare<PolicySign>(
      policy, line, "sign", "Sign a policy, or add a signature to a signed one (DSSE)",
      "  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem\n"
      "  limequat policy sign policy.json --key key.pem --output policy.dsse.json\n"
      "  limequat policy sign policy.dsse.json --key second.pem --output policy.dsse.json\n"
      "  limequat policy sign next.pub.pem --name web --key key.pem --output web-key.json\n\n"
      "Keys: ECDSA on P-256, P-384, P-521 (the only ones Keylime verifies), Ed25519, RSA from\n"
      "2048 bits (PSS), as PEM (PKCS#8, SEC 1, PKCS#1) that only its owner may read. The\n"
      "passphrase of an encrypted key is asked for on the terminal. A public key that is signed\n"
      "takes over from KEY as the one that a name is pinned to: `policy push --key`.");
  command.now = Now();
  AddValue(app, "FILE", command.file, ParseText, "",
           "runtime policy, boot reference values, public key or envelope, or -")
      ->required();
  AddValue(app, "--key", command.key, ParseText, "FILE", "private key")->required();
  AddValue(app, "--passphrase-file", command.passphrase_file, ParseText, "FILE",
           "passphrase of the key, instead of asking");
  AddValue(app, "--key-id", command.key_id, ParseText, "TEXT",
           "how the key is called; default: SHA-256 of its public half, as Keylime has it");
  AddValue(app, "--certificate", command.certificate, ParseText, "FILE",
           "send this certificate of the key along, with those above it");
  AddLabel(app, command.label);
  AddValue(app, "--payload-type", command.payload_type, ParseText, "TYPE",
           "sign FILE as something else than a runtime policy");
  AddValue(app, "--output", command.output, ParseText, "FILE",
           "where the envelope goes; default: standard output");
}

}  // namespace

void AddSource(CLI::App& app, std::optional<crypto::Digest>& checksum,
               std::optional<std::string>& authorities_file, const std::string& prefix) {
  AddValue(app, "--" + prefix + "checksum", checksum, ParseSha256, "HEX",
           "the policy must have this SHA-256; a URL needs it");
  AddValue(app, "--url-ca", authorities_file, ParseText, "FILE",
           "certificates that an https URL's server is trusted by; default: the system's");
}

void AddSigners(CLI::App& app, SignerOptions& signers, const std::string& prefix) {
  AddValues(app, "--" + prefix + "key", signers.keys, ParseText, "FILE",
            "public key (PEM) whose signature counts; may be given again");
  AddValues(app, "--" + prefix + "trust", signers.trust, ParseText, "FILE",
            "root (PEM) for certificates in the envelope; may be given again");
  AddValue(app, "--" + prefix + "threshold", signers.threshold, ParseThreshold, "N",
           "how many distinct keys must have signed; default: 1");
}

void DeclarePolicyCreateBootValues(CLI::App& create, CommandLine& line) {
  auto [app, command] = Declare<PolicyCreateBoot>(
      create, line, "boot", "Boot reference values, for every boot path",
      "  limequat policy create boot binary_bios_measurements --pcrs pcrs.json \\\n"
      "    --name fleet --output boot.json\n"
      "  limequat policy create boot --update boot.json --add-uki linux-6.12.efi \\\n"
      "    --output next.json\n\n"
      "What the logs show is good from then on: take them of machines that you trust. With\n"
      "--update the values accept more than before, and their release rises by one: the next\n"
      "kernel by its file, before a machine has booted it; another firmware by the log of a\n"
      "machine that has it.");
  AddValues(app, "LOG", command.logs, ParseText, "",
            "event logs of firmware; - for standard input");
  AddValues(app, "--pcrs", command.pcrs, ParseText, "FILE",
            "PCR values of a verified quote, one for each log: only what leads to them is taken");
  AddValue(app, "--user-space-log", command.user_space_log, ParseText, "FILE",
           "systemd's log of the same boot (/run/log/systemd/tpm2-measure.log)");
  AddValue(app, "--update", command.update, ParseText, "FILE",
           "the values that are to accept more");
  AddValues(app, "--add-kernel", command.kernels, ParseText, "FILE",
            "a kernel (vmlinuz) that becomes good; may be given again");
  AddValues(app, "--add-uki", command.unified_images, ParseText, "FILE",
            "a unified kernel image that becomes good; may be given again");
  AddValues(app, "--initrd", command.initrds, ParseText, "FILE",
            "initrd of the added kernel; default: as of the kernel before");
  AddValues(app, "--command-line", command.command_lines, ParseText, "TEXT",
            "command line of the added kernel, as it is measured; default: as of the one before");
  AddValue(app, "--kernel-name", command.kernel_name, ParseText, "NAME",
           "what people call the kernel");
  AddValue(app, "--kernel-version", command.kernel_version, ParseText, "TEXT", "and its version");
  AddValue(app, "--model", command.model, ParseText, "MODEL",
           "the firmware of the log is good for machines that were enrolled as this model");
  AddValue(app, "--firmware-version", command.firmware_version, ParseText, "TEXT",
           "version of the firmware, for people");
  AddValue(app, "--name", command.name, ParsePolicyName, "NAME", "name of the values");
  AddValue(app, "--release", command.release, ParseRelease, "NUMBER",
           "their version, which must rise; default: 1, or the one after that of --update");
  AddValue(app, "--output", command.output, ParseText, "FILE",
           "where the values go; default: standard output");
}

void DeclarePolicyFiles(CLI::App& policy, CommandLine& line) {
  DeclareConvert(policy, line);
  DeclareMerge(policy, line);
  DeclareLabel(policy, line);
  DeclareDiff(policy, line);
  DeclareCheck(policy, line);
  DeclareLearn(policy, line);
  DeclareSimulate(policy, line);
  DeclareSign(policy, line);
  DeclareCheckSignature(policy, line);
}

}  // namespace limequat::cli
