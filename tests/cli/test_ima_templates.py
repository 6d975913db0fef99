"""`limequat inspect ima --entries` shows what each template holds."""

import hashlib
import struct
from typing import Any

from cli_testing import CliTest


def _field(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def _record(template: bytes, *fields: bytes) -> bytes:
    data = b"".join(map(_field, fields))
    return struct.pack("<I", 10) + hashlib.sha1(data).digest() + _field(template) + _field(data)


def _digest(content: bytes, name: bytes = b"sha256") -> bytes:
    return name + b":\0" + hashlib.sha256(content).digest()


class ImaTemplatesTest(CliTest):
    def entry(self, record: bytes) -> dict[str, Any]:
        shown = self.run_limequat("inspect", "ima", "-", "--entries", stdin=record).json()
        self.assertEqual(shown["notes"], [])
        return shown["measurements"][0]

    def notes(self, record: bytes) -> list[str]:
        return [note["id"] for note in self.run_limequat("inspect", "ima", "-", stdin=record).json()["notes"]]

    def test_fs_verity(self) -> None:
        entry = self.entry(_record(b"ima-ngv2", _digest(b"x", b"verity:sha256"), b"/x\0"))
        self.assertEqual((entry["digest_type"], entry["algorithm"]), ("verity", "sha256"))

    def test_measured_key(self) -> None:
        key = bytes.fromhex("30053003a00102")
        entry = self.entry(_record(b"ima-buf", _digest(key), b".ima\0", key))
        self.assertEqual((entry["path"], entry["buffer"]), (".ima", {"kind": "certificate", "data": key.hex()}))

    def test_device_mapper_event(self) -> None:
        text = b"dm_version=4.45.0;name=a\\,b,uuid=CRYPT-1;"
        entry = self.entry(_record(b"ima-buf", _digest(text), b"dm_table_load\0", text))
        self.assertEqual(entry["buffer"]["kind"], "device-mapper")
        self.assertEqual([(field["part"], field["key"], field["value"]) for field in entry["buffer"]["fields"]],
                         [(0, "dm_version", "4.45.0"), (1, "name", "a,b"), (1, "uuid", "CRYPT-1")])

    def test_critical_data(self) -> None:
        entry = self.entry(_record(b"ima-buf", _digest(b"enforcing=1;"), b"selinux-state\0", b"enforcing=1;"))
        self.assertEqual(entry["buffer"], {"kind": "selinux-state", "data": b"enforcing=1;".hex(), "state": {"enforcing": "1"}})

    def test_owner_and_attributes(self) -> None:
        entry = self.entry(_record(b"evm-sig", _digest(b"f"), b"/f\0", b"\5", b"security.ima|security.x\0",
                                   struct.pack("<II", 1, 2), b"abb", struct.pack("<I", 1000), struct.pack("<I", 0),
                                   struct.pack("<H", 0o100755)))
        self.assertEqual((entry["uid"], entry["gid"], entry["mode"], entry["evm_signature"]), (1000, 0, 0o100755, "05"))
        self.assertEqual(entry["xattrs"], [{"name": "security.ima", "value": "61"}, {"name": "security.x", "value": "6262"}])

    def test_appended_signature(self) -> None:
        entry = self.entry(_record(b"ima-modsig", _digest(b"m"), b"/m.ko\0", b"", _digest(b"n"), b"\x30\0"))
        self.assertEqual(entry["modsig_digest"], {"algorithm": "sha256", "digest": hashlib.sha256(b"n").hexdigest()})
        self.assertEqual(entry["modsig"], "3000")

    def test_custom_template(self) -> None:
        entry = self.entry(_record(b"n-ng|sig", b"/x\0", b""))
        self.assertEqual((entry["template"], entry["algorithm"], entry["digest"]), ("n-ng|sig", "", ""))

    def test_what_does_not_fit_is_noted(self) -> None:
        self.assertEqual(self.notes(_record(b"ima-buf", _digest(b"other"), b"selinux-state\0", b"x")), ["ima.buffer_digest"])
        self.assertEqual(self.notes(_record(b"ima-buf", _digest(b"a=1"), b"dm_table_load\0", b"a=1")), ["ima.device_mapper"])
        self.assertEqual(self.notes(_record(b"n-ng|xattrnames|xattrlengths", b"/x\0", b"a\0", b"")), ["ima.xattrs"])

    def test_a_line_feed_in_a_name_is_noted(self) -> None:
        record = _record(b"ima-ng", _digest(b"x"), b"/a\nb\0")
        line = b"10 " + record[4:24].hex().encode() + b" ima-ng sha256:" + _digest(b"x")[8:].hex().encode() + b" /a\nb\n"
        shown = self.run_limequat("inspect", "ima", "-", "--entries", stdin=line).json()
        self.assertEqual([note["id"] for note in shown["notes"]], ["ima.line_feed"])
        self.assertEqual((shown["entries"], shown["pcrs"]), (1, self.run_limequat("inspect", "ima", "-", stdin=record).json()["pcrs"]))

    def test_an_unknown_template_is_never_a_good_list(self) -> None:
        good = _record(b"ima-ng", _digest(b"x"), b"/x\0")
        done = self.run_limequat("inspect", "ima", "-", stdin=good + _record(b"not-ima", _digest(b"x")))
        self.assertEqual((done.status, done.json()["entries"]), (3, 1))
        self.assertIn("[ima.template]", done.err)
        self.assertEqual(done.json()["notes"][-1]["id"], "ima.template")
        self.assertGreater(done.json()["trailing_bytes"], 0)
