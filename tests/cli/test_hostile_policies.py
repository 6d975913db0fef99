"""Policies that are made to cost time or memory, through the command: every format ends in a clear error within bounds."""

import base64
import json
import resource
import subprocess
from pathlib import Path
from typing import Any

from cli_testing import DATA, LIMEQUAT, Done
from ima_lists import binary_list, digest_of
from test_policy_files import PolicyFileTest, policy

_MEMORY = 1 << 30       # of addresses, programs and libraries included
_SECONDS = 20           # of processor time
_LONG = 3 << 30         # of a file without content: longer than any policy, and than the memory
_MEGABYTES = 16 << 20
_LOG = DATA / "policy" / "boot" / "shim-grub.eventlog"
_REFERENCE = DATA / "policy" / "boot" / "shim-grub.reference.json"
_VALUES_TYPE = "application/vnd.keylime+json"
# Exponential in a careless matcher, on the names of ordinary systems.
_SLOW = "([a-z/]+)+[!?]"

DEPTH = "[" * 1_000_000
DEPTH_OF_OBJECTS = '{"a":' * 200_000
TWICE = '{"digests":{},"digests":{}}'


def _limited() -> None:
    # A sanitizer's shadow takes more addresses than any limit.
    if "asan" not in str(LIMEQUAT):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))


