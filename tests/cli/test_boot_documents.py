"""`limequat policy merge|diff|check|convert` of boot references, told from runtime policies by their content."""

import json
import os
from pathlib import Path
from typing import Any

from test_policy_files import PolicyFileTest, policy


def kernel(image: str, *lines: str) -> dict[str, Any]:
    return {"name": "linux", "version": "6.1", "images": [image * 64], "file": "f" * 64, "initrds": ["e" * 64], "command_lines": list(lines)}


def values(*kernels: dict[str, Any], **more: Any) -> dict[str, Any]:
    secure = {"required": True, "pk": ["x509:" + "1" * 64], "kek": ["x509:" + "2" * 64], "db": ["x509:" + "3" * 64], "dbx": [], "events": []}
    return {"kind": "limequat-boot-reference", "version": 1, "name": "fleet", "release": 1, "digest_algorithm": "sha256",
            "boot_path": "shim-grub", "firmware": [{"pcrs": {"0": "4" * 64}}], "secure_boot": secure,
            "loaders": [{"name": "shim", "digest": "5" * 64}], "kernels": list(kernels) or [kernel("a", "/vmlinuz ro")], **more}


class BootDocumentTest(PolicyFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.one = self.write("one.json", values())
        self.two = self.write("two.json", values(kernel("a", "/vmlinuz quiet"), kernel("b", "/vmlinuz ro"), release=2))
        self.runtime = self.write("runtime.json", policy({"/bin/a": ["1" * 64]}))
        self.state = self.write("state.json", {"has_secureboot": True, "scrtm_and_bios": [], "pk": [], "kek": [], "db": [], "dbx": [],
                                               "vendor_db": [], "mokdig": [], "mokxdig": [], "kernels": []})

    def failed(self, *files: Path) -> dict[str, str]:
        done = self.run_limequat("policy", "check", *files)
        self.assertIn(done.status, (0, 1), done.err)
        found = {finding["check"]: finding["detail"] for finding in done.json()["findings"] if finding["outcome"] != "passed"}
        self.assertEqual(done.status, 1 if found else 0)
        return found

    def test_merge(self) -> None:
        merged = self.folder / "merged.json"
        done = self.run_limequat("policy", "merge", self.one, self.two, "--output", merged)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual((done.json()["kernels"], done.json()["release"], done.json()["merged"]), (2, 2, 2))
        document = json.loads(merged.read_text())
        self.assertEqual(document["kernels"][0]["command_lines"], ["/vmlinuz ro", "/vmlinuz quiet"])
        self.assertEqual(json.loads(self.run_limequat("policy", "merge", self.one, self.two).out), document)
        other = self.write("other.json", values(boot_path="netboot"))
        self.assert_error(self.run_limequat("policy", "merge", self.one, other), 1, "policy.boot_values.merge")

    def test_diff(self) -> None:
        difference = self.run_limequat("policy", "diff", self.one, self.two).json()
        self.assertFalse(difference["same"])
        self.assertEqual(set(difference["lists"]), {"kernels", "kernels.command_lines", "kernels.initrds"})
        self.assertIn("linux 6.1: /vmlinuz quiet", difference["lists"]["kernels.command_lines"]["added"])
        self.assertEqual(difference["lists"]["kernels.command_lines"]["removed"], ["linux 6.1: /vmlinuz ro"])
        self.assertEqual(difference["values"], {"release": {"before": "1", "after": "2"}})
        self.assertTrue(self.run_limequat("policy", "diff", self.one, self.one).json()["same"])
        text = self.run_limequat("policy", "diff", self.one, self.two, "-o", "table").out.decode()
        for part in ("+ kernels.command_lines linux 6.1: /vmlinuz quiet", "~ release: 1 -> 2"):
            self.assertIn(part, text)
        changed = self.write("changed.json", {**json.loads(self.state.read_text()), "has_secureboot": False})
        self.assertEqual(self.run_limequat("policy", "diff", self.state, changed).json()["values"],
                         {"has_secureboot": {"before": "true", "after": "false"}})

    def test_names_of_members_are_escaped_for_people(self) -> None:
        hostile = self.write("hostile.json", {**json.loads(self.state.read_text()), "\x1b[31mred": [1], "\x1b[32mgreen": 2})
        done = self.run_limequat("policy", "diff", self.state, hostile, "-o", "table")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn(b"red", done.out)
        self.assertNotIn(b"\x1b", done.out)

    def test_diff_of_what_is_signed(self) -> None:
        private, _ = self.p256()
        signed = self.folder / "signed.json"
        self.assertEqual(self.run_limequat("policy", "sign", self.two, "--key", private, "--output", signed).status, 0)
        self.assertTrue(self.run_limequat("policy", "diff", self.two, signed).json()["same"])

    def test_check(self) -> None:
        self.assertEqual(self.failed(self.one), {})
        self.assertEqual(self.failed(self.one, self.two), {})
        self.assertIn("policy.check.boot.release", self.failed(self.two, self.one))
        self.assertIn("'.*' matches every text",
                      self.failed(self.write("open.json", values(kernel("a", {"matches": ".*"}))))["policy.check.boot.open"])   # type: ignore[arg-type]
        self.assertIn("no loaders", self.failed(self.write("empty.json", values(loaders=[])))["policy.check.boot.empty"])
        self.assertIn("policy.check.schema", self.failed(self.write("unknown.json", values(more=1))))
        self.assertIn("policy.check.boot.empty", self.failed(self.write("less.json", {"has_secureboot": True, "scrtm_and_bios": []})))

    def test_mixed_kinds_are_refused(self) -> None:
        for command in ("merge", "diff", "check"):
            for files in ((self.one, self.runtime), (self.runtime, self.one), (self.state, self.one), (self.state, self.runtime)):
                self.assert_error(self.run_limequat("policy", command, *files), 3, "policy.kind")

    def test_what_is_not_converted_or_merged(self) -> None:
        done = self.run_limequat("policy", "convert", self.state)
        self.assert_error(done, 3, "policy.convert")
        self.assertIn("policy create boot", done.err)
        self.assert_error(self.run_limequat("policy", "convert", self.one), 3, "policy.convert")
        self.assert_error(self.run_limequat("policy", "merge", self.state, self.state), 3, "policy.merge")

    def test_hostile_documents(self) -> None:
        deep = self.folder / "deep.json"
        deep.write_text('{"kind":"limequat-boot-reference","kernels":' + "[" * 100000)
        twice = self.folder / "twice.json"
        twice.write_text(json.dumps(values())[:-1] + ',"kind":"x"}')
        for path in (deep, twice):
            for command in (("merge", path, path), ("diff", path, path), ("check", path), ("convert", path)):
                self.assertEqual(self.run_limequat("policy", *command).status, 3, command)
        redos = self.write("redos.json", values(kernel("a", {"matches": "(a+)+$" * 200})))   # type: ignore[arg-type]
        self.assertIn(self.run_limequat("policy", "check", redos).status, (0, 1))
        big = self.folder / "big.json"
        with big.open("w") as file:
            file.write('{"kind":"limequat-boot-reference","name":"')
            os.truncate(big, 70 << 20)
        self.assertEqual(self.run_limequat("policy", "check", big).status, 3)
