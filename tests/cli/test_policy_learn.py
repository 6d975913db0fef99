"""`limequat policy learn`: runtime policies of attested IMA lists, and of nothing else unless told so."""

import hashlib
import json
import struct
import unittest
from pathlib import Path
from typing import Any

import quote_bytes as tpm
from cli_testing import CORPUS
from ima_lists import binary_list, buffer_record, digest_of, replay
from quote_bytes import RSASSA, SHA1, SHA256, SHA384
from test_policy_files import _ONE, PolicyFileTest, policy

_NAMES = [b"/bin/a", b"/bin/b"]
_NONCE = "00112233"
_LAB = CORPUS / "qemu" / "run1-ima-sig-secureboot-crb"


class LearnTest(PolicyFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.list = self.folder / "list"
        self.list.write_bytes(binary_list(_NAMES))
        self.output = self.folder / "policy.json"
        self.key = tpm.Key(self.folder, "RSA", "rsa_keygen_bits:2048")

    def learn(self, *words: object) -> Any:
        return self.run_limequat("policy", "learn", *words, "--output", self.output)

    def learned(self) -> Any:
        return json.loads(self.output.read_text())

    def assert_refused(self, done: Any, status: int, identifier: str) -> None:
        self.assert_error(done, status, identifier)
        self.assertEqual(done.out, b"")
        self.assertFalse(self.output.exists(), "no policy is left behind")


class AttestedTest(LearnTest):
    def quote(self, names: list[bytes] = _NAMES, pcr: int = 10, bank: int = SHA256) -> list[object]:
        """Options that give a good quote of the list of `names`."""
        selection: tpm.Selection = [(bank, [pcr])]
        values = {(bank, pcr): bytes.fromhex(replay(names, tpm.NAME[bank]))}
        message = tpm.attest(tpm.quote_info(selection, tpm.digest_of(selection, values)), bytes.fromhex(_NONCE))
        files = {"quote": message, "signature": self.key.sign(message, RSASSA)}
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        pcrs = self.write("pcrs.json", {tpm.NAME[bank]: {str(pcr): values[bank, pcr].hex()}})
        return ["--quote", self.folder / "quote", "--signature", self.folder / "signature", "--ak", self.key.pem, "--pcrs", pcrs,
                "--nonce", _NONCE]

    def test_what_a_quote_covers_is_learned(self) -> None:
        done = self.learn(self.list, *self.quote())
        self.assertEqual((done.status, done.err), (0, ""))
        made = self.learned()
        self.assertEqual(made["digests"], {name.decode(): [digest_of(name)] for name in _NAMES}, "boot_aggregate never enters")
        self.assertNotIn("unattested", made["meta"])
        self.assertEqual((done.json()["attested"], done.json()["entries"], done.json()["unquoted_bytes"]), (True, 3, 0))
        appraised = self.run_limequat("policy", "simulate", self.output, "--evidence", self.list)
        self.assertEqual(appraised.status, 0, appraised.out)
        self.assertEqual(self.run_limequat("policy", "check", self.output).status, 0)

    def test_attack_a06_a_longer_list_adds_nothing(self) -> None:
        self.list.write_bytes(binary_list([*_NAMES, b"/bin/evil"]))
        done = self.learn(self.list, *self.quote())
        self.assertEqual(done.status, 0, done.err)
        self.assertNotIn("/bin/evil", self.learned()["digests"])
        self.assertGreater(done.json()["unquoted_bytes"], 0)
        self.assertIn("follow the quoted state: not learned", done.err)
        self.list.write_bytes(binary_list(_NAMES) + b"garbage")
        self.assertEqual(self.learn(self.list, *self.quote()).status, 0)

    def test_attack_a06_a_tampered_list_is_refused(self) -> None:
        quote = self.quote()
        for names in ([b"/bin/a", b"/bin/evil"], [b"/bin/b", b"/bin/a"], [b"/bin/a"]):
            self.list.write_bytes(binary_list(names))
            self.assert_refused(self.learn(self.list, *quote), 1, "policy.learn.replay")

    def test_attack_a03_a_quote_of_another_nonce_is_refused(self) -> None:
        done = self.learn(self.list, *self.quote()[:-1], "00112234")
        self.assert_refused(done, 1, "policy.learn.quote")
        self.assertIn("tpm.quote.nonce", done.err)

    def test_without_a_nonce_it_is_told(self) -> None:
        done = self.learn(self.list, *self.quote()[:-2])
        self.assertEqual(done.status, 0)
        self.assertIn("no --nonce", done.err)

    def test_attack_a12_another_key_is_refused(self) -> None:
        quote = self.quote()
        other = self.folder / "other"
        other.mkdir()
        quote[quote.index(self.key.pem)] = tpm.Key(other, "RSA", "rsa_keygen_bits:2048").pem
        done = self.learn(self.list, *quote)
        self.assert_refused(done, 1, "policy.learn.quote")
        self.assertIn("tpm.quote.signature", done.err)

    def test_a_changed_message_is_refused(self) -> None:
        quote = self.quote()
        message = bytearray((self.folder / "quote").read_bytes())
        message[-1] ^= 1
        (self.folder / "quote").write_bytes(message)
        self.assert_refused(self.learn(self.list, *quote), 1, "policy.learn.quote")

    def test_attack_a08_other_values_than_those_signed_are_refused(self) -> None:
        quote = self.quote()
        self.list.write_bytes(binary_list([b"/bin/evil"]))
        self.write("pcrs.json", {"sha256": {"10": replay([b"/bin/evil"], "sha256")}})
        done = self.learn(self.list, *quote)
        self.assert_refused(done, 1, "policy.learn.quote")
        self.assertIn("tpm.quote.pcr_digest", done.err)

    def test_a_quote_without_pcr_10_is_refused(self) -> None:
        self.assert_refused(self.learn(self.list, *self.quote(pcr=9)), 1, "policy.learn.pcr")

    def test_attack_a02_an_empty_pcr_is_refused(self) -> None:
        selection: tpm.Selection = [(SHA256, [10])]
        values = {(SHA256, 10): bytes(32)}
        quote = self.quote()
        message = tpm.attest(tpm.quote_info(selection, tpm.digest_of(selection, values)), bytes.fromhex(_NONCE))
        (self.folder / "quote").write_bytes(message)
        (self.folder / "signature").write_bytes(self.key.sign(message, RSASSA))
        self.write("pcrs.json", {"sha256": {"10": "0" * 64}})
        self.assert_refused(self.learn(self.list, *quote), 1, "policy.learn.replay")

    def test_attack_a08_the_sha1_bank_needs_to_be_allowed(self) -> None:
        quote = self.quote(bank=SHA1)
        self.assert_refused(self.learn(self.list, *quote), 1, "policy.learn.pcr")
        self.assertEqual(self.learn(self.list, *quote, "--allow-sha1").status, 0)

    def test_other_banks(self) -> None:
        self.assertEqual(self.learn(self.list, *self.quote(bank=SHA384)).status, 0)

    def test_half_a_quote_is_wrong_usage(self) -> None:
        quote = self.quote()
        for at in range(0, len(quote) - 2, 2):
            self.assert_refused(self.learn(self.list, *quote[:at], *quote[at + 2 :]), 2, "cli.usage")
        self.assert_refused(self.learn(self.list, self.list, *quote), 2, "cli.usage")
        self.assert_refused(self.learn(self.list, *quote, "--unattested"), 2, "cli.usage")
        self.assert_refused(self.learn("-", *quote[:-1], "x"), 2, "cli.usage")

    def test_malformed_input(self) -> None:
        quote = self.quote()
        (self.folder / "signature").write_bytes(b"x")
        self.assertEqual(self.learn(self.list, *quote).status, 3)
        self.assertFalse(self.output.exists())


@unittest.skipUnless(_LAB.exists(), f"no corpus at {CORPUS}: quotes of a software TPM with their list")
class RealQuoteTest(LearnTest):
    def quote(self, name: str, key: str, nonce: str) -> list[object]:
        folder = _LAB / "quotes" / name
        return ["--quote", folder / "msg", "--signature", folder / "sig", "--pcrs", folder / "pcrs", "--ak", _LAB / f"ak_{key}.tpm2b",
                "--nonce", nonce]

    def test_attack_a06_of_a_running_machine_the_quoted_part_is_learned(self) -> None:
        index = json.loads((_LAB / "quotes" / "index.json").read_text())
        for name, key in (("q1_rsassa_sha256_all", "rsassa"), ("q3_ecdsa_sha256_10", "ecdsa")):
            about = index[name]
            policies = []
            for form in ("ascii", "binary"):
                path = _LAB / f"{form}_runtime_measurements"
                done = self.learn(path, *self.quote(name, key, about["nonce_hex"]))
                self.assertEqual(done.status, 0, done.err)
                self.assertEqual(done.json()["entries"], about["log_entries"])
                self.assertEqual(done.json()["unquoted_bytes"], path.stat().st_size - about[f"log_bytes_{form}"])
                policies.append(self.learned()["digests"])
            self.assertEqual(*policies)
            later = (_LAB / "ascii_runtime_measurements").read_bytes()[about["log_bytes_ascii"] :]
            words = [line.decode(errors="replace").split(" ") for line in later.splitlines()]
            unquoted = {line[4] for line in words if len(line) > 4} - set(policies[0])
            self.assertTrue(unquoted, "the machine ran files after the quote")

    def test_of_another_machine_it_is_refused(self) -> None:
        quote = self.quote("q1_rsassa_sha256_all", "rsassa", "00112233445566778899aabbccddeeff00112233")
        self.assert_refused(self.learn(self.list, *quote), 1, "policy.learn.replay")


class UnattestedTest(LearnTest):
    def test_nothing_is_learned_without_a_quote(self) -> None:
        self.assert_refused(self.learn(self.list), 2, "cli.usage")

    def test_told_so_it_is_marked(self) -> None:
        done = self.learn(self.list, "--unattested")
        self.assertEqual((done.status, done.json()["attested"]), (0, False))
        self.assertIn("nobody vouches for the lists", done.err)
        self.assertIs(self.learned()["meta"]["unattested"], True)

    def test_the_mark_outlives_merging_and_is_checked(self) -> None:
        self.learn(self.list, "--unattested")
        merged = self.folder / "merged.json"
        other = self.write("other.json", policy({"/usr/bin/x": [_ONE]}))
        for files in ((self.output, other), (other, self.output)):
            self.assertEqual(self.run_limequat("policy", "merge", *files, "--output", merged).status, 0)
            self.assertIs(json.loads(merged.read_text())["meta"]["unattested"], True)
            done = self.run_limequat("policy", "check", merged)
            self.assertEqual(done.status, 1)
            self.assertEqual([one["check"] for one in done.json()["findings"] if one["outcome"] != "passed"], ["policy.check.attested"])

    def test_conflicts_keep_both_and_are_told(self) -> None:
        other = self.folder / "other"
        entry = binary_list([b"/bin/a"])
        other.write_bytes(entry.replace(bytes.fromhex(digest_of(b"/bin/a")), b"\x22" * 32))
        self.rehash(other)
        done = self.learn(self.list, other, "--unattested")
        both = sorted([digest_of(b"/bin/a"), "22" * 32])
        self.assertEqual(self.learned()["digests"]["/bin/a"], both)
        self.assertEqual(done.json()["conflicts"], {"/bin/a": both})
        self.assertIn("/bin/a has 2 digests", done.err)

    @staticmethod
    def rehash(path: Path) -> None:
        """Makes the template digests of a binary list those of its data."""
        data, out, at = path.read_bytes(), b"", 0
        while at < len(data):
            head, name = data[at : at + 4], data[at + 24 : at + 34]
            size = struct.unpack_from("<I", data, at + 34)[0]
            content = data[at + 38 : at + 38 + size]
            out += head + hashlib.sha1(content).digest() + name + struct.pack("<I", size) + content
            at += 38 + size
        path.write_bytes(out)

    def test_a_base_keeps_what_it_has(self) -> None:
        base = self.write("base.json", policy({"/bin/a": [_ONE], "/usr/bin/x": [_ONE]}, "/var/"))
        done = self.learn(self.list, "--unattested", "--base", base)
        self.assertEqual(self.learned()["digests"], {"/bin/a": sorted([_ONE, digest_of(b"/bin/a")]), "/bin/b": [digest_of(b"/bin/b")],
                                                     "/usr/bin/x": [_ONE]})
        self.assertEqual(self.learned()["excludes"], ["/var/"])
        self.assertEqual(list(done.json()["conflicts"]), ["/bin/a"], "the base lists another digest")

    def test_excluded_paths_are_not_learned(self) -> None:
        done = self.learn(self.list, "--unattested", "--exclude", "/bin/b")
        self.assertEqual((list(self.learned()["digests"]), self.learned()["excludes"], done.json()["excluded"]), (["/bin/a"], ["/bin/b"], 1))

    def test_attack_a10_an_expression_for_everything_is_refused(self) -> None:
        self.assert_refused(self.learn(self.list, "--unattested", "--exclude", "/.*"), 1, "policy.learn.nothing")
        self.assertEqual(self.learn(self.list, "--unattested", "--exclude", "(").status, 3)

    def test_attack_a09_violations_are_left_out_and_named(self) -> None:
        data = binary_list([b"/bin/changed", *_NAMES])
        first = len(binary_list([]))
        self.list.write_bytes(data[: first + 4] + bytes(20) + data[first + 24 :])
        done = self.learn(self.list, "--unattested")
        self.assertEqual(sorted(self.learned()["digests"]), ["/bin/a", "/bin/b"])
        self.assertEqual(done.json()["left_out"], ["/bin/changed: a violation: it changed while it was measured"])
        self.assertIn("not in the policy: /bin/changed", done.err)

    def test_sha1_digests_only_if_asked(self) -> None:
        line = f"10 {hashlib.sha1(bytes(20) + b'/bin/a'.ljust(256, bytes(1))).hexdigest()} ima {'00' * 20} /bin/a\n"
        self.list.write_text(line)
        self.assert_refused(self.learn(self.list, "--unattested"), 1, "policy.learn.nothing")
        self.assertEqual(self.learn(self.list, "--unattested", "--allow-sha1-digests").status, 0)
        self.assertEqual(self.learned()["digests"], {"/bin/a": ["00" * 20]})

    def test_to_standard_output(self) -> None:
        done = self.run_limequat("policy", "learn", self.list, "--unattested")
        self.assertEqual(sorted(done.json()["digests"]), ["/bin/a", "/bin/b"])
        done = self.run_limequat("policy", "learn", "-", "--unattested", "-o", "yaml", stdin=self.list.read_bytes())
        self.assertEqual((done.status, done.out[:5]), (0, b"meta:"))


class BufferTest(LearnTest):
    """Keys that were added to keyrings, and other buffers that the kernel measured."""

    def setUp(self) -> None:
        super().setUp()
        key, self.state = self.key.der.read_bytes(), b"enforcing=1"
        self.digests = {name: [hashlib.sha256(content).hexdigest()] for name, content in ((".ima", key), ("selinux-state", self.state))}
        self.list.write_bytes(binary_list(_NAMES) + buffer_record(b".ima", key) + buffer_record(b"selinux-state", self.state))

    def appraised(self) -> set[str]:
        done = self.run_limequat("appraise", "ima", self.list, "--policy", self.output)
        return {one["check"] for one in done.json()["findings"] if one["outcome"] == "failed"}

    def test_without_being_asked_none_is_learned(self) -> None:
        done = self.learn(self.list, "--unattested")
        self.assertEqual((self.learned()["keyrings"], self.learned()["ima-buf"]), ({}, {}))
        self.assertEqual((done.json()["keys"], done.json()["buffers"]), (0, 0))
        self.assertEqual(self.appraised(), {"ima.key", "ima.buffer"})

    def test_what_is_learned_passes(self) -> None:
        done = self.learn(self.list, "--unattested", "--keyrings", "--ima-buf")
        self.assertEqual(self.learned()["keyrings"], {".ima": self.digests[".ima"]})
        self.assertEqual(self.learned()["ima-buf"], {"selinux-state": self.digests["selinux-state"]})
        self.assertEqual((done.json()["keys"], done.json()["buffers"]), (1, 1))
        self.assertIn("1 key may sign any file from now on", done.err)
        self.assertEqual(self.appraised(), set())

    def test_each_by_itself(self) -> None:
        self.learn(self.list, "--unattested", "--keyrings")
        self.assertEqual(self.appraised(), {"ima.buffer"})
        self.learn(self.list, "--unattested", "--ima-buf")
        self.assertEqual(self.appraised(), {"ima.key"})

    def test_an_ignored_keyring(self) -> None:
        done = self.learn(self.list, "--unattested", "--keyrings", "--ima-buf", "--ignored-keyring", ".ima")
        self.assertEqual((self.learned()["keyrings"], self.learned()["ima"]["ignored_keyrings"]), ({}, [".ima"]))
        self.assertEqual(done.json()["excluded"], 1)
        self.assertNotIn("may sign", done.err)
        self.assertEqual(self.appraised(), set())

    def test_a_list_of_nothing_but_buffers(self) -> None:
        self.list.write_bytes(binary_list([]) + buffer_record(b"selinux-state", self.state))
        self.assert_refused(self.learn(self.list, "--unattested", "--keyrings"), 1, "policy.learn.nothing")
        self.assertEqual(self.learn(self.list, "--unattested", "--ima-buf").status, 0)

    def test_a_base_keeps_its_keys(self) -> None:
        base = self.write("base.json", {**policy({"/bin/a": [_ONE]}), "keyrings": {".ima": [_ONE]}})
        self.learn(self.list, "--unattested", "--keyrings", "--base", base)
        self.assertEqual(self.learned()["keyrings"], {".ima": sorted([_ONE, *self.digests[".ima"]])})
