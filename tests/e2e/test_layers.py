"""A machine under several policies: its base system's, its team's, and one that retires."""

import datetime
import json
import time

from e2e_testing import LabTest

TOOL = "usr/bin/team-tool"


class LayersTest(LabTest):
    enrol = False

    @classmethod
    def policy(cls, name, *files, retire_after=None):
        """Pushes a policy that lists these files: (path, content)."""
        root = cls.folder / f"{name}-{time.monotonic_ns()}"
        for path, content in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        made = root.with_suffix(".json")
        cls.operator("policy", "create", "runtime", "--root", root, "--output", made)
        if retire_after:
            cls.operator("policy", "label", made, "--retire-after", retire_after, "--output", made)
        return cls.operator("policy", "push", name, made)

    def finding(self, check):
        current = self.explained()["current"] or {"findings": []}
        return next((f for f in current["findings"] if f["check"] == check), None)

    def explained(self):
        done = self.command("explain", "light-1")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def test_layers_from_enrolment_to_the_end_of_a_window(self):
        root = self.lab.root_of(self.lab.machine("light-1")).folder
        self.operator("policy", "create", "runtime", "--root", root, "--output", self.folder / "base.json")
        self.operator("policy", "push", "base", self.folder / "base.json")
        self.policy("team", ("usr/bin/another", b"x"))
        self.policy("old", ("usr/bin/another", b"x"))
        self.operator("agent", "add", "light-1", "--policy", "base", "--policy", "team", "--policy", "old", "--approve-current-boot")
        self.wait_for("light-1", "pass")

        # Nobody lists the file.
        self.lab.machine("light-1").measure("/" + TOOL, b"tool 1")
        self.wait(lambda: self.finding("ima.path"), "the file is unlisted", self.explained)
        self.assertEqual(self.machine("light-1")["integrity"], "fail")

        # Each layer of it stays for as long as it is enrolled.
        refused = self.command("policy", "remove", "team")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the policy team is in use by 1 machine: light-1 [verifier.policy_in_use]", refused.stderr)

        # The team's layer lists it.
        pushed = self.policy("team", (TOOL, b"tool 1"))
        self.assertEqual(pushed["machines_appraised_again"], 1)
        self.wait_for("light-1", "pass")
        self.assertEqual([(layer["name"], layer["version"]) for layer in self.machine("light-1")["layers"]],
                         [("base", 1), ("team", 2), ("old", 1)])

        # The team goes on to the next release; the old one is good for a while.
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=4)
        self.policy("old", (TOOL, b"tool 1"), retire_after=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.policy("team", (TOOL, b"tool 2"))
        self.wait_for("light-1", "pass")
        self.wait(lambda: self.machine("light-1")["layers"][2]["state"] == "retired", "the old layer is retired")
        before = self.machine("light-1")["attestations"]
        self.wait(lambda: self.machine("light-1")["attestations"] > before + 1, "it is attested again")
        self.assertEqual(self.machine("light-1")["integrity"], "pass", "it was verified in time")

        # Only the verifier's memory knew that.
        self.kill("verifier")
        self.start_service("verifier")
        self.wait(lambda: self.finding("ima.digest"), "what is retired fails", self.explained)
        finding = self.finding("ima.digest")
        self.assertEqual(finding["cause"], "policy-lag")
        self.assertIn("layer 'old', retired", finding["detail"])
        self.assertIn("layer 'team'", finding["detail"])
