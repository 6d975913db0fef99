"""Boot reference values on the whole: real event logs in real (software) TPMs, values that one key has signed."""

import json
import subprocess
from pathlib import Path

from e2e_testing import REPOSITORY, LabTest

BOOTS = REPOSITORY / "data" / "lab" / "boots"
FIRST, NEXT = "shim-grub-sb-6.1", "shim-grub-sb-6.12"


class BootValuesTest(LabTest):
    """Machines whose verifier takes nothing that is not signed.  Their boots are recordings of kernels 6.1 and 6.12."""

    light = 2
    enrol = False

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.key, cls.public = cls.folder / "release.key", cls.folder / "release.pem"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", cls.key)
        openssl("pkey", "-in", cls.key, "-pubout", "-out", cls.public)
        cls.key.chmod(0o600)
        cls.configure_verifier(f'\n[policy]\nsigning_keys = ["{cls.public}"]\n')
        root = cls.lab.root_of(cls.lab.machine("light-1")).folder
        cls.operator("policy", "create", "runtime", "--root", root, "--output", cls.folder / "policy.json")
        cls.operator("policy", "push", "base", cls.signed("policy.json"))
        cls.values("boot.json", FIRST, "--name", "fleet")
        cls.values("next.json", NEXT, "--update", cls.folder / "boot.json")

    @classmethod
    def signed(cls, name: str, *options: object) -> Path:
        """The envelope of a document in the test's folder."""
        envelope = cls.folder / f"{name}.signed"
        cls.operator("policy", "sign", cls.folder / name, "--key", cls.key, "--output", envelope, *options)
        return envelope

    @classmethod
    def values(cls, name: str, boot: str, *options: object) -> None:
        """Reference values of a recording, as an operator makes them of a machine that is trusted."""
        pcrs = cls.folder / f"{name}.pcrs"
        pcrs.write_text(json.dumps(json.loads((BOOTS / boot / "pcrs.json").read_text())["pcrs"]))
        cls.operator("policy", "create", "boot", BOOTS / boot / "eventlog", "--pcrs", pcrs, "--output", cls.folder / name, *options)

    @classmethod
    def boot(cls, name: str, boot: str, log: str = "eventlog") -> None:
        machine = cls.lab.machine(name)
        machine.set_boot_log((BOOTS / boot / log).read_bytes())
        cls.lab.reboot(name)

    @classmethod
    def enrol_again(cls, name: str, *options: object) -> None:
        cls.command("agent", "remove", name)
        cls.operator("agent", "add", name, "--policy", "base", "--approve-current-boot", *options)

    def current(self, name: str) -> list[dict[str, object]]:
        current = json.loads(self.command("explain", name).stdout)["current"]
        return current["findings"] if current else []

    def test_1_unsigned_values_and_other_envelopes_are_refused(self) -> None:
        for words, why in ((("fleet", self.folder / "boot.json", "--measured-boot"), "not signed"),
                           (("fleet", self.folder / "policy.json.signed", "--measured-boot"), "the type is"),
                           (("base", self.signed("boot.json")), "the type is")):
            done = self.command("policy", "push", *words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(why, done.stderr)

    def test_2_a_kernel_is_updated_by_signed_values(self) -> None:
        self.boot("light-1", FIRST)
        self.operator("policy", "push", "fleet", self.signed("boot.json"), "--measured-boot")
        self.enrol_again("light-1", "--boot-reference-name", "fleet")
        self.wait_for("light-1", "pass")

        with self.subTest("another command line fails and is named"):
            self.boot("light-1", FIRST, "changed.eventlog")
            self.wait_for("light-1", "fail")
            told = [f for f in self.current("light-1") if f["check"] == "boot.command_line" and f["outcome"] == "failed"]
            self.assertTrue(any("lab.note=changed'" in str(finding["detail"]) for finding in told), told)
            self.assertIn("lab.note=changed", self.command("explain", "light-1", shown="table").stdout)

        with self.subTest("what the values would have to list is told, and nothing else"):
            change = json.loads(self.command("explain", "light-1", "--change").stdout)["boot_change"]
            self.assertTrue(change["suffices"], change)
            self.assertEqual({one["member"].rpartition(".")[2] for one in change["additions"]}, {"command_lines", "files"}, change["additions"])
            self.assertIn("lab.note=changed", self.command("explain", "light-1", "--change", shown="table").stdout)
            (self.folder / "changed.json").write_text(json.dumps(change["boot_reference"]))
            done = self.operator("appraise", "boot", BOOTS / FIRST / "changed.eventlog", "--reference", self.folder / "changed.json")
            self.assertEqual(done["verdict"], "pass")

        with self.subTest("under values that list it the machine would newly pass, under the next ones it would not"):
            for draft, effect, then in (("changed.json", "newly_passing", "pass"), ("next.json", "stays_failing", "fail")):
                done = self.operator("policy", "simulate", self.folder / draft, "--fleet", "fleet")
                self.assertEqual([(one["name"], one["now"], one["then"], one["effect"]) for one in done["machines"]],
                                 [("light-1", "fail", then, effect)], done)
            done = self.command("policy", "simulate", self.folder / "changed.json", "--fleet", "flee")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("no machine is held against the boot reference flee ", done.stderr)

        with self.subTest("the usual boot recovers it, the incident stays"):
            self.boot("light-1", FIRST)
            self.wait_for("light-1", "pass")
            self.assertFalse(self.machine("light-1")["trusted"])
            self.operator("incident", "close", "--agent", "light-1", "--all", "--note", "test")

        with self.subTest("the next kernel passes by the next values"):
            pushed = self.operator("policy", "push", "fleet", self.signed("next.json"), "--measured-boot")
            self.assertEqual(pushed["machines_appraised_again"], 1)
            self.wait_for("light-1", "pass")
            self.boot("light-1", NEXT)
            self.wait(lambda: self.machine("light-1")["boots"] == 4 and self.machine("light-1")["integrity"] == "pass",
                      "the next kernel passes", lambda: self.current("light-1"))
            shown = self.machine("light-1")
            self.assertTrue(shown["trusted"], shown)
            self.assertEqual(shown["baseline"], "by boot policy")
            self.assertIn("release 2", shown["boot_policy"])

        with self.subTest("attack A11: the old values do not come back, unless they are signed anew"):
            done = self.command("policy", "push", "fleet", self.folder / "boot.json.signed", "--measured-boot")
            self.assertIn("verifier.policy_release", done.stderr)
            self.assertEqual(self.machine("light-1")["integrity"], "pass")
            self.operator("policy", "push", "fleet", self.signed("boot.json", "--release", "3"), "--measured-boot")
            self.wait_for("light-1", "fail")
            self.assertIn("boot.kernel", self.failed_checks("light-1"))

    def test_3_without_values_the_baseline_refuses_the_next_kernel(self) -> None:
        self.boot("light-2", FIRST)
        self.enrol_again("light-2")
        self.wait_for("light-2", "pass")
        self.boot("light-2", NEXT)
        self.wait_for("light-2", "fail")
        self.assertIn("boot.baseline", self.failed_checks("light-2"))

    def test_4_firmware_is_that_of_the_enrolled_model(self) -> None:
        self.values("models.json", FIRST, "--name", "models", "--model", "R640")
        self.operator("policy", "push", "models", self.signed("models.json"), "--measured-boot")
        done = self.command("agent", "add", "light-2", "--policy", "base", "--model", "R640")
        self.assertEqual((done.returncode, "boot-reference" in done.stderr), (2, True))
        self.boot("light-2", FIRST)
        for model, integrity in (("R640", "pass"), ("R750", "fail"), ("", "fail")):
            with self.subTest(model or "no model"):
                self.enrol_again("light-2", "--boot-reference-name", "models", *(["--model", model] if model else []))
                self.wait_for("light-2", integrity)
                failed = {f["check"] for f in self.current("light-2") if f["outcome"] != "passed"}
                self.assertEqual(failed, {"boot.firmware"} if integrity == "fail" else set())
                self.assertEqual(f"model {model}" in self.machine("light-2")["boot_policy"], bool(model))

    def test_5_attack_a21_secure_boot_is_on_and_the_kernel_was_not_measured(self) -> None:
        self.values("kernels.json", FIRST, "--name", "kernels")
        self.operator("policy", "push", "kernels", self.signed("kernels.json"), "--measured-boot")
        self.boot("light-2", "direct-sb-6.1")
        self.enrol_again("light-2", "--boot-reference-name", "kernels")
        self.wait_for("light-2", "fail")
        self.assertTrue({"boot.path", "boot.kernel", "boot.command_line"} <= self.failed_checks("light-2"), self.failed_checks("light-2"))

    def test_6_where_no_log_is_kept_no_change_is_told(self) -> None:
        self.enrol_again("light-2", "--boot-policy", "reject-all")
        self.wait_for("light-2", "fail")
        told = json.loads(self.command("explain", "light-2", "--change").stdout)
        self.assertIsNone(told["boot_change"])
        self.assertIn("no event log", told["boot_change_absent_because"])
        self.assertIn("boot.policy", [one["check"] for one in told["change"]["unchangeable"]])
        self.assertIn("is not known: no event log", self.command("explain", "light-2", "--change", shown="table").stdout)
        self.enrol_again("light-2", "--boot-policy", "reject-all", "--boot-reference-name", "kernels")
        done = self.command("policy", "simulate", self.folder / "kernels.json", "--fleet", "kernels")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual([one["name"] for one in json.loads(done.stdout)["not_evaluated"]], ["light-2"])


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
