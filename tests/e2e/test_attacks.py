"""Ways to fool an attestation, tried on the whole: agent's key in the wrong hands, real quotes, real TPMs."""

import json
import sys
import tomllib

from e2e_testing import REPOSITORY, LabTest

sys.path.insert(0, str(REPOSITORY / "tools" / "demo"))

from attacker import Attacker, Insider  # noqa: E402
from limequat_lab.light import AGENT_CONFIGURATION  # noqa: E402
from limequat_lab.site import to_toml  # noqa: E402


class ImpersonationTest(LabTest):
    """The verifier is asked to believe somebody who has the agent's TLS key but not the TPM, or only parts of the list."""

    light = 2

    def setUp(self):
        self.machine_under_attack = self.lab.machine("light-1")
        site = self.lab.site().folder
        self.operator_files = (site / "operator" / "operator.pem", site / "operator" / "operator.key")
        self.wait_for("light-1", "pass")

    def impersonate(self):
        """The attacker in the agent's place; the agent itself goes on elsewhere."""
        machine = self.machine_under_attack
        self.insider = self.move_agent(machine)
        attacker = Attacker(machine.settings.agent_port, machine.folder / "agent" / "server.pem", machine.folder / "agent" / "server.key")

        def back():
            attacker.end()
            self.restore_agent(machine)
        self.addCleanup(back)
        return attacker

    def move_agent(self, machine):
        machine.stop_agent()
        configuration = machine.folder / AGENT_CONFIGURATION
        self.original = configuration.read_text()
        sections = tomllib.loads(self.original)
        port = self.lab.free_port()
        sections["agent"]["port"] = sections["agent"]["contact_port"] = port
        configuration.write_text(to_toml(sections))
        machine.start_agent()
        machine.wait_until_listening(port)
        return Insider(port, *self.operator_files)

    def restore_agent(self, machine):
        machine.stop_agent()
        (machine.folder / AGENT_CONFIGURATION).write_text(self.original)
        machine.start_agent()
        machine.wait_until_listening(machine.settings.agent_port)

    def expect(self, *checks):
        self.wait(lambda: set(checks) & self.failed_checks("light-1"), f"one of {checks} fails", lambda: self.failed_checks("light-1"))
        self.assertEqual(self.machine("light-1")["integrity"], "fail")

    def test_attack_a03_replayed_quote(self):
        recorded = Insider(self.machine_under_attack.settings.agent_port, *self.operator_files).get(
            "/v2.6/quotes/integrity?nonce=recordedlongago00000&mask=0x7ff&partial=0&ima_ml_entry=0")
        self.impersonate().replay(recorded)
        self.expect("tpm.quote.nonce")

    def test_attack_a05_shortened_list(self):
        attacker = self.impersonate()
        attacker.shorten(self.insider)
        self.expect("ima.continuity", "ima.replay")

    def test_quote_of_another_machine(self):
        other = Insider(self.lab.machine("light-2").settings.agent_port, *self.operator_files)
        attacker = self.impersonate()
        attacker.answer = other.get
        self.expect("tpm.quote.signature")

    def test_attack_a05_shortened_list_across_a_restart_of_the_verifier(self):
        attacker = self.impersonate()
        self.kill("verifier")
        attacker.shorten(self.insider)
        self.start_service("verifier")
        self.expect("ima.continuity", "ima.replay")

    def test_garbage_is_a_finding_and_asking_goes_on(self):
        attacker = self.impersonate()
        attacker.answer = lambda _: {"code": 200, "status": "Success", "results": {"quote": "rAAAA:AAAA:AAAA", "hash_alg": "sha256",
                                                                                  "enc_alg": "rsa", "sign_alg": "rsassa"}}
        self.expect("evidence.malformed")
        count = attacker.answered
        self.wait(lambda: attacker.answered > count, "the machine is asked again")


class RebootTest(LabTest):
    def test_attack_a01_another_boot_chain_fails_the_baseline(self):
        self.lab.tamper("light-1", "changed-boot")
        self.wait(lambda: "boot.baseline" in self.failed_checks("light-1"), "the baseline fails", lambda: self.failed_checks("light-1"))
        self.lab.repair("light-1")
        self.wait_for("light-1", "pass")
        shown = self.machine("light-1")
        self.assertFalse(shown["trusted"], "the incident is open")
        self.assertEqual(shown["boots"], 3)


class CommandLineCoverageTest(LabTest):
    """A policy that asks the kernel's measured command line whether IMA looks at everything (attack A02)."""

    enrol = False
    told, untold = "shim-grub-sb-6.1", "uki-sb-6.12"   # GRUB measures the command line; this UKI has it built in

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        policy = cls.folder / "policy.json"
        cls.operator("policy", "create", "runtime", "--root", cls.lab.root_of(cls.lab.machine("light-1")).folder, "--output", policy)
        content = json.loads(policy.read_text())
        content["ima"]["coverage"] = {"command_line": {"ima_policy": ["tcb"]}}
        policy.write_text(json.dumps(content))
        cls.operator("policy", "push", "covered", policy)

    def setUp(self):
        self.boot(self.told)
        self.operator("agent", "add", "light-1", "--policy", "covered", "--approve-current-boot")
        self.addCleanup(self.operator, "agent", "remove", "light-1")
        self.wait_for("light-1", "pass")

    def boot(self, recording):
        self.lab.machine("light-1").set_boot_log(self.log(recording))
        self.lab.reboot("light-1")

    @staticmethod
    def log(recording):
        return (REPOSITORY / "data" / "lab" / "boots" / recording / "eventlog").read_bytes()

    def coverage(self):
        current = json.loads(self.command("explain", "light-1").stdout)["current"]
        return next((f for f in current["findings"] if f["check"] == "ima.coverage"), {})

    def expect_unproven(self, why):
        self.wait(lambda: why in self.coverage().get("detail", ""), f"coverage is unproven: {why}", self.coverage)
        self.assertEqual(self.coverage()["outcome"], "not_evaluated")
        self.assertEqual(self.machine("light-1")["integrity"], "fail")

    def test_attack_a02_a_command_line_that_no_pcr_holds_proves_nothing(self):
        self.boot(self.untold)
        self.expect_unproven("it may be inside of its image")

    def test_attack_a02_the_log_of_another_boot_proves_nothing(self):
        machine = self.lab.machine("light-1")
        agent, machine.settings.agent = machine.settings.agent, ""
        machine.set_boot_log(self.log(self.untold))
        machine.reboot()
        machine.set_boot_log(self.log(self.told))   # of another boot than the TPM's
        machine.settings.agent = agent
        machine.start_agent()
        self.expect_unproven("PCR 8 is not quoted, or the event log does not lead to it")
