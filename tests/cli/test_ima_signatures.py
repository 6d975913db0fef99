"""Signatures of files: `inspect ima`, `verify ima-signatures` and `appraise ima`, beside evmctl and openssl."""

import base64
import hashlib
import json
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from cli_testing import DATA, CliTest

_IMA = DATA / "ima"
_KEYS = _IMA / "keys"
_HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")


def _field(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def _entry(path: str, content: bytes, signature: bytes, name: str, template: str = "ima-sig") -> str:
    digest = hashlib.new(name, content)
    data = _field(f"{name}:\0".encode() + digest.digest()) + _field(path.encode() + b"\0") + _field(signature)
    return (f"10 {hashlib.sha1(data).hexdigest()} {template} {name}:{digest.hexdigest()} {path} "
            f"{signature.hex()}\n")


def _policy(**members: Any) -> str:
    policy: dict[str, Any] = {
        "meta": {"version": 1, "generator": 3}, "release": 0, "digests": {}, "excludes": [], "keyrings": {},
        "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None}, "ima-buf": {},
        "verification-keys": ""}
    policy.update({name.replace("_", "-"): value for name, value in members.items()})
    return json.dumps(policy)


class RealListsTest(CliTest):
    def test_summary_counts_without_keys(self) -> None:
        shown = self.run_limequat("inspect", "ima", _IMA / "vm__evmsig-612.ascii").json()
        self.assertEqual(shown["signatures"], {"entries": 6, "kinds": {
            "digest": 1, "portable-signature v2": 1, "signature v2": 5}})

    def test_entries_show_kind_version_hash_and_key(self) -> None:
        done = self.run_limequat("inspect", "ima", _IMA / "vm__verity-sigv2-612.bin", "--entries")
        entry, = [one for one in done.json()["measurements"] if one["path"] == "/data/v1"]
        self.assertEqual(entry["signatures"], [{"field": "sig", "kind": "verity-signature", "version": 3, "hash": "sha256",
                                                "key_id": "60bfa5a6", "bytes": 256}])
        table = self.run_limequat("inspect", "ima", _IMA / "vm__verity-sigv2-612.bin", "--entries", "-o", "table")
        self.assertIn(b"verity-signature v3 sha256 60bfa5a6", table.out)

    def test_expected_results(self) -> None:
        """What the corpus expects of its signatures, with its keys."""
        for name in ("vm__evmsig-61", "vm__evmsig-612", "vm__verity-sigv2-612"):
            for form in ("ascii", "bin"):
                expected = json.loads((_IMA / f"{name}.{form}.expected.json").read_text())["ima_signatures"]
                shown = self.run_limequat("inspect", "ima", _IMA / f"{name}.{form}", "--entries", "--keys",
                                          _KEYS / "rsa.der", "--keys", _KEYS / "ec.der").json()
                for one in expected:
                    entry = shown["measurements"][one["index"]]
                    self.assertEqual(entry["path"], one["path"])
                    found, = [s for s in entry["signatures"] if s["field"] in ("sig", "evmsig")]
                    self.assertEqual((found["version"], found["hash"], found["key_id"], found["bytes"]),
                                     (one["version"], one["hash"], one["keyid"], one["sig_bytes"]))
                    # Portable signatures are not verified there; this one was made before the file became setuid.
                    self.assertEqual(found["result"], "bad" if one["type"] == 5 else one["result"])

    def test_verify(self) -> None:
        words = ("verify", "ima-signatures", _IMA / "vm__verity-sigv2-612.ascii", "--keys")
        self.assertEqual(self.run_limequat(*words, _KEYS / "rsa.der").status, 0)
        done = self.run_limequat(*words, _KEYS / "ec.der")
        self.assertEqual((done.status, done.json()["verdict"]), (1, "fail"))
        self.assertEqual([(f["check"], f["outcome"]) for f in done.json()["findings"]],
                         [("ima.signature", "failed")])
        unsigned = self.run_limequat("verify", "ima-signatures", _IMA / "vm__tcb-ima-61.ascii", "--keys",
                                     _KEYS / "rsa.der")
        self.assertEqual(unsigned.status, 1)

    def test_keys_that_cannot_be_read(self) -> None:
        done = self.run_limequat("inspect", "ima", _IMA / "vm__evmsig-61.bin", "--keys", _IMA / "README.md")
        self.assert_error(done, 3, "ima.key")


@unittest.skipUnless(shutil.which("evmctl"), "evmctl (ima-evm-utils) is not installed")
class EvmctlTest(CliTest):
    """Files that evmctl signs, and what both say of them."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def make_key(self, name: str, *options: str) -> Path:
        key = self.folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-out", key, *options], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", key.with_suffix(".pub")], check=True)
        # evmctl takes certificates, but for version 1.
        subprocess.run(["openssl", "req", "-new", "-x509", "-key", key, "-subj", "/CN=signer", "-outform", "DER", "-out",
                        key.with_suffix(".der")], check=True)
        return key

    def sign(self, key: Path, content: bytes, *options: str) -> bytes:
        file = self.folder / "file"
        file.write_bytes(content)
        subprocess.run(["evmctl", "ima_sign", "--sigfile", "--key", key, *options, file], check=True,
                       capture_output=True)
        return (self.folder / "file.sig").read_bytes()

    def evmctl_says(self, key: Path, content: bytes, signature: bytes, *options: str) -> bool:
        (self.folder / "file").write_bytes(content)
        (self.folder / "file.sig").write_bytes(signature)
        done = subprocess.run(["evmctl", "ima_verify", "--sigfile", "--key", key, *options, self.folder / "file"],
                              check=False, capture_output=True)
        return done.returncode == 0

    def limequat_says(self, key: Path, content: bytes, signature: bytes, name: str) -> dict[str, Any]:
        entry = _entry("/file", content, signature, name)
        shown = self.run_limequat("inspect", "ima", "-", "--entries", "--keys", key, stdin=entry.encode()).json()
        found, = shown["measurements"][0]["signatures"]
        return found

    def test_rsa_and_ecdsa_with_every_hash(self) -> None:
        keys = ((self.make_key("rsa", "-algorithm", "RSA"), _HASHES),
                (self.make_key("p256", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), ("sha1", "sha256")),
                (self.make_key("p384", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"), ("sha384",)))
        for key, names in keys:
            entries, expected = "", []
            for name in names:
                signature = self.sign(key, b"content", "-a", name)
                for content in (b"content", b"other"):
                    good = self.evmctl_says(key.with_suffix(".der"), content, signature, "-a", name)
                    self.assertEqual(good, content == b"content", (key, name))
                    entries += _entry("/file", content, signature, name)
                    expected.append((2, name, "good" if good else "bad"))
            for keys_file in (key.with_suffix(".pub"), key.with_suffix(".der")):
                shown = self.run_limequat("inspect", "ima", "-", "--entries", "--keys", keys_file,
                                          stdin=entries.encode()).json()
                found = [entry["signatures"][0] for entry in shown["measurements"]]
                self.assertEqual([(one["version"], one["hash"], one["result"]) for one in found], expected)

    def test_version_1(self) -> None:
        key = self.make_key("rsa", "-algorithm", "RSA")
        public = key.with_suffix(".pub")
        for name in ("sha1", "sha256"):
            signature = self.sign(key, b"content", "--rsa", "-a", name)
            self.assertTrue(self.evmctl_says(public, b"content", signature, "--rsa", "-a", name))
            self.assertEqual(self.limequat_says(public, b"content", signature, name)["result"], "good")
            self.assertEqual(self.limequat_says(public, b"other", signature, name)["result"], "bad")

    def test_portable_evm_signature(self) -> None:
        key = self.make_key("rsa", "-algorithm", "RSA")
        file = self.folder / "file"
        file.write_bytes(b"content")
        digest = hashlib.sha256(b"content").digest()
        ima = b"\x04\x04" + digest
        done = subprocess.run(
            ["evmctl", "sign", "-n", "--portable", f"--ima={ima.hex()}", "--uid=1001", "--gid=7", "--mode=33188",
             "--caps=", "-a", "sha256", "--key", key, file], check=True, capture_output=True)
        text = done.stdout.decode().split()[-1]
        self.assertTrue(text.startswith("0502"), done.stderr)
        for mode, result in ((33188, "good"), (35236, "bad")):
            fields = [b"sha256:\0" + digest, b"/file\0", bytes.fromhex(text), b"security.ima\0", struct.pack("<I", len(ima)),
                      ima, struct.pack("<I", 1001), struct.pack("<I", 7), struct.pack("<H", mode)]
            data = b"".join(map(_field, fields))
            record = struct.pack("<I", 10) + hashlib.sha1(data).digest() + _field(b"evm-sig") + _field(data)
            shown = self.run_limequat("inspect", "ima", "-", "--entries", "--keys", key.with_suffix(".pub"),
                                      stdin=record).json()
            found, = [s for s in shown["measurements"][0]["signatures"] if s["field"] == "evmsig"]
            self.assertEqual(found["result"], result)


class PolicyKeysTest(CliTest):
    """`appraise ima` with keys in the policy."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def verdict(self, entries: str, policy: str) -> tuple[str, list[str]]:
        (self.folder / "policy").write_text(policy)
        done = self.run_limequat("appraise", "ima", "-", "--policy", self.folder / "policy", stdin=entries.encode())
        shown = done.json()
        return shown["verdict"], [f["check"] for f in shown["findings"] if f["outcome"] != "passed"]

    def test_real_list_with_verification_keys(self) -> None:
        listed: dict[str, list[str]] = {}
        entries = (_IMA / "vm__evmsig-612.ascii").read_text()
        for line in entries.splitlines():
            words = line.split(" ")
            listed.setdefault(words[4], []).append(words[3].split(":")[1])
        signed = {path: listed.pop(path) for path in ("/data/rsa1", "/data/ec1", "/data/portable", "/data/rsa-sha512")}
        keys = [base64.b64encode(subprocess.run(
            ["openssl", "x509", "-inform", "der", "-in", _KEYS / name, "-pubkey", "-noout"], check=True,
            capture_output=True).stdout).decode() for name in ("rsa.der", "ec.der")]
        spki = ["".join(base64.b64decode(key).decode().splitlines()[1:-1]) for key in keys]
        keyring = json.dumps({"pubkeys": spki, "keyids": [0x60bfa5a6, 0x2bc08860]})
        verdict, failed = self.verdict(entries, _policy(digests=listed))
        self.assertEqual((verdict, set(failed)), ("fail", {"ima.path"}))
        self.assertEqual(self.verdict(entries, _policy(digests=listed, verification_keys=keyring)), ("pass", []))
        # Keylime passes this too: a deliberate difference.
        wrong = {**listed, "/data/rsa1": ["0" * 64]}
        self.assertEqual(self.verdict(entries, _policy(digests=wrong, verification_keys=keyring)),
                         ("fail", ["ima.digest"]))
        self.assertEqual(len(signed), 4)

    def test_key_of_a_keyring_is_learned(self) -> None:
        certificate = (_KEYS / "rsa.der").read_bytes()
        line, = [one for one in (_IMA / "vm__evmsig-612.ascii").read_text().splitlines() if " /data/rsa1 " in one]
        signature = bytes.fromhex(line.split(" ")[8])
        data = _field(b"sha256:\0" + bytes.fromhex(line.split(" ")[3].split(":")[1])) + _field(b"/data/rsa1\0")
        data += _field(signature)
        signed = (f"10 {hashlib.sha1(data).hexdigest()} ima-sig {line.split(' ')[3]} /data/rsa1 "
                  f"{signature.hex()}\n")
        entries = _entry(".ima", certificate, certificate, "sha256", "ima-buf") + signed
        keyrings = {".ima": [hashlib.sha256(certificate).hexdigest()]}
        self.assertEqual(self.verdict(entries, _policy(keyrings=keyrings)), ("pass", []))
        self.assertEqual(self.verdict(entries, _policy(keyrings={".evm": keyrings[".ima"]})),
                         ("fail", ["ima.key", "ima.path"]))
        self.assertEqual(self.verdict(signed + entries, _policy(keyrings=keyrings)), ("fail", ["ima.path"]))

    def test_measured_buffer(self) -> None:
        entries = _entry("selinux-state", b"enforcing=1;", b"enforcing=1;", "sha256", "ima-buf")
        buffers = {"selinux-state": [hashlib.sha256(b"enforcing=1;").hexdigest()]}
        self.assertEqual(self.verdict(entries, _policy(ima_buf=buffers)), ("pass", []))
        self.assertEqual(self.verdict(entries, _policy(digests=buffers)), ("fail", ["ima.buffer"]))
