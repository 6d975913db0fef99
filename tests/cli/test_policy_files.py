"""`limequat policy` sign, convert, merge, diff and check, and signed policies under `appraise ima`."""

import base64
import hashlib
import json
import os
import pty
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml_subset
from cli_testing import DATA, LIMEQUAT, CliTest
from ima_lists import binary_list, digest_of

_ONE, _TWO = "1" * 64, "2" * 64


def policy(digests: dict[str, list[str]], *excludes: str, **members: Any) -> dict[str, Any]:
    return {"meta": {"version": 1, "generator": 3, "timestamp": "2026-11-25 09:00:00.000000"}, "release": 0, "digests": digests,
            "excludes": list(excludes), "keyrings": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None},
            "ima-buf": {}, "verification-keys": "", **members}


class PolicyFileTest(CliTest):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-policy-test-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def write(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def make_key(self, name: str, *words: str) -> tuple[Path, Path]:
        """A private key that only its owner reads, and its public half, both made by OpenSSL."""
        private, public = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", *words, "-out", private], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        private.chmod(0o600)
        return private, public

    def p256(self, name: str = "p256") -> tuple[Path, Path]:
        return self.make_key(name, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")

    def check(self, envelope: Path, *keys: Path, threshold: int = 1) -> int:
        words = [word for key in keys for word in ("--key", key)]
        return self.run_limequat("policy", "check-signature", envelope, *words, "--threshold", threshold).status


class SignTest(PolicyFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.policy = self.write("policy.json", policy({"/usr/bin/a": [_ONE]}))
        self.envelope = self.folder / "policy.dsse.json"

    def sign(self, key: Path, *words: object, file: Path | None = None) -> Any:
        return self.run_limequat("policy", "sign", file or self.policy, "--key", key, "--output", self.envelope, *words)

    def test_every_kind_of_key(self) -> None:
        for name, words in {"p256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
                            "p384": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
                            "p521": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"),
                            "ed25519": ("-algorithm", "ED25519"), "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")}.items():
            private, public = self.make_key(name, *words)
            done = self.sign(private)
            self.assertEqual(done.status, 0, done.err)
            self.assertEqual(done.json()["signer"], hashlib.sha256(public.read_bytes()).hexdigest())
            self.assertEqual(self.check(self.envelope, public), 0)
            envelope = json.loads(self.envelope.read_text())
            self.assertEqual(base64.b64decode(envelope["payload"]), self.policy.read_bytes(), "signed as it is")
            self.assertEqual(envelope["payloadType"], "application/vnd.keylime+json")

    def test_openssl_verifies_it(self) -> None:
        private, public = self.p256()
        self.assertEqual(self.sign(private).status, 0)
        envelope = json.loads(self.envelope.read_text())
        payload = base64.b64decode(envelope["payload"])
        signed = self.folder / "signed"
        signed.write_bytes(b"DSSEv1 28 application/vnd.keylime+json %d %b" % (len(payload), payload))
        signature = self.folder / "signature"
        signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, signed], check=True, capture_output=True)

    def test_sec1_keys(self) -> None:
        private, public = self.p256()
        sec1 = self.folder / "sec1.key"
        subprocess.run(["openssl", "ec", "-in", private, "-out", sec1], check=True, capture_output=True)
        sec1.chmod(0o600)
        self.assertIn("BEGIN EC PRIVATE KEY", sec1.read_text())
        self.assertEqual(self.sign(sec1).status, 0)
        self.assertEqual(self.check(self.envelope, public), 0)

    def test_several_signatures(self) -> None:
        (alice, alice_pem), (bob, bob_pem) = self.p256("alice"), self.make_key("bob", "-algorithm", "ED25519")
        self.assertEqual(self.sign(alice).status, 0)
        self.assertEqual(self.check(self.envelope, alice_pem, bob_pem, threshold=2), 1)
        done = self.sign(bob, "--key-id", "bob", file=self.envelope)
        self.assertEqual((done.status, done.json()["signatures"]), (0, 2), done.err)
        self.assertEqual(self.check(self.envelope, alice_pem, bob_pem, threshold=2), 0)
        self.assertEqual(json.loads(self.envelope.read_text())["signatures"][1]["keyid"], "bob")
        before = self.envelope.read_bytes()
        self.assert_error(self.sign(alice, file=self.envelope), 1, "policy.signed_already")
        self.assert_error(self.sign(alice, "--name", "web", file=self.envelope), 2, "cli.usage")
        self.assert_error(self.sign(alice, "--payload-type", "text/plain", file=self.envelope), 2, "cli.usage")
        self.assertEqual(self.envelope.read_bytes(), before)

    def test_to_standard_output(self) -> None:
        private, public = self.p256()
        done = self.run_limequat("policy", "sign", "-", "--key", private, stdin=self.policy.read_bytes())
        self.assertEqual(done.status, 0, done.err)
        self.envelope.write_bytes(done.out)
        self.assertEqual(self.check(self.envelope, public), 0)
        self.assert_error(self.run_limequat("policy", "sign", self.policy, "--key", private, "-o", "table"), 2, "cli.usage")

    def test_name_and_release_are_signed(self) -> None:
        private, public = self.p256()
        self.assertEqual(self.sign(private, "--name", "web", "--release", 7).status, 0)
        payload = json.loads(base64.b64decode(json.loads(self.envelope.read_text())["payload"]))
        self.assertEqual((payload["meta"]["name"], payload["release"]), ("web", 7))
        self.assertEqual(payload["digests"], {"/usr/bin/a": [_ONE]})
        self.assertEqual(self.check(self.envelope, public), 0)
        for words in (("--release", "0"), ("--name", "a b"), ("--name", "web", "--payload-type", "text/plain")):
            self.assert_error(self.sign(private, *words), 2, "cli.usage")

    def test_attack_a11_says_what_may_be_used_again(self) -> None:
        private, _ = self.p256()
        for words in ((), ("--name", "web"), ("--release", 7)):
            done = self.sign(private, *words)
            self.assertEqual(done.status, 0, done.err)
            self.assertIn("nothing stops it from being used again", done.err)
        self.assertEqual(self.sign(private, "--name", "web", "--release", 7).err, "")

    def test_what_is_signed_is_not_changed(self) -> None:
        private, _ = self.p256()
        self.assertEqual(self.sign(private).status, 0)
        for words in (("merge", self.policy, self.envelope), ("convert", self.envelope), ("label", self.envelope, "--name", "web")):
            done = self.run_limequat("policy", *words)
            self.assert_error(done, 2, "cli.usage")
            self.assertIn("is signed", done.err)

    def test_attack_a10_nothing_is_merged_out_of_an_empty_policy(self) -> None:
        text = json.loads(self.policy.read_text())
        text["meta"]["generator"] = 1
        empty = self.write("empty.json", text)
        self.assert_error(self.run_limequat("policy", "merge", self.policy, empty), 1, "policy.merge")

    def test_a_certificate_goes_along(self) -> None:
        private, _ = self.p256()
        other, _ = self.p256("other")
        certificate = self.folder / "own.crt"
        subprocess.run(["openssl", "req", "-x509", "-key", private, "-subj", "/CN=signer", "-days", "30", "-out", certificate], check=True,
                       capture_output=True)
        self.assertEqual(self.sign(private, "--certificate", certificate).status, 0)
        done = self.run_limequat("policy", "check-signature", self.envelope, "--trust", certificate)
        self.assertEqual(done.status, 0, done.out)
        self.assert_error(self.sign(other, "--certificate", certificate), 3, "cli.certificate")
        self.assert_error(self.sign(private, "--certificate", self.policy), 3, "crypto.certificate.pem")
        self.assert_error(self.sign(private, "--certificate", certificate, "--key-id", "x"), 2, "cli.usage")

    def test_encrypted_keys(self) -> None:
        private, public = self.p256()
        encrypted = self.folder / "encrypted.key"
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", private, "-passout", "pass:open sesame", "-out", encrypted], check=True,
                       capture_output=True)
        encrypted.chmod(0o600)
        passphrase = self.write("passphrase", "open sesame\n")
        passphrase.chmod(0o600)
        self.assertEqual(self.sign(encrypted, "--passphrase-file", passphrase).status, 0)
        self.assertEqual(self.check(self.envelope, public), 0)
        wrong = self.write("wrong", "sesame\n")
        wrong.chmod(0o600)
        self.assert_error(self.sign(encrypted, "--passphrase-file", wrong), 5, "crypto.key.passphrase")
        passphrase.chmod(0o644)
        self.assert_error(self.sign(encrypted, "--passphrase-file", passphrase), 5, "config.mode")
        self.assertEqual(self.at_a_terminal("open sesame\n", encrypted), 0)
        self.assertEqual(self.at_a_terminal("sesame\n", encrypted), 5)

    def at_a_terminal(self, typed: str, key: Path) -> int:
        """The exit status, with a terminal on which `typed` is typed when a passphrase is asked for."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(LIMEQUAT, [os.fspath(LIMEQUAT), "policy", "sign", os.fspath(self.policy), "--key", os.fspath(key), "--output",
                                os.fspath(self.envelope), "-o", "json"])
        shown = b""
        try:
            while b"Passphrase of" not in shown:
                shown += os.read(terminal, 4096)
            os.write(terminal, typed.encode())
            while True:
                shown += os.read(terminal, 4096)
        except OSError:   # the other side ended
            pass
        self.assertNotIn(b"sesame", shown, "it is not shown")
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_without_a_terminal_a_file_is_needed(self) -> None:
        private, _ = self.p256()
        encrypted = self.folder / "encrypted.key"
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", private, "-passout", "pass:x", "-out", encrypted], check=True, capture_output=True)
        encrypted.chmod(0o600)
        done = subprocess.run([LIMEQUAT, "policy", "sign", self.policy, "--key", encrypted, "--output", self.envelope], capture_output=True,
                              start_new_session=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"--passphrase-file", done.stderr)

    def test_what_is_not_signed(self) -> None:
        private, _ = self.p256()
        for content, identifier in (("{", "policy.json"), ({}, "policy.schema"), (policy({"/a": ["x"]}), "policy.digest"),
                                    (policy({"/a": [_ONE]}, ".*"), "policy.exclude_everything")):
            self.assert_error(self.sign(private, file=self.write("bad.json", content)), 3, identifier)
        weak, _ = self.make_key("weak", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
        self.assert_error(self.sign(weak), 3, "policy.signing_key")
        private.chmod(0o644)
        self.assert_error(self.sign(private), 5, "config.mode")
        self.assertFalse(self.envelope.exists())

    def test_another_type(self) -> None:
        private, public = self.p256()
        self.assertEqual(self.sign(private, "--payload-type", "text/plain", file=self.write("note", "hello")).status, 0)
        self.assertEqual(self.check(self.envelope, public), 1)
        done = self.run_limequat("policy", "check-signature", self.envelope, "--key", public, "--payload-type", "text/plain")
        self.assertEqual(done.status, 0, done.out)


class CheckSignatureTest(PolicyFileTest):
    def test_usage(self) -> None:
        folder = DATA / "policy" / "signed"
        envelope, key = folder / "p256.dsse.json", folder / "p256.pem"
        words = ("policy", "check-signature", envelope)
        self.assert_error(self.run_limequat(*words), 2, "cli.usage")
        for threshold in (("0",), ("65",), ("x",), ("2",)):
            done = self.run_limequat(*words, "--key", key, "--threshold", *threshold)
            self.assertEqual(done.status, 2, done.err)
            self.assertIn("[cli.usage]", done.err)
        # The same key in two files is one.
        other = self.folder / "again.pem"
        shutil.copy(key, other)
        self.assertEqual(self.run_limequat(*words, "--key", key, "--key", other, "--threshold", 2).status, 2)
        done = self.run_limequat(*words, "--key", folder / "root.pem")
        self.assertEqual(done.status, 3)
        self.assertIn("--trust", done.err)
        self.assertEqual(self.run_limequat(*words, "--trust", key).status, 3)
        self.assertEqual(self.run_limequat(*words, "--key", folder / "absent").status, 4)
        self.assertEqual(self.run_limequat("policy", "check-signature", folder / "absent", "--key", key).status, 4)
        done = self.run_limequat("policy", "check-signature", "-", "--key", key, stdin=envelope.read_bytes())
        self.assertEqual(done.status, 0, done.err)


class AppraiseTest(PolicyFileTest):
    """A key that is given must have signed, and what is signed needs a key (attack A11)."""

    def setUp(self) -> None:
        super().setUp()
        self.private, self.public = self.p256()
        self.plain = self.write("policy.json", policy({name.decode(): [digest_of(name)] for name in (b"boot_aggregate", b"/bin/a")}))
        self.envelope = self.folder / "policy.dsse.json"
        self.assertEqual(self.run_limequat("policy", "sign", self.plain, "--key", self.private, "--output", self.envelope).status, 0)

    def appraise(self, policy_file: Path, *words: object, ran: bytes = b"/bin/a") -> tuple[int, str, set[str]]:
        path = self.folder / "list"
        path.write_bytes(binary_list([ran]))
        done = self.run_limequat("appraise", "ima", path, "--policy", policy_file, *words)
        document = done.json()
        return done.status, document["verdict"], {one["check"] for one in document["findings"] if one["outcome"] != "passed"}

    def test_attack_a11_signed_policies(self) -> None:
        _, other = self.p256("other")
        key = ("--policy-key", self.public)
        self.assertEqual(self.appraise(self.plain), (0, "pass", set()))
        self.assertEqual(self.appraise(self.envelope, *key), (0, "pass", set()))
        self.assertEqual(self.appraise(self.envelope, *key, ran=b"/bin/b"), (1, "fail", {"ima.path"}))
        self.assertEqual(self.appraise(self.envelope), (1, "fail", {"policy.signature.threshold"}))
        self.assertEqual(self.appraise(self.envelope, "--policy-key", other), (1, "fail", {"policy.signature.threshold"}))
        self.assertEqual(self.appraise(self.envelope, *key, "--policy-key", other, "--policy-threshold", 2),
                         (1, "fail", {"policy.signature.threshold"}))
        status, verdict, checks = self.appraise(self.plain, *key)
        self.assertEqual((status, checks), (1, {"policy.signature.present"}), verdict)

    def test_a_verified_policy_that_is_none(self) -> None:
        envelope = json.loads((DATA / "policy" / "signed" / "p256.dsse.json").read_text())
        envelope["payloadType"] = "text/plain"
        done = self.appraise(self.write("other.json", envelope), "--policy-key", DATA / "policy" / "signed" / "p256.pem")
        self.assertEqual(done, (1, "fail", {"policy.signature.payload_type", "policy.signature.threshold"}))


class ConvertTest(PolicyFileTest):
    def test_flat_list_with_exclude_list(self) -> None:
        text = f"{_ONE}  /usr/bin/a\n\n{_TWO} %keyring:.ima\n"
        listed = self.write("list", text)
        excludes = self.write("excludes", "# logs\n/var/log/.*\n")
        output = self.folder / "policy.json"
        checksum = hashlib.sha256(text.encode()).hexdigest()
        done = self.run_limequat("policy", "convert", listed, "--exclude-list", excludes, "--checksum", checksum, "--output", output)
        self.assertEqual((done.status, done.json()["form"], done.json()["paths"]), (0, "flat allow-list", 1), done.err)
        made = json.loads(output.read_text())
        self.assertEqual(made["digests"], {"/usr/bin/a": [_ONE]})
        self.assertEqual(made["keyrings"], {".ima": [_TWO]})
        self.assertEqual(made["excludes"], ["/var/log/.*"])
        self.assertEqual(self.run_limequat("policy", "convert", listed).json()["digests"], made["digests"])
        good = self.folder / "good.json"
        self.assertEqual(self.run_limequat("policy", "convert", self.write("list", f"{_ONE}  /usr/bin/a\n"), "--output", good).status, 0)
        self.assertEqual(self.run_limequat("policy", "check", good).status, 0)

    def test_refusals(self) -> None:
        listed = self.write("list", f"{_ONE}  /usr/bin/a\n{_ONE}\n")
        output = self.folder / "policy.json"
        words = ("policy", "convert", listed, "--output", output)
        done = self.run_limequat(*words)
        self.assert_error(done, 3, "policy.convert")
        self.assertIn("line 2", done.err)
        self.assert_error(self.run_limequat(*words, "--checksum", "0" * 64), 1, "cli.checksum")
        self.assert_error(self.run_limequat(*words, "--checksum", "0"), 2, "cli.usage")
        self.assert_error(self.run_limequat("policy", "convert", "-", "--exclude-list", "-", stdin=b""), 2, "cli.usage")
        self.assertFalse(output.exists())


class MergeAndDiffTest(PolicyFileTest):
    def test_merge(self) -> None:
        a, b, c = (self.write(name, policy({f"/{name}": [_ONE], "/all": [digest * 64]})) for name, digest in (("a", "3"), ("b", "4"), ("c", "5")))
        output = self.folder / "policy.json"
        done = self.run_limequat("policy", "merge", a, b, c, "--output", output)
        self.assertEqual((done.status, done.json()["merged"], done.json()["digests"]), (0, 3, 6), done.err)
        self.assertEqual(json.loads(output.read_text())["digests"]["/all"], ["3" * 64, "4" * 64, "5" * 64])
        grouped = self.folder / "grouped.json"
        self.assertEqual(self.run_limequat("policy", "merge", b, c, "--output", grouped).status, 0)
        self.assertEqual(self.run_limequat("policy", "merge", a, grouped).out, output.read_bytes())
        self.assert_error(self.run_limequat("policy", "merge", a, self.write("bad", "{}")), 3, "policy.schema")
        other = self.write("d", policy({"/d": [_ONE]}, ima={"ignored_keyrings": [], "log_hash_alg": "sha256", "dm_policy": None}))
        self.assert_error(self.run_limequat("policy", "merge", a, other), 1, "policy.merge")

    def test_yaml_holds_what_json_holds(self) -> None:
        private, _ = self.p256()
        file, flat = self.write("a", policy({"/a": [_ONE]}, "/tmp/.*")), self.write("flat", f"{_ONE}  /a\n")
        for words in (("merge", file), ("convert", flat), ("label", file, "--name", "web")):
            texts = [self.run_limequat("policy", *words, "-o", form) for form in ("json", "yaml")]
            as_json, as_yaml = texts[0].json(), yaml_subset.load(texts[1].out.decode())
            for made in (as_json, as_yaml):
                made["meta"].pop("timestamp")
            self.assertEqual(as_yaml, as_json, words)
        signed = self.run_limequat("policy", "sign", file, "--key", private, "-o", "yaml")
        envelope = yaml_subset.load(signed.out.decode())
        self.assertEqual((signed.status, base64.b64decode(envelope["payload"])), (0, file.read_bytes()))

    def test_diff(self) -> None:
        before = self.write("before", policy({"/gone": [_ONE], "/changed": [_ONE], "/same": [_ONE]}, "/tmp"))
        after = self.write("after", policy({"/new\n": [_ONE], "/changed": [_TWO], "/same": [_ONE]}, release=3))
        done = self.run_limequat("policy", "diff", before, after)
        self.assertEqual((done.status, done.json()["same"]), (0, False), done.err)
        self.assertEqual(done.json()["digests"], {
            "/changed": {"added": [_TWO], "removed": [_ONE], "change": "changed"},
            "/gone": {"added": [], "removed": [_ONE], "change": "gone"}, "/new\n": {"added": [_ONE], "removed": [], "change": "new"}})
        self.assertEqual(done.json()["excludes"], {"added": [], "removed": ["/tmp"]})
        self.assertEqual(done.json()["values"], {"release": {"before": "0", "after": "3"}})
        shown = self.run_limequat("policy", "diff", before, after, "-o", "table").out.decode().splitlines()
        self.assertEqual(shown, ["~ path /changed", "- path /gone", r"+ path /new\x0a", "- exclude /tmp", "~ release: 0 -> 3"])
        same = self.run_limequat("policy", "diff", before, before)
        self.assertEqual((same.status, same.json()["same"]), (0, True))
        self.assert_error(self.run_limequat("policy", "diff", before, self.write("bad", "{}")), 3, "policy.schema")
        self.assertEqual(self.run_limequat("policy", "diff", before, DATA / "policy" / "signed" / "p256.dsse.json").json()["same"], False)


class LintTest(PolicyFileTest):
    def wrong(self, content: Any) -> tuple[int, set[str]]:
        done = self.run_limequat("policy", "check", self.write("policy.json", content))
        return done.status, {one["check"].removeprefix("policy.check.") for one in done.json()["findings"] if one["outcome"] != "passed"}

    def test_findings(self) -> None:
        self.assertEqual(self.wrong(policy({"/a": [_ONE]}, "/var/log/.*")), (0, set()))
        self.assertEqual(self.wrong(policy({"/a": [_ONE]}, exclude=["x"])), (1, {"members"}))
        self.assertEqual(self.wrong(policy({"/a": ["3" * 40]})), (1, {"weak_digests"}))
        self.assertEqual(self.wrong(policy({"/a": [_ONE, _ONE]}, "/tmp", "/tmp")), (1, {"repeated"}))
        self.assertEqual(self.wrong(policy({"/a": [_ONE]}, ".*")), (1, {"exclude_all", "says_something"}))
        self.assertEqual(self.wrong(policy({"/a": [_ONE]}, "/usr/lib")), (1, {"exclude_programs"}))
        self.assertEqual(self.wrong(policy({"/a": ["x"]}, "("))[1], {"schema", "digests", "excludes", "says_something"})

    def test_no_policy(self) -> None:
        for content in ("{", "[]", '{"digests": {}, "digests": {}}'):
            done = self.run_limequat("policy", "check", self.write("bad", content))
            self.assertEqual((done.status, done.json()["verdict"], done.json()["error"]["id"]), (3, "error", "policy.json"))

    def test_what_an_envelope_holds(self) -> None:
        done = self.run_limequat("policy", "check", DATA / "policy" / "signed" / "p256.dsse.json")
        self.assertEqual((done.status, done.json()["signed"]), (0, True), done.out)

    def test_hostile_policies(self) -> None:
        """Each ends in a clear error within the time of every test, whatever it asks for."""
        slow = '"([a-z/]+)+[!?]"'
        for content, identifier in (("[" * 1_000_000, "policy.json"), ('{"a":' * 100_000, "policy.json"), (" " * (64 << 20) + "{}", "cli.input.too_long"),
                                    (json.dumps(policy({"/a": [_ONE]})).replace('"excludes": []', f'"excludes": [{slow}]'), "policy.exclude"),
                                    (json.dumps(policy({"/a": [_ONE]})).replace('"excludes": []', f'"excludes": [{",".join([slow] * 4095)}, ".*"]'),
                                     "policy.exclude")):
            done = self.run_limequat("policy", "sign", self.write("hostile", content), "--key", self.p256()[0])
            self.assert_error(done, 3, identifier)
        with open("/dev/zero", "rb") as endless:
            done = subprocess.run([LIMEQUAT, "policy", "check", "-"], stdin=endless, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
