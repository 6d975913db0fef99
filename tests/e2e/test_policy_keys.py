"""`limequat policy push --key`: a name that is pinned to a key takes nothing that the key did not sign."""

import subprocess
from pathlib import Path

from e2e_testing import LabTest


class PinnedNameTest(LabTest):
    def key(self, name: str) -> tuple[Path, Path]:
        private, public = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        private.chmod(0o600)
        return private, public

    def sign(self, private: Path, name: str) -> Path:
        path = self.folder / f"{name}.dsse.json"
        self.operator("policy", "sign", self.folder / "policy.json", "--key", private, "--output", path)
        return path

    def signed_by(self, name: str) -> str | None:
        listed = self.operator("policy", "list")["policies"]
        return next(one["signed_by"] for one in listed if one["name"] == name)

    def test_attack_a11_what_the_key_did_not_sign_is_refused(self) -> None:
        plain = self.folder / "policy.json"
        (private, public), (other_private, other_public) = self.key("signer"), self.key("other")
        good, bad = self.sign(private, "good"), self.sign(other_private, "bad")
        done = self.command("policy", "push", "base", plain, "--key", public)
        self.assertNotEqual(done.returncode, 0, "pinned first, so this push is refused too")
        self.assertIn("policy.signature.present", done.stderr)
        for file, identifier in ((plain, "policy.signature.present"), (bad, "policy.signature")):
            done = self.command("policy", "push", "base", file)
            self.assertIn(f"[{identifier}]", done.stderr)
            self.assertEqual(done.returncode, 5)
            self.assertIn(f" base is pinned to the key {self.signed_by('base')}: ", done.stderr)
        done = self.command("policy", "push", "base", bad, "--key", other_public)
        self.assertEqual(done.returncode, 1)
        self.assertIn("[verifier.policy_key]", done.stderr)
        self.assertEqual(self.command("policy", "show", "base").stdout, plain.read_text(), "nothing came through")
        pushed = self.operator("policy", "push", "base", good, "--key", public)
        self.assertEqual(pushed["machines_appraised_again"], 1)
        self.wait_for("light-1", "pass")
        done = self.command("policy", "rollback", "base")
        self.assertIn("policy.signature.present", done.stderr)
        self.assertEqual(self.command("policy", "show", "base").stdout, good.read_text())

    def test_usage(self) -> None:
        self.assertEqual(self.command("policy", "push", "web", "x", "--measured-boot", "--key", "y").returncode, 2)
        self.assertEqual(self.command("policy", "push", "web", "-", "--key", "-").returncode, 2)
        done = self.command("policy", "push", "web", self.folder / "policy.json", "--key", self.folder / "policy.json")
        self.assertIn("[verifier.policy_key]", done.stderr)
        self.assertEqual(done.returncode, 3)
