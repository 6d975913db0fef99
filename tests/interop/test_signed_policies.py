"""Signed policies: what Keylime's tools sign verifies here, and what `limequat policy sign` signs verifies there."""

import base64
import json
import subprocess
from pathlib import Path

import scenario
from limequat import program

POLICY = {"meta": {"version": 1, "generator": 3, "timestamp": "2026-11-25 09:00:00.000000"}, "release": 0,
          "digests": {"/usr/bin/a": ["1" * 64]}, "excludes": ["/var/log/.*"], "keyrings": {},
          "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None}, "ima-buf": {}, "verification-keys": ""}
CURVES = ("P-256", "P-384", "P-521")
# Keylime's verifier of envelopes, as its own verifier calls it: leaves the payload, or nothing, beside it.
VERIFY = """
import sys
from keylime import signing
key = open(sys.argv[2], "rb").read() if len(sys.argv) > 2 else None
verified = signing.verify_dsse_envelope(open(sys.argv[1], "rb").read(), key)
open(sys.argv[1] + ".payload", "wb").write(verified.payload if verified else b"")
"""


class SignedPoliciesTest(scenario.KeylimeToolsTest):
    @classmethod
    def set_up_site(cls):
        super().set_up_site()
        cls.policy = cls.folder / "policy.json"
        cls.policy.write_text(json.dumps(POLICY))

    def run_keylime(self, *words):
        done = subprocess.run([str(word) for word in words], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr.decode() + done.stdout.decode())

    def keylime_reads(self, envelope, key=None):
        """The payload of an envelope that Keylime verifies, or b""."""
        self.run_keylime(self.keylime.servers / "bin/python", "-c", VERIFY, envelope, *([key] if key else []))
        return Path(f"{envelope}.payload").read_bytes()

    def limequat(self, *words):
        return subprocess.run([program("limequat"), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def key(self, name, curve):
        private, public = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", private], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        private.chmod(0o600)
        return private, public

    def sign(self, private, name, *words, file=None):
        envelope = self.folder / f"{name}.dsse.json"
        done = self.limequat("policy", "sign", file or self.policy, "--key", private, "--output", envelope, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return envelope

    def test_ours_verify_there(self):
        _, other = self.key("other", "P-256")
        for curve in CURVES:
            private, public = self.key(f"ours-{curve}", curve)
            envelope = self.sign(private, f"ours-{curve}")
            self.assertEqual(self.keylime_reads(envelope, public), self.policy.read_bytes(), curve)
            self.assertEqual(self.keylime_reads(envelope, other), b"")

    def test_ours_of_several_keys_verify_there(self):
        """Keylime wants one of them."""
        ed25519 = self.folder / "ed25519.key"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", ed25519], check=True, capture_output=True)
        ed25519.chmod(0o600)
        private, public = self.key("second", "P-256")
        envelope = self.sign(private, "several", file=self.sign(ed25519, "first"))
        self.assertEqual(self.keylime_reads(envelope, public), self.policy.read_bytes())

    def test_ours_with_a_certificate_verify_there(self):
        private, _ = self.key("certified", "P-256")
        certificate = self.folder / "certified.crt"
        subprocess.run(["openssl", "req", "-x509", "-key", private, "-subj", "/CN=signer", "-days", "30", "-out", certificate], check=True,
                       capture_output=True)
        envelope = self.sign(private, "certified", "--certificate", certificate)
        self.assertEqual(self.keylime_reads(envelope), self.policy.read_bytes())
        self.assertEqual(self.limequat("policy", "check-signature", envelope, "--trust", certificate).returncode, 0)

    def test_ours_with_a_name_is_a_policy_there(self):
        private, public = self.key("named", "P-256")
        payload = self.keylime_reads(self.sign(private, "named", "--name", "web", "--release", 7), public)
        self.run_keylime(self.keylime.servers / "bin/python", "-c",
                         "import json, sys; from keylime.ima import ima; ima.validate_runtime_policy(json.loads(sys.argv[1]))", payload.decode())

    def keylime_signs(self, name, *words):
        envelope = self.folder / f"{name}.dsse.json"
        self.run_keylime(self.keylime.servers / "bin/keylime-policy", "sign", "runtime", "-r", self.policy, "-o", envelope, *words)
        return envelope

    def test_theirs_verify_here(self):
        _, other = self.key("stranger", "P-256")
        for curve in CURVES:
            private, public = self.key(f"theirs-{curve}", curve)
            envelope = self.keylime_signs(f"theirs-{curve}", "-k", private)
            done = self.limequat("policy", "check-signature", envelope, "--key", public)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
            signature = json.loads(done.stdout)["signatures"][0]
            self.assertEqual(signature["key_id"], signature["signer"], "a key has the same name in both")
            self.assertEqual(self.limequat("policy", "check-signature", envelope, "--key", other).returncode, 1)

    def test_their_certificates_need_to_be_trusted_here(self):
        """Quirk Q11: Keylime takes any."""
        certificate = self.folder / "theirs.crt"
        envelope = self.keylime_signs("theirs-x509", "-b", "x509", "-c", certificate, "-p", self.folder / "theirs-x509.key")
        self.assertEqual(json.loads(self.keylime_reads(envelope)), POLICY)
        _, other = self.key("root", "P-256")
        self.assertEqual(self.limequat("policy", "check-signature", envelope, "--key", other).returncode, 1)
        self.assertEqual(self.limequat("policy", "check-signature", envelope, "--trust", certificate).returncode, 0)

    def test_both_refuse_what_was_changed(self):
        private, public = self.key("changed", "P-256")
        envelope = json.loads(self.sign(private, "changed").read_text())
        envelope["payload"] = base64.b64encode(json.dumps({**POLICY, "release": 1}).encode()).decode()
        changed = self.folder / "changed.json"
        changed.write_text(json.dumps(envelope))
        self.assertEqual(self.keylime_reads(changed, public), b"")
        self.assertEqual(self.limequat("policy", "check-signature", changed, "--key", public).returncode, 1)

    def test_lists_are_converted_alike(self):
        allow_list = self.folder / "allowlist.txt"
        allow_list.write_text(f"{'1' * 64}  /usr/bin/a\n{'2' * 40} %keyring:.ima\n\n{'3' * 64} /usr/bin/a\n")
        as_json = self.folder / "allowlist.json"
        as_json.write_text(json.dumps({"hashes": {"/a": ["1" * 64]}, "keyrings": {".ima": ["2" * 40]}, "release": 3, "excludes": ["/tmp/.*"]}))
        excludes = self.folder / "excludes"
        excludes.write_text("# logs\n/var/log/.*\n\n/run\n")
        for source in (allow_list, as_json):
            theirs = self.folder / "theirs.json"
            self.run_keylime(self.keylime.servers / "bin/keylime_convert_runtime_policy", "-a", source, "-e", excludes, "-o", theirs)
            done = self.limequat("policy", "convert", source, "--exclude-list", excludes)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(_comparable(json.loads(done.stdout)), _comparable(json.loads(theirs.read_text())), source)


def _comparable(policy):
    """Without its time stamp, and without the order of its lists."""
    del policy["meta"]["timestamp"]
    policy["excludes"].sort()
    for digests in policy["digests"].values():
        digests.sort()
    return policy
