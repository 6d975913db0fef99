"""`limequat policy simulate` with a draft of what machines may boot."""

import json
import subprocess
from pathlib import Path
from typing import Any

from test_boot_values import BOOTS, BootFileTest
from test_policy_files import policy

FIRST, NEXT = "shim-grub-sb-6.1", "shim-grub-sb-6.12"


class SimulateBootTest(BootFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.fleet = self.folder / "fleet"
        self.machine("old", FIRST)
        self.machine("changed", FIRST, "changed.")
        self.machine("new", NEXT)
        self.first = self.create(FIRST)
        self.both = self.folder / "both.json"
        done = self.run_limequat("policy", "create", "boot", BOOTS / NEXT / "eventlog", "--pcrs", self.pcrs(NEXT), "--update", self.first, "--output", self.both)
        self.assertEqual(done.status, 0, done.err)

    def machine(self, name: str, boot: str, prefix: str = "") -> Path:
        folder = self.fleet / name
        folder.mkdir(parents=True)
        (folder / "eventlog").write_bytes((BOOTS / boot / f"{prefix}eventlog").read_bytes())
        (folder / "pcrs.json").write_bytes(self.pcrs(boot, prefix).read_bytes())
        return folder

    def simulate(self, draft: object, *words: object) -> Any:
        return self.run_limequat("policy", "simulate", draft, "--evidence", self.fleet, *words)

    def effects(self, done: Any) -> dict[str, str]:
        return {one["name"]: one["effect"] for one in done.json()["machines"]}

    def test_who_would_newly_pass(self) -> None:
        done = self.simulate(self.both, "--against", self.first)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.effects(done), {"old": "stays_passing", "changed": "stays_failing", "new": "newly_passing"})
        self.assertEqual((done.json()["draft"]["release"], done.json()["current"]["release"]), (2, 1))
        new = next(one for one in done.json()["machines"] if one["name"] == "new")
        self.assertIn("boot.kernel", {finding["check"] for finding in new["removed"]})

    def test_who_would_newly_fail_and_why(self) -> None:
        done = self.simulate(self.first, "--against", self.both)
        self.assertEqual(done.status, 1, done.err)
        self.assertEqual(self.effects(done), {"old": "stays_passing", "changed": "stays_failing", "new": "newly_failing"})
        self.assertIn("boot.kernel", {cause["check"] for cause in done.json()["causes"]})
        text = self.simulate(self.first, "--against", self.both, "-o", "table").out.decode()
        for part in ("1 of 3 machines would newly fail\n", "boot.kernel", "The others stay: 1 passing, 1 failing, 0 unpoliced", "new      pass  fail  "):
            self.assertIn(part, text)
        self.assertNotIn("What a policy would have to list", text)

    def test_without_a_reference_of_now_machines_are_held_to_nothing(self) -> None:
        done = self.simulate(self.first)
        self.assertEqual(done.status, 1, done.err)
        self.assertEqual(self.effects(done), {"old": "newly_passing", "changed": "newly_failing", "new": "newly_failing"})
        self.assertIsNone(done.json()["current"])
        lines = [cause["detail"] for cause in done.json()["causes"] if cause["check"] == "boot.command_line"]
        self.assertTrue(any("lab.note=changed" in line for line in lines), lines)

    def test_either_side_may_come_on_standard_input(self) -> None:
        done = self.run_limequat("policy", "simulate", "-", "--against", self.first, "--evidence", self.fleet, stdin=self.both.read_bytes())
        self.assertEqual((done.status, done.json()["draft"]["release"]), (0, 2), done.err)
        self.assertEqual(self.effects(done)["new"], "newly_passing")
        done = self.run_limequat("policy", "simulate", self.first, "--against", "-", "--evidence", self.fleet, stdin=self.both.read_bytes())
        self.assertEqual(self.effects(done)["new"], "newly_failing", done.err)
        done = self.run_limequat("policy", "simulate", self.first, "--against", "-", "--evidence", self.fleet,
                                 stdin=json.dumps(policy({})).encode())
        self.assert_error(done, 3, "policy.kind")

    def test_from_a_reference_state_to_reference_values(self) -> None:
        state = self.folder / "state.json"
        done = self.run_limequat("policy", "create", "measured-boot", BOOTS / FIRST / "eventlog", "--output", state)
        self.assertEqual(done.status, 0, done.err)
        # Keylime's rules take one kernel file for PCR 9 and refuse every boot of these.
        done = self.simulate(self.both, "--against", state)
        self.assertEqual(self.effects(done), {"old": "newly_passing", "changed": "stays_failing", "new": "newly_passing"}, done.err)
        self.assertEqual(self.effects(self.simulate(state, "--against", self.both))["new"], "newly_failing")

    def test_attack_a10_a_kernel_that_is_taken_out_passes_no_longer(self) -> None:
        document = json.loads(self.both.read_text())
        document["kernels"] = document["kernels"][1:]
        draft = self.folder / "draft.json"
        draft.write_text(json.dumps(document))
        self.assertEqual(self.effects(self.simulate(draft, "--against", self.both)),
                         {"old": "newly_failing", "new": "stays_passing", "changed": "stays_failing"})

    def test_attack_a07_a_log_beside_values_of_another_boot_passes_nowhere(self) -> None:
        (self.fleet / "new" / "pcrs.json").write_bytes(self.pcrs(FIRST).read_bytes())
        done = self.simulate(self.both, "--against", self.first)
        self.assertEqual(self.effects(done)["new"], "stays_failing")

    def test_firmware_is_that_of_the_model(self) -> None:
        models = self.create(FIRST, "--model", "R640")
        evidence = ("policy", "simulate", models, "--evidence", self.fleet / "old")
        for words, status in ((("--model", "R640"), 0), (("--model", "R750"), 1), ((), 1)):
            self.assertEqual(self.run_limequat(*evidence, *words).status, status, words)

    def test_machines_without_good_evidence_stop_nobody(self) -> None:
        (self.fleet / "bad").mkdir()
        (self.fleet / "cut").write_bytes((BOOTS / FIRST / "eventlog").read_bytes()[:-1])
        done = self.simulate(self.both, "--against", self.both)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual([one["name"] for one in done.json()["not_evaluated"]], ["bad", "cut"])
        self.assertIn("not evaluated: bad: the folder holds no event log", done.err)
        (self.fleet / "old" / "pcrs.json").write_text("{")
        self.assertIn("old", [one["name"] for one in self.simulate(self.both).json()["not_evaluated"]])
        self.assertEqual(self.run_limequat("policy", "simulate", self.both, "--evidence", self.fleet / "cut").status, 3)

    def test_what_does_not_go_together(self) -> None:
        runtime = self.folder / "runtime.json"
        runtime.write_text(json.dumps(policy({})))
        for words, status, why in (
            ((self.first, self.both, "--evidence", self.fleet), 2, "it has no layers"),
            ((self.first, "--against", self.first, self.both, "--evidence", self.fleet), 2, "it has no layers"),
            ((self.first, "--evidence", self.fleet, "--first-seen", "2026-01-01T00:00:00Z"), 2, "layers of runtime policies"),
            ((self.first, "--fleet", "web", "--model", "R640"), 2, "from the verifier"),
            ((self.first, "--fleet", "web", "--against", self.first), 2, "from the verifier"),
            ((self.first, "--fleet", "web", "--evidence", self.fleet), 2, "either --evidence or --fleet"),
            ((self.first,), 2, "either --evidence or --fleet"),
            ((runtime, "--fleet", "web"), 2, "what machines may boot"),
            ((runtime, "--evidence", self.fleet, "--model", "R640"), 2, "what machines may boot"),
            ((self.first, "--against", runtime, "--evidence", self.fleet), 3, "policy.kind"),
        ):
            with self.subTest(words=words):
                done = self.run_limequat("policy", "simulate", *words)
                self.assertEqual(done.status, status, done.err)
                self.assertIn(why, done.err)

    def test_a_draft_that_cannot_be_read_is_named(self) -> None:
        document = json.loads(self.first.read_text())
        document["kernels"] = 7
        self.first.write_text(json.dumps(document))
        done = self.simulate(self.first)
        self.assertEqual(done.status, 3)
        self.assertIn(str(self.first), done.err)

    def test_attack_a11_with_a_key_both_references_must_be_signed(self) -> None:
        private, public = self.folder / "key.pem", self.folder / "key.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        private.chmod(0o600)
        signed = self.folder / "signed.json"
        self.assertEqual(self.run_limequat("policy", "sign", self.both, "--key", private, "--output", signed).status, 0)
        key = ("--policy-key", public)
        self.assertEqual(self.effects(self.simulate(signed, *key))["new"], "newly_passing")
        for words in ((self.both, *key), (signed, "--against", self.first, *key), (signed,)):
            with self.subTest(words=words):
                self.assert_error(self.simulate(*words), 1, "policy.signature")
