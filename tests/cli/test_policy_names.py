"""Policies under names, at a running verifier: pushed, listed, shown, removed."""

import base64
import json
import subprocess
import unittest
from pathlib import Path

from cli_testing import DATA
from service_testing import SiteTest

_REFERENCE = DATA / "policy" / "boot" / "shim-grub.reference.json"


class PolicyNamesTest(SiteTest):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(self.started("verifier"))

    def policy(self, file: str, *words: object) -> Path:
        """A policy that lists this file, labelled with `words`."""
        path = self.folder / "policy.json"
        path.write_text(json.dumps({
            "meta": {"version": 1, "generator": 3}, "release": 0, "digests": {file: ["ab" * 32]}, "excludes": [], "keyrings": {},
            "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None}, "ima-buf": {}, "verification-keys": "",
        }))
        if words:
            self.assertEqual(self.run_limequat("policy", "label", path, *words, "--output", path).status, 0)
        return path

    def push(self, name: str, *words: object) -> None:
        done = self.operator("policy", "push", name, *words)
        self.assertEqual(done.status, 0, done.err)

    def names(self) -> tuple[list[str], list[str]]:
        listed = self.operator("policy", "list").json()
        return [one["name"] for one in listed["policies"]], [one["name"] for one in listed["boot_policies"]]


class ListTest(PolicyNamesTest):
    def test_a_list_tells_the_key_of_each_name(self) -> None:
        self.assertEqual(self.operator("policy", "list", "-o", "table").out, b"no policies\n")
        self.push("web", self.policy("/usr/bin/a"))
        self.push("web", _REFERENCE, "--measured-boot")
        self.assertNotIn(b"SIGNED BY", self.operator("policy", "list", "-o", "table").out)
        signed = DATA / "policy" / "signed"
        done = self.operator("policy", "push", "team", signed / "p256.dsse.json", "--key", signed / "p256.pem")
        self.assertEqual(done.status, 0, done.err)
        key = done.err.split()[-1]
        self.assertRegex(key, r"\A[0-9a-f]{64}\Z")
        listed = self.operator("policy", "list").json()
        self.assertEqual([(one["name"], one["signed_by"]) for one in listed["policies"]], [("team", key), ("web", None)])
        self.assertEqual([one["signed_by"] for one in listed["boot_policies"]], [None])
        heading, *rows = self.operator("policy", "list", "-o", "table").out.decode().splitlines()
        self.assertTrue(heading.endswith("SIGNED BY"), heading)
        self.assertEqual([row.split()[-1] for row in rows], [key, "-", "-"])


class SuccessionTest(PolicyNamesTest):
    """A key that a name is pinned to hands over to another."""

    def key(self, name: str) -> tuple[Path, Path]:
        private, public = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", private], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        private.chmod(0o600)
        return private, public

    def sign(self, file: Path, key: Path, *words: object) -> Path:
        path = self.folder / f"{file.stem}-by-{key.stem}.json"
        done = self.run_limequat("policy", "sign", file, "--key", key, "--output", path, *words)
        self.assertEqual(done.status, 0, done.err)
        return path

    def test_the_next_key_takes_over_if_the_present_one_signed_it(self) -> None:
        (first, first_public), (second, second_public) = self.key("first"), self.key("second")
        policy = self.policy("/usr/bin/a")
        by_first, by_second = self.sign(policy, first), self.sign(policy, second)
        self.push("web", by_first, "--key", first_public)
        self.assert_error(self.operator("policy", "push", "web", by_second, "--key", second_public), 1, "verifier.policy_key")
        forged, foreign = self.sign(second_public, second, "--name", "web"), self.sign(second_public, first, "--name", "base")
        self.assert_error(self.operator("policy", "push", "web", by_second, "--key", forged), 5, "verifier.policy_key_signature")
        self.assert_error(self.operator("policy", "push", "web", by_second, "--key", foreign), 5, "verifier.policy_name")
        before = self.operator("policy", "list").json()["policies"][0]["signed_by"]
        self.push("web", by_second, "--key", self.sign(second_public, first, "--name", "web"))
        after = self.operator("policy", "list").json()["policies"][0]["signed_by"]
        self.assertNotEqual(before, after)
        self.assertRegex(self.log("verifier").read_text(), rf"verifier\.policy_key_replaced policy=web key={after} before={before} by=operator\n")
        self.assert_error(self.operator("policy", "push", "web", by_first), 5, "policy.signature")
        self.assert_error(self.operator("policy", "rollback", "web"), 5, "policy.signature")

    def test_usage(self) -> None:
        private, public = self.key("any")
        for words in ((), ("--release", "1"), ("--name", "web", "--release", "1")):
            self.assert_error(self.run_limequat("policy", "sign", public, "--key", private, *words), 2, "cli.usage")


