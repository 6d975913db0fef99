"""`limequat policy create boot` makes reference values of recorded boots, and `appraise boot` holds boots against them."""

import hashlib
import json
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from cli_testing import DATA, CliTest

BOOTS = DATA / "lab" / "boots"


def unified_image(sections: dict[str, bytes]) -> bytes:
    """A PE32+ file with these sections and no code."""
    optional = struct.pack("<H", 0x20b) + bytes(58)
    size = 0x40 + 24 + 240 + 40 * len(sections)
    optional += struct.pack("<II", size, 0) + bytes(40) + struct.pack("<I", 16) + bytes(128)
    head = b"MZ" + bytes(0x3a) + struct.pack("<I", 0x40) + b"PE\0\0" + struct.pack("<HH", 0x8664, len(sections)) + bytes(12)
    head += struct.pack("<HH", len(optional), 0x206) + optional
    at = size
    for name, content in sections.items():
        head += name.encode().ljust(8, b"\0") + struct.pack("<IIII", len(content), 0x1000, len(content), at) + bytes(16)
        at += len(content)
    return head + b"".join(sections.values())


class BootFileTest(CliTest):
    """Reference values in a folder of the test's own."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-boot-values-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def pcrs(self, boot: str, prefix: str = "") -> Path:
        path = self.folder / f"{boot}.{prefix}pcrs.json"
        path.write_text(json.dumps(json.loads((BOOTS / boot / f"{prefix}pcrs.json").read_text())["pcrs"]))
        return path

    def create(self, boot: str, *words: object) -> Path:
        values = self.folder / f"{boot}.json"
        done = self.run_limequat("policy", "create", "boot", BOOTS / boot / "eventlog", "--pcrs", self.pcrs(boot), "--output", values,
                                 "--name", "fleet", *words)
        self.assertEqual(done.status, 0, done.err)
        return values

    def appraise(self, boot: str, values: Path, *words: object, prefix: str = "") -> Any:
        done = self.run_limequat("appraise", "boot", BOOTS / boot / f"{prefix}eventlog", "--pcrs", self.pcrs(boot, prefix),
                                 "--reference", values, *words)
        self.assertIn(done.status, (0, 1), done.err)
        document = json.loads(done.out)
        self.assertEqual(document["verdict"] == "pass", done.status == 0)
        return document

    @staticmethod
    def failed(document: Any) -> set[str]:
        return {finding["check"] for finding in document["findings"] if finding["outcome"] != "passed"}


class BootValuesTest(BootFileTest):
    def test_a_boot_fits_its_own_values_and_another_command_line_is_named(self) -> None:
        for boot in ("shim-grub-sb-6.12", "sd-boot-stub-6.1", "uki-sb-6.12", "direct-6.1"):
            values = self.create(boot)
            self.assertEqual(self.failed(self.appraise(boot, values)), set(), boot)
            self.assertNotEqual(self.failed(self.appraise(boot, values, prefix="changed.")), set(), boot)
        text = json.dumps(self.appraise("shim-grub-sb-6.12", self.folder / "shim-grub-sb-6.12.json", prefix="changed."))
        self.assertIn("lab.note=changed", text)

    def test_user_space_is_compared_where_its_log_is(self) -> None:
        log = BOOTS / "systemd-6.12" / "tpm2-measure.log"
        values = self.create("systemd-6.12", "--user-space-log", log)
        self.assertEqual(self.failed(self.appraise("systemd-6.12", values, "--user-space-log", log)), set())
        self.assertIn("eventlog.replay", self.failed(self.appraise("systemd-6.12", values)))

    def test_two_boots_are_good_by_merged_values(self) -> None:
        values = self.create("uki-sb-6.1")
        done = self.run_limequat("policy", "create", "boot", BOOTS / "uki-sb-6.12" / "eventlog", "--pcrs", self.pcrs("uki-sb-6.12"),
                                 "--update", values, "--output", values)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(json.loads(values.read_text())["release"], 2)
        for boot in ("uki-sb-6.1", "uki-sb-6.12"):
            self.assertEqual(self.failed(self.appraise(boot, values)), set())

    def test_the_next_kernel_is_added_by_its_file_and_signed(self) -> None:
        values = self.create("uki-6.12")
        image = self.folder / "next.efi"
        kernel = unified_image({".text": b"code"})
        image.write_bytes(unified_image({".osrel": b"ID=next", ".uname": b"6.13", ".linux": kernel, ".initrd": b"initrd"}))
        done = self.run_limequat("policy", "create", "boot", "--update", values, "--add-uki", image, "--output", values)
        self.assertEqual(done.status, 0, done.err)
        document = json.loads(values.read_text())
        self.assertEqual([kernel["version"] for kernel in document["kernels"] if "version" in kernel], ["6.13"])
        sections = document["kernels"][1]["sections"]
        self.assertEqual([section["name"] for section in sections], [".linux", ".osrel", ".initrd", ".uname"])
        self.assertEqual(sections[0]["digest"], hashlib.sha256(kernel).hexdigest())
        self.assertEqual(self.failed(self.appraise("uki-6.12", values)), set())
        private, public = self.folder / "key.pem", self.folder / "key.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        private.chmod(0o600)
        signed = self.folder / "signed.json"
        done = self.run_limequat("policy", "sign", values, "--key", private, "--output", signed)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.failed(self.appraise("uki-6.12", signed, "--reference-key", public)), set())
        self.assertIn("policy.signature.present", self.failed(self.appraise("uki-6.12", values, "--reference-key", public)))
        self.assertIn("policy.signature.threshold", self.failed(self.appraise("uki-6.12", signed)))

    def change(self, boot: str, values: Path, *words: object, prefix: str = "") -> Any:
        done = self.run_limequat("appraise", "boot", BOOTS / boot / f"{prefix}eventlog", "--pcrs", self.pcrs(boot, prefix), "--reference",
                                 values, "--change", self.folder / "change.json", *words)
        self.assertIn(done.status, (0, 1), done.err)
        return done

    def test_with_the_change_a_boot_passes(self) -> None:
        values = self.create("shim-grub-sb-6.12")
        before = values.read_text()
        change = self.change("shim-grub-sb-6.12", values, prefix="changed.").json()["change"]
        self.assertEqual((change["suffices"], change["unchangeable"], change["not_covered"]), (True, [], 0))
        self.assertIn("lab.note=changed", json.dumps(change["additions"]))
        self.assertEqual(values.read_text(), before, "nothing applies it")
        written = json.loads((self.folder / "change.json").read_text())
        self.assertEqual((written, written["release"]), (change["boot_reference"], 2))
        for prefix in ("", "changed."):
            self.assertEqual(self.failed(self.appraise("shim-grub-sb-6.12", self.folder / "change.json", prefix=prefix)), set())

    def test_nothing_is_written_if_nothing_would_help(self) -> None:
        values = self.create("shim-grub-sb-6.12")
        change = self.change("shim-grub-sb-6.12", values).json()["change"]
        self.assertEqual((change["additions"], change["boot_reference"], change["suffices"]), ([], None, True))
        done = self.run_limequat("appraise", "boot", BOOTS / "uki-6.1" / "eventlog", "--pcrs", self.pcrs("shim-grub-sb-6.12"), "--reference",
                                 values, "--change", self.folder / "change.json")
        self.assertFalse(done.json()["change"]["suffices"])
        self.assertFalse((self.folder / "change.json").exists())

    def test_says_it_for_people(self) -> None:
        text = self.change("direct-6.1", self.create("direct-6.1"), "-o", "table", prefix="changed.").out.decode()
        for part in ("What a boot reference would have to list", "nothing was changed", "kernels[0].load_options"):
            self.assertIn(part, text)

    def test_usage(self) -> None:
        self.assertEqual(self.run_limequat("policy", "create", "boot").status, 2)
        self.assertEqual(self.run_limequat("policy", "create", "boot", "a", "--pcrs", "b", "--pcrs", "c").status, 2)
        self.assertEqual(self.run_limequat("policy", "create", "boot", "a", "--initrd", "b").status, 2)
        values = self.create("uki-6.12")
        self.assertEqual(self.run_limequat("policy", "create", "boot", "--update", values).status, 2)
        self.assertEqual(self.run_limequat("appraise", "boot", BOOTS / "uki-6.1" / "eventlog", "--change", "x").status, 2)
