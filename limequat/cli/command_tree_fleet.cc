// Commands of a site: making one, and operating it through its services.

#include "limequat/cli/agent.h"
#include "limequat/cli/command_tree_internal.h"
#include "limequat/cli/completion.h"
#include "limequat/cli/explain.h"
#include "limequat/cli/findings.h"
#include "limequat/cli/incident.h"
#include "limequat/cli/init.h"
#include "limequat/cli/label.h"
#include "limequat/cli/policy.h"
#include "limequat/cli/policy_create.h"
#include "limequat/cli/policy_create_boot.h"

namespace limequat::cli {

namespace {

constexpr const char* kIdAbout = "the machine's identifier";

void DeclareInit(CLI::App& root, CommandLine& line) {
  auto [app, command] = Declare<Init>(
      root, line, "init", "Make a site: authorities, certificates and configuration",
      "  limequat init site --registrar-host reg.example.org --verifier-host ver.example.org\n"
      "  limequat init trial --all-in-one\n\n"
      "Run it on the operator's machine. Each bundle is a folder to copy to its host; the keys\n"
      "of the authorities stay.");
  tenant::SiteOptions& site = command.options;
  site.now = Now();
  site.registrar_hosts.clear();
  site.verifier_hosts.clear();
  const auto folder = [](std::string_view text) -> Result<std::filesystem::path> {
    auto path = ParseText(text);
    if (!path) return std::move(path).error();
    return std::filesystem::path(*path);
  };
  AddValue(app, "DIR", site.folder, folder, "", "folder of the site, made if absent")->required();
  app.add_flag("--all-in-one", site.all_in_one,
               "one box for everything: the authorities' keys lie beside the services");
  app.add_flag("--lab", site.lab, "mark the certificates as a lab's, which real services refuse");
  constexpr const char* kHosts = "name or address of the service's host; may be given again";
  AddValues(app, "--registrar-host", site.registrar_hosts, ParseHost, "HOST", kHosts);
  AddValues(app, "--verifier-host", site.verifier_hosts, ParseHost, "HOST", kHosts);
  AddValue(app, "--listen", site.listen, ParseAddress, "ADDRESS",
           "where the services listen; default: 127.0.0.1");
  AddValue(app, "--registrar-port", site.registrar_port, ParsePort, "PORT",
           "for agents; default: 8890");
  AddValue(app, "--registrar-tls-port", site.registrar_tls_port, ParsePort, "PORT",
           "for operators; default: 8891");
  AddValue(app, "--verifier-port", site.verifier_port, ParsePort, "PORT", "default: 8881");
  AddValue(app, "--operator", site.operator_name, ParseOperatorName, "NAME",
           "name in the operator's certificate; default: operator");
}

void DeclareAgentAdd(CLI::App& agent, CommandLine& line) {
  auto [app, command] =
      Declare<AgentAdd>(agent, line, "add", "Enrol a machine that has registered",
                        "  limequat agent add web-1 --policy web --approve-current-boot\n"
                        "  limequat agent add web-2 --policy base --policy team --policy node\n"
                        "  limequat agent add web-3 --policy base --policy-file web-3.json\n"
                        "  limequat agent add web-4 --label web --label eu --policy web-4\n\n"
                        "The layers of its labels come first, in their order, then its own. A\n"
                        "policy that several of them name counts where it comes first.");
  tenant::AddOptions& options = command.options;
  AddValue(app, "ID", command.id, ParseAgentId, "", kIdAbout)->required();
  AddValues(app, "--policy", options.policy_names, ParsePolicyName, "NAME",
            "a policy that was pushed; given again: the next layer");
  AddValue(app, "--policy-file", command.policy_file, ParseText, "FILE",
           "a policy for this machine alone, its last layer; or its http or https URL");
  AddValue(app, "--policy-name", options.policy_name, ParsePolicyName, "NAME",
           "what --policy-file is called at the verifier; default: ID");
  AddValues(app, "--label", options.labels, ParseLabelName, "NAME",
            "a label that it carries; given again: the next one");
  auto* boot_named =
      AddValue(app, "--boot-reference-name", options.boot_reference_name, ParsePolicyName, "NAME",
               "a reference state, or boot reference values, that was pushed");
  AddValue(app, "--boot-reference", command.boot_reference_file, ParseText, "FILE",
           "a reference state, or boot reference values, for this machine alone")
      ->excludes(boot_named);
  AddValue(app, "--boot-policy", options.boot_policy, ParseBootPolicy, "NAME",
           "example, measured-only, accept-all, reject-all; default: the verifier's");
  AddValue(app, "--model", options.model, ParseText, "MODEL",
           "what the machine is, for boot reference values that are for models");
  AddValue(app, "--tpm-policy", command.tpm_policy, ParseText, "JSON|FILE",
           R"(values that PCRs must have: {"14": ["HEX", ...]})");
  AddValue(app, "--policy-key", command.policy_key, ParseText, "FILE",
           "public key (PEM) that signed --policy-file, which is an envelope then");
  AddSource(app, command.policy_checksum, command.authorities_file, "policy-");
  app.add_flag("--approve-current-boot", options.approve_current_boot,
               "its PCRs 0-9 of now become the approved boot baseline");
  app.add_flag("--waive-identity", options.waive_identity,
               "enrol it although its TPM's certificate was not verified");
  app.add_flag("--waive-sha1", options.waive_sha1, "accept SHA-1 quotes and banks from it");
  app.add_flag("--waive-boot-aggregate-bank", options.waive_boot_aggregate_bank,
               "accept a boot_aggregate made in a bank that is not quoted");
  const auto contact = [&options](std::string_view text) -> Result<std::string> {
    auto both = ParseHostAndPort(text);
    if (!both) return std::move(both).error();
    options.contact_port = both->port;
    return std::move(both->host);
  };
  AddValue(app, "--contact", options.contact_host, contact, "HOST:PORT",
           "where the verifier reaches it, instead of what it registered");
}

void DeclareAgentUpdate(CLI::App& agent, CommandLine& line) {
  auto [app, command] = Declare<AgentUpdate>(
      agent, line, "update", "Give a machine other labels or policies",
      "  limequat agent update web-1 --label web --label us\n"
      "  limequat agent update web-1 --no-labels --policy web\n\n"
      "What is not given stays: its identity, boot baseline and incidents, too.\n"
      "Its whole list is appraised again.");
  AddValue(app, "ID", command.id, ParseAgentId, "", kIdAbout)->required();
  auto* labels = AddValues(app, "--label", command.labels, ParseLabelName, "NAME",
                           "a label that it carries from now on; given again: the next one");
  app.add_flag("--no-labels", command.no_labels, "it carries none")->excludes(labels);
  auto* policies = AddValues(app, "--policy", command.policies, ParsePolicyName, "NAME",
                             "a policy of its own from now on; given again: the next layer");
  app.add_flag("--no-policies", command.no_policies, "it has none of its own")->excludes(policies);
}

void DeclareAgent(CLI::App& root, CommandLine& line) {
  CLI::App& agent = DeclareGroup(root, "agent", "Machines that the verifier watches");
  DeclareAgentAdd(agent, line);
  Declare<AgentList>(agent, line, "list", "The fleet at a glance", "  limequat agent list");
  auto show =
      Declare<AgentShow>(agent, line, "show", "One machine", "  limequat agent show web-1 -o yaml");
  AddValue(show.app, "ID", show.command.id, ParseAgentId, "", kIdAbout)->required();
  DeclareAgentUpdate(agent, line);
  auto remove = Declare<AgentRemove>(agent, line, "remove", "Stop watching a machine",
                                     "  limequat agent remove web-1 --registrar");
  AddValue(remove.app, "ID", remove.command.id, ParseAgentId, "", kIdAbout)->required();
  remove.app.add_flag("--registrar", remove.command.registrar,
                      "make the registrar forget it too: it can register with another TPM");
}

void DeclareLabel(CLI::App& root, CommandLine& line) {
  constexpr const char* kNameAbout = "the label's name";
  CLI::App& label = DeclareGroup(root, "label", "Named lists of policies that machines carry");
  auto set = Declare<LabelSet>(
      label, line, "set", "Make a label, or change what it stands for",
      "  limequat label set web --policy base --policy web-team\n\n"
      "Machines that carry it are appraised again from their first entry. A change\n"
      "that does not fit to the other layers of one of them is refused for all.");
  AddValue(set.app, "NAME", set.command.name, ParseLabelName, "", kNameAbout)->required();
  AddValues(set.app, "--policy", set.command.policies, ParsePolicyName, "NAME",
            "a policy that was pushed; given again: the next layer")
      ->required();
  Declare<LabelList>(label, line, "list", "The verifier's labels", "  limequat label list");
  auto show = Declare<LabelShow>(label, line, "show", "One label", "  limequat label show web");
  AddValue(show.app, "NAME", show.command.name, ParseLabelName, "", kNameAbout)->required();
  auto remove =
      Declare<LabelRemove>(label, line, "remove", "Remove a label that no machine carries",
                           "  limequat label remove web");
  AddValue(remove.app, "NAME", remove.command.name, ParseLabelName, "", kNameAbout)->required();
}

void DeclareExplain(CLI::App& root, CommandLine& line) {
  auto [app, command] = Declare<Explain>(
      root, line, "explain", "Why a machine is trusted or not, and what to do next",
      "  limequat explain web-1\n"
      "  limequat explain web-1 --packages openssl_3.0.17-1_amd64.deb --packages /srv/images/web\n"
      "  limequat explain web-1 --change -o json | jq .change.runtime_policy > added.json\n"
      "  limequat explain web-1 --change -o json | jq .boot_change.boot_reference > next.json\n\n"
      "Exit status: 0 integrity passes and the machine is trusted, 1 otherwise.");
  command.now = Now();
  AddValue(app, "AGENT", command.id, ParseAgentId, "", kIdAbout)->required();
  AddValues(app, "--packages", command.packages, ParseText, "PATH", kPackagesAbout);
  app.add_flag("--all", command.all, "show every finding, incident and failure");
  app.add_flag("--change", command.change,
               "show what a policy and a boot reference would have to list for the evidence to "
               "pass; changes nothing");
}

void DeclareFindings(CLI::App& root, CommandLine& line) {
  auto [app, command] = Declare<CheckCatalogueShow>(
      root, line, "findings", "What each check means, and what to do if it fails",
      "  limequat findings\n"
      "  limequat findings ima.digest");
  AddValue(app, "CHECK", command.check, ParseText, "", "a check's name; default: all of them");
}

void DeclareIncident(CLI::App& root, CommandLine& line) {
  CLI::App& incident = DeclareGroup(root, "incident", "What happened and was not closed yet");
  auto list = Declare<IncidentList>(incident, line, "list", "Open incidents",
                                    "  limequat incident list --agent web-1");
  AddValue(list.app, "--agent", list.command.agent, ParseAgentId, "ID", "of this machine only");
  list.app.add_flag("--all", list.command.all, "closed ones too");

  auto close = Declare<IncidentClose>(
      incident, line, "close", "Close incidents that were looked into",
      "  limequat incident close 7 8 --note 'test of the alarm by the operators'\n"
      "  limequat incident close --agent web-1 --all --note 'reinstalled'");
  AddValues(close.app, "NUMBER", close.command.numbers, ParseIncidentNumber, "",
            "numbers from limequat incident list")
      ->expected(-1);
  AddValue(close.app, "--agent", close.command.agent, ParseAgentId, "ID", "of this machine");
  close.app.add_flag("--all", close.command.all, "with --agent: all that are open");
  AddValue(close.app, "--note", close.command.note, ParseText, "TEXT", "what was found out")
      ->required();
}

void DeclarePolicyCreateBoot(CLI::App& create, CommandLine& line) {
  auto [app, command] = Declare<PolicyCreateMeasuredBoot>(
      create, line, "measured-boot", "A reference state of a firmware's event log",
      "  limequat policy create measured-boot binary_bios_measurements --output refstate.json\n\n"
      "What that boot did is good from then on: take the log of a machine that you trust.");
  AddValue(app, "LOG", command.log, ParseText, "", "event log of firmware, or - for standard input")
      ->required();
  AddValue(app, "--output", command.output, ParseText, "FILE",
           "where the reference state goes; default: standard output");
  app.add_flag("--without-secureboot", command.without_secureboot,
               "make it of a log with Secure Boot off, too");
}

void DeclarePolicyCreate(CLI::App& policy, CommandLine& line) {
  CLI::App& create = DeclareGroup(policy, "create", "Make a policy");
  DeclarePolicyCreateBootValues(create, line);
  DeclarePolicyCreateBoot(create, line);
  auto [app, command] = Declare<PolicyCreateRuntime>(
      create, line, "runtime", "A runtime policy of files, initial RAM disks and packages",
      "  limequat policy create runtime --root /srv/images/web --output policy.json \\\n"
      "    --initrd /srv/images/web/boot/initrd.img --exclude '/var/log/.*'\n"
      "  limequat policy create runtime --package nginx_1.22.deb --base policy.json \\\n"
      "    --output newer.json\n\n"
      "Make it from the source of a machine (an image, an installed root), not from a machine\n"
      "that may be tampered with. /proc, /sys, /dev and /run of DIR are left out. Signatures\n"
      "of packages are not checked: take them from where apt or dnf verified them.");
  command.now = Now();
  AddValue(app, "--root", command.root, ParseText, "DIR", "what the machine knows as /");
  AddValues(app, "--initrd", command.initrds, ParseText, "FILE",
            "an initial RAM disk, plain or compressed; may be given again");
  AddValues(app, "--package", command.packages, ParseText, "FILE",
            "a .deb or .rpm file; may be given again");
  AddValue(app, "--output", command.output, ParseText, "FILE",
           "where the policy goes; default: standard output");
  AddValues(app, "--exclude", command.excludes, ParseText, "REGEX",
            "paths that are not appraised; may be given again");
  AddValues(app, "--skip", command.skip, ParseText, "PATH",
            "leave out what lies below; may be given again");
  AddValues(app, "--hash", command.hashes, ParseHash, "HASH",
            "sha1, sha256, sha384, sha512; may be given again; default: sha256");
  AddValue(app, "--base", command.base, ParseText, "FILE",
           "a policy whose digests stay good, for machines that run since before");
  AddValues(app, "--verification-key", command.verification_keys, ParseText, "FILE",
            kVerificationKeyAbout);
  AddValue(app, "--resume", command.resume, ParseText, "FILE",
           "keep what was hashed of DIR in FILE until the policy is written: after an "
           "interruption the same command goes on from there");
  app.add_flag("--executables", command.executables, "only programs, libraries and kernel modules");
}

void DeclarePolicy(CLI::App& root, CommandLine& line) {
  CLI::App& policy = DeclareGroup(root, "policy", "What may run on machines");
  DeclarePolicyCreate(policy, line);
  DeclarePolicyFiles(policy, line);
  constexpr const char* kNameAbout = "the policy's name";
  auto push = Declare<PolicyPush>(
      policy, line, "push", "Give the verifier a policy under a name",
      "  limequat policy push web policy.json\n"
      "  limequat policy push web policy.dsse.json --key signer.pem\n\n"
      "Machines bound to the name are appraised again from their first entry.\n"
      "With --key the name is pinned to a public key, before this push and for\n"
      "good: what it did not sign is refused from then on. Another key takes over\n"
      "by a file that the present one signed: `policy sign NEXT.pem --name NAME`.");
  AddValue(push.app, "NAME", push.command.name, ParsePolicyName, "", kNameAbout)->required();
  AddValue(push.app, "FILE", push.command.source.place, ParseText, "",
           "runtime policy, or - for standard input, or an http or https URL with --checksum")
      ->required();
  AddSource(push.app, push.command.source.checksum, push.command.source.authorities_file);
  constexpr const char* kBootAbout =
      "a reference state or boot reference values, which have names of their own";
  push.app.add_flag("--measured-boot", push.command.measured_boot, kBootAbout);
  AddValue(push.app, "--key", push.command.key, ParseText, "FILE",
           "public key (PEM) that policies of this name must be signed with from now on, or the "
           "next one as the present one signed it");
  auto list = Declare<PolicyList>(policy, line, "list", "The verifier's policies",
                                  "  limequat policy list\n  limequat policy list web");
  AddValue(list.app, "NAME", list.command.name, ParsePolicyName, "",
           "the versions of this policy; the verifier keeps the last ten");
  auto rollback = Declare<PolicyRollback>(
      policy, line, "rollback", "Go back to an earlier version of a policy",
      "  limequat policy rollback web\n  limequat policy rollback web --to 3\n\n"
      "It becomes a new version. What was rolled back before needs --to: a command that is\n"
      "repeated because its answer did not come must not go forward. A policy that was signed\n"
      "with a release goes back only by being signed anew with a higher one.");
  AddValue(rollback.app, "NAME", rollback.command.name, ParsePolicyName, "", kNameAbout)
      ->required();
  AddValue(rollback.app, "--to", rollback.command.version, ParseRelease, "NUMBER",
           "as `policy list NAME` shows it; default: the one before the present one");
  auto remove = Declare<PolicyRemove>(
      policy, line, "remove", "Forget a policy that no machine is held to",
      "  limequat policy remove web-old\n  limequat policy remove web-old --measured-boot\n\n"
      "Refused while machines use it: the answer says how many and names some. What comes under\n"
      "the name later is held to the key it is pinned to and, if the policy said one, to its\n"
      "release: no older one comes back.");
  AddValue(remove.app, "NAME", remove.command.name, ParsePolicyName, "", kNameAbout)->required();
  remove.app.add_flag("--measured-boot", remove.command.measured_boot, kBootAbout);
  auto show = Declare<PolicyShow>(policy, line, "show", "A policy as it was pushed",
                                  "  limequat policy show web > policy.json");
  AddValue(show.app, "NAME", show.command.name, ParsePolicyName, "", kNameAbout)->required();
  show.app.add_flag("--measured-boot", show.command.measured_boot, kBootAbout);
}

void DeclareCompletion(CLI::App& root, CommandLine& line) {
  auto command = std::make_shared<std::string>();
  CLI::App& app = *root.add_subcommand("completion", "Completion script for a shell");
  app.footer("Example:\n  source <(limequat completion bash)");
  AddValue(app, "SHELL", *command, ParseShell, "", "bash, zsh or fish")->required();
  app.callback([&line, command] {
    line.run = [command](Console& console) -> Result<Ending> {
      const Status written = console.Write(CompletionScript(*command, DescribeCommands()));
      if (!written) return written.error();
      return Ending::kDone;
    };
  });
}

// Shown in the help only: the program becomes the lab's driver before it gets here.
void DeclareLab(CLI::App& root) {
  root.add_subcommand("lab", "Machines with a TPM to attest, on this computer");
}

}  // namespace

void DeclareFleetCommands(CLI::App& root, CommandLine& line) {
  DeclareInit(root, line);
  DeclareAgent(root, line);
  DeclareLabel(root, line);
  DeclareExplain(root, line);
  DeclareFindings(root, line);
  DeclareIncident(root, line);
  DeclarePolicy(root, line);
  DeclareLab(root);
  DeclareCompletion(root, line);
}

}  // namespace limequat::cli