class RemovalTest(PolicyNamesTest):
    def test_a_name_goes_with_its_versions_and_no_other(self) -> None:
        self.push("web", self.policy("/usr/bin/a"))
        self.push("web", self.policy("/usr/bin/b"))
        self.push("team", self.policy("/usr/bin/a"))
        self.push("web", _REFERENCE, "--measured-boot")
        done = self.operator("policy", "remove", "web")
        self.assertEqual((done.status, done.json()), (0, {"name": "web", "removed": True}))
        self.assertEqual(self.names(), (["team"], ["web"]))
        self.assertEqual(self.operator("policy", "list", "web").status, 4)
        shown = self.operator("policy", "remove", "web", "--measured-boot", "-o", "table")
        self.assertEqual((shown.status, shown.out), (0, b"policy web is removed, with all its versions\n"))
        self.assertEqual(self.names(), (["team"], []))
        for words in (("web",), ("web", "--measured-boot"), ("team", "--measured-boot")):
            self.assert_error(self.operator("policy", "remove", *words), 4, "verifier.unknown_policy")
        self.assertRegex(self.log("verifier").read_text(), r"verifier\.policy_removed policy=web kind=runtime by=operator\n")

    def test_what_machines_are_held_to_stays(self) -> None:
        text = self.policy("/usr/bin/a").read_bytes()
        self.push("fleet", _REFERENCE, "--measured-boot")
        for name in ("m1", "m2", "m3", "m4"):
            self.enrol(name, runtime_policy=base64.b64encode(text).decode(), runtime_policy_name="web", mb_policy_name="fleet")
        for words in (("web",), ("fleet", "--measured-boot")):
            done = self.operator("policy", "remove", *words)
            self.assert_error(done, 1, "verifier.policy_in_use")
            self.assertIn(f"the policy {words[0]} is in use by 4 machines: m1, m2, m3 and 1 more", done.err)
        self.assertEqual(self.operator("policy", "show", "web").out, text)
        for name in ("m1", "m2", "m3", "m4"):
            self.assertEqual(self.operator("agent", "remove", name).status, 0)
        self.assertEqual(self.operator("policy", "remove", "web").status, 0)
        self.assertEqual(self.operator("policy", "remove", "fleet", "--measured-boot").status, 0)
        self.assertEqual(self.names(), ([], []))

    def test_attack_a11_removal_forgets_neither_release_nor_key(self) -> None:
        self.push("web", self.policy("/usr/bin/a", "--name", "web", "--release", "2"))
        self.assertEqual(self.operator("policy", "remove", "web").status, 0)
        done = self.operator("policy", "push", "web", self.policy("/usr/bin/a", "--name", "web", "--release", "1"))
        self.assert_error(done, 1, "verifier.policy_release")
        self.push("web", self.policy("/usr/bin/a", "--name", "web", "--release", "3"))

        signed = DATA / "policy" / "signed"
        self.push("team", signed / "p256.dsse.json", "--key", signed / "p256.pem")
        self.assertEqual(self.operator("policy", "remove", "team").status, 0)
        self.assert_error(self.operator("policy", "push", "team", self.policy("/usr/bin/a")), 5, "policy.signature.present")

    def test_usage(self) -> None:
        for words in ((), ("a b",), ("web", "more")):
            self.assertEqual(self.operator("policy", "remove", *words).status, 2, words)


if __name__ == "__main__":
    unittest.main()