class HostilePolicyTest(PolicyFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.list = self.folder / "list"
        self.list.write_bytes(binary_list([b"/usr/bin/" + b"a" * 60]))
        self.plain = policy({"/usr/bin/x": [digest_of(b"x")]})

    def limited(self, *words: object) -> Done:
        done = subprocess.run([LIMEQUAT, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
                              preexec_fn=_limited)
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def assert_ends_well(self, done: Done, *statuses: int, says: str = "") -> None:
        """An exit status of the contract, and one short line that says what it is."""
        self.assertIn(done.status, statuses or (3,), (done.err[-300:], done.out[-300:]))
        if done.status == 3:
            self.assertRegex(done.err, r"\Alimequat: [^\n]*\[[a-z_.]+\]\n\Z")
            self.assertIn(says, done.err)
        self.assertLess(len(done.err), 2000)
        self.assertLess(len(done.out), 20_000)

    def sparse(self, name: str, head: str = "") -> Path:
        path = self.folder / name
        with path.open("w") as file:
            file.write(head)
            file.truncate(_LONG)
        return path

    def with_digest_twice(self) -> str:
        text = json.dumps(self.plain)
        return text.replace('"digests": {', f'"digests": {{"/usr/bin/x": ["{"1" * 64}"], ')

    def refused_everywhere(self, *commands: tuple[object, ...], texts: dict[str, str]) -> None:
        """Each text as FILE, where None stands in a command, and a file longer than everything."""
        sparse = self.sparse("sparse", "{")
        for about, text in texts.items():
            file = self.write("hostile", text)
            for command in commands:
                with self.subTest(command=command[:2], about=about):
                    self.assert_ends_well(self.limited(*(file if word is None else word for word in command)))
        for command in commands:
            with self.subTest(command=command[:2], about="longer than memory"):
                self.assert_ends_well(self.limited(*(sparse if word is None else word for word in command)), says="longer than")

    def test_runtime_policies(self) -> None:
        slow = json.dumps({**self.plain, "excludes": [_SLOW]})
        self.refused_everywhere(
            ("appraise", "ima", self.list, "--policy", None), ("policy", "merge", None), ("policy", "diff", None, self.write("p", self.plain)),
            ("policy", "simulate", None, "--evidence", self.list), ("policy", "label", None, "--name", "web"),
            texts={"depth": DEPTH, "objects": DEPTH_OF_OBJECTS, "twice": TWICE, "path twice": self.with_digest_twice(), "slow": slow,
                   "long digest": json.dumps({**self.plain, "digests": {"/a": ["1" * _MEGABYTES]}}),
                   "long expression": json.dumps({**self.plain, "excludes": ["a" * _MEGABYTES]}),
                   "many values": "[" + "[]," * 3_000_000 + "[]]"})

    def test_what_checks_policies_says_it_as_findings(self) -> None:
        slow = self.write("slow", {**self.plain, "excludes": [_SLOW]})
        done = self.limited("policy", "check", slow)
        self.assertEqual(done.status, 1)
        self.assertIn("policy.check.excludes", [one["check"] for one in done.json()["findings"] if one["outcome"] == "failed"])
        for text in (DEPTH, TWICE):
            self.assert_ends_well(self.limited("policy", "check", self.write("hostile", text)))

    def test_a_long_name_is_a_name(self) -> None:
        """Sixteen megabytes that nothing measures: a policy, and cheap enough."""
        file = self.write("long", {**self.plain, "digests": {"/" + "a" * _MEGABYTES: ["1" * 64]}})
        self.assert_ends_well(self.limited("appraise", "ima", self.list, "--policy", file), 1)

    def test_allow_lists(self) -> None:
        line = f"{'1' * 64}  /usr/bin/x\n"
        self.refused_everywhere(
            ("policy", "convert", None),
            texts={"depth": DEPTH, "objects": DEPTH_OF_OBJECTS, "twice": '{"hashes":{},"hashes":{}}', "one long line": "a" * _MEGABYTES,
                   "long digest": "1" * _MEGABYTES + " /a\n", "no digest": line * 1000 + "x /a\n",
                   "nested": '{"meta":{"version":5},"hashes":{"/a":' + DEPTH})

    def test_exclude_lists(self) -> None:
        allow = self.folder / "allow"
        allow.write_text(f"{'1' * 64}  /usr/bin/x\n")
        self.refused_everywhere(
            ("policy", "convert", allow, "--exclude-list", None),
            texts={"slow": _SLOW + "\n", "many slow": (_SLOW + "\n") * 2000, "long": "a" * _MEGABYTES, "many": "".join(f"/{n}\n" for n in range(20_000)),
                   "nested groups": "(" * 100_000 + ")" * 100_000, "large repetition": "(((a{1000}){1000}){1000}){1000}\n", "everything": "/.*\n"})

    def test_envelopes(self) -> None:
        private, public = self.p256()
        payload = base64.b64encode(json.dumps(self.plain).encode()).decode()
        good = {"payload": payload, "payloadType": _VALUES_TYPE, "signatures": [{"keyid": "", "sig": "AAAA"}]}
        twice = json.dumps(good)[:-1] + f', "payload": "{payload}"}}'
        texts = {"depth": '{"payload":' + DEPTH, "objects": DEPTH_OF_OBJECTS, "twice": twice,
                 "no base64": json.dumps({**good, "payload": "!" * _MEGABYTES}),
                 "many signatures": json.dumps({**good, "signatures": good["signatures"] * 100_000})}
        self.refused_everywhere(("policy", "check-signature", None, "--key", public), texts=texts)
        for about, text in texts.items():
            with self.subTest(about):
                done = self.limited("appraise", "ima", self.list, "--policy", self.write("hostile", text), "--policy-key", public)
                self.assert_ends_well(done, 1, 3)
                self.assertNotEqual(done.json()["verdict"], "pass")

    def sign(self, private: Path, payload: bytes) -> str:
        """An envelope of anything, made by OpenSSL."""
        signed = b"DSSEv1 %d %b %d %b" % (len(_VALUES_TYPE), _VALUES_TYPE.encode(), len(payload), payload)
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", private], input=signed, capture_output=True, check=True).stdout
        return json.dumps({"payload": base64.b64encode(payload).decode(), "payloadType": _VALUES_TYPE,
                           "signatures": [{"keyid": "", "sig": base64.b64encode(made).decode()}]})

    def test_what_a_good_signature_covers_is_as_hostile(self) -> None:
        private, public = self.p256()
        for about, text in {"depth": DEPTH, "twice": self.with_digest_twice(),
                            "slow": json.dumps({**self.plain, "excludes": [_SLOW]})}.items():
            with self.subTest(about):
                file = self.write("hostile", self.sign(private, text.encode()))
                self.assertEqual(self.limited("policy", "check-signature", file, "--key", public).status, 0)
                done = self.limited("appraise", "ima", self.list, "--policy", file, "--policy-key", public)
                self.assert_ends_well(done)

    def test_boot_references(self) -> None:
        good: Any = json.loads(_REFERENCE.read_text())
        text = json.dumps(good)
        first = next(iter(good))
        self.refused_everywhere(
            ("appraise", "boot", _LOG, "--reference", None),
            texts={"depth": DEPTH, "objects": DEPTH_OF_OBJECTS, "nested": '{"kernels":' + DEPTH,
                   "twice": text[:-1] + f', "{first}": {json.dumps(good[first])}}}',
                   "long": json.dumps({**good, "kernels": "a" * _MEGABYTES}), "many values": '{"kernels":[' + "{}," * 2_000_000 + "{}]}"})

    def test_a_slow_expression_for_the_command_line(self) -> None:
        good: Any = json.loads(_REFERENCE.read_text())
        for kernel in good["kernels"]:
            kernel["kernel_cmdline"] = r"(([ -~]+)+)+\x00never"
        self.assert_ends_well(self.limited("appraise", "boot", _LOG, "--reference", self.write("slow", good)), 1, 3)

    def test_boot_values(self) -> None:
        made = self.folder / "values.json"
        done = self.run_limequat("policy", "create", "boot", _LOG, "--name", "web", "--output", made)
        self.assertEqual(done.status, 0, done.err)
        good: Any = json.loads(made.read_text())
        text = json.dumps(good)
        first = next(iter(good))
        self.refused_everywhere(
            ("appraise", "boot", _LOG, "--reference", None),
            texts={"twice": text[:-1] + f', "{first}": {json.dumps(good[first])}}}', "nested": text[:-1] + ', "kernels":' + DEPTH,
                   "long name": json.dumps({**good, "name": "a" * _MEGABYTES})})
