"""`limequat appraise ima --change`: the smallest addition to a policy under which a list passes."""

import json
from pathlib import Path
from typing import Any

from ima_lists import binary_list, digest_of
from test_policy_files import PolicyFileTest, policy


class ChangeTest(PolicyFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.list = self.folder / "list"
        self.list.write_bytes(binary_list([b"/bin/a", b"/bin/b", b"/opt/c"]))
        self.policy = self.write("policy.json", policy({"boot_aggregate": [digest_of(b"boot_aggregate")], "/bin/a": [digest_of(b"/bin/a")],
                                                        "/bin/b": ["1" * 64]}, "/tmp/.*"))
        self.change = self.folder / "change.json"

    def appraise(self, file: Path, *words: object) -> Any:
        return self.run_limequat("appraise", "ima", self.list, "--policy", file, *words)

    def merged(self, change: Path) -> Path:
        out = self.folder / "merged.json"
        done = self.run_limequat("policy", "merge", self.policy, change, "--output", out)
        self.assertEqual(done.status, 0, done.err)
        return out

    def test_merged_with_the_policy_the_list_passes(self) -> None:
        before = self.policy.read_text()
        done = self.appraise(self.policy, "--change", self.change)
        self.assertEqual(done.status, 1)
        change = done.json()["change"]
        self.assertEqual(change["runtime_policy"]["digests"], {name: [digest_of(name.encode())] for name in ("/bin/b", "/opt/c")})
        self.assertEqual((change["suffices"], change["unchangeable"], change["not_covered"]), (True, [], 0))
        self.assertEqual(json.loads(self.change.read_text()), change["runtime_policy"])
        self.assertEqual(self.policy.read_text(), before, "nothing applies it")
        self.assertEqual(self.appraise(self.merged(self.change)).status, 0)

    def test_with_less_the_list_fails(self) -> None:
        self.appraise(self.policy, "--change", self.change)
        whole = json.loads(self.change.read_text())
        for name in whole["digests"]:
            less = self.write("less.json", {**whole, "digests": {key: value for key, value in whole["digests"].items() if key != name}})
            self.assertEqual(self.appraise(self.merged(less)).status, 1, name)

    def test_nothing_is_written_if_nothing_is_missing(self) -> None:
        self.appraise(self.policy, "--change", self.change)
        merged = self.merged(self.change)
        self.change.unlink()
        done = self.appraise(merged, "--change", self.change)
        self.assertEqual((done.status, done.json()["change"]["runtime_policy"], done.json()["change"]["suffices"]), (0, None, True))
        self.assertFalse(self.change.exists())

    def test_for_a_signed_policy(self) -> None:
        private, public = self.p256()
        envelope = self.folder / "policy.dsse.json"
        self.assertEqual(self.run_limequat("policy", "sign", self.policy, "--key", private, "--output", envelope).status, 0)
        self.appraise(envelope, "--policy-key", public, "--change", self.change)
        self.assertEqual(self.appraise(self.merged(self.change)).status, 0)
        _, other = self.p256("other")
        self.change.unlink()
        done = self.appraise(envelope, "--policy-key", other, "--change", self.change)
        self.assertEqual(done.status, 1)
        self.assertNotIn("change", done.json(), "a policy that nobody vouches for is not looked into")
        self.assertFalse(self.change.exists())

    def test_says_it_for_people(self) -> None:
        text = self.appraise(self.policy, "--change", self.change, "-o", "table").out.decode()
        for part in ("nothing was changed", f"path /opt/c  {digest_of(b'/opt/c')}", "next: find out what happened"):
            self.assertIn(part, text)

    def test_says_what_is_not_proposed_and_why(self) -> None:
        text = json.loads(self.policy.read_text())
        text["ima"]["coverage"] = {"entries": {"/etc/ima/ima-policy": ["2" * 64]}}
        text["digests"].update({name: [digest_of(name.encode())] for name in ("/bin/b", "/opt/c")})
        wants_proof = self.write("proof.json", text)
        change = self.appraise(wants_proof, "--change", self.change).json()["change"]
        self.assertEqual((change["runtime_policy"], [one["check"] for one in change["unchangeable"]]), (None, ["ima.coverage"]))
        self.assertIn("ima.coverage.entries", change["unchangeable"][0]["why"])
        shown = self.appraise(wants_proof, "--change", self.change, "-o", "table").out.decode()
        self.assertIn("nothing: no addition is proposed", shown)
        self.assertNotIn("no digest", shown)

    def test_findings_say_what_was_compared(self) -> None:
        findings = {f["check"]: f for f in self.appraise(self.policy).json()["findings"]}
        self.assertEqual(findings["ima.digest"]["expected"], ["1" * 64])
        self.assertEqual(findings["ima.digest"]["found"], "sha256:" + digest_of(b"/bin/b"))
        self.assertEqual(findings["ima.digest"]["cause"], "policy-lag")
        self.assertEqual(findings["ima.path"]["cause"], "tamper")
        self.assertNotIn("expected", findings["ima.path"])
