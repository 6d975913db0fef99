"""`limequat inspect eventlog` on every log of the corpus and of data/eventlog, against two references.

Where it deviates from them, on purpose:
- HIRS__...SPDMFirmwareBlob: the independent replay stops at a digest whose algorithm the header does not list.  We read
  on as tpm2_eventlog does, which is the reference there.
- tpm2-tools__specid-vendordata: tpm2_eventlog reads vendor information from behind the event.  We refuse the header,
  like the independent replay.
- mutated/pcr_24: the independent replay extends a PCR 24, which no TPM has.
- mutated/duplicate_sha256_digest: both references extend with one of two digests.  We refuse the record.
- Device paths: libefivar writes addresses without what parts them ("IPv4(0.0.0.00.0.0.0,0,0)") and reads four bytes where a
  node of ebs_event_missing has one (EDD10).
"""

import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import CORPUS, DATA, CliTest

_FOLDERS = (DATA / "eventlog", CORPUS / "eventlog")
_READ_FURTHER = "HIRS__binary_bios_measurements_addEvt11asSPDMFirmwareBlob_version1"
_REFUSED = "tpm2-tools__specid-vendordata"
_OTHER_PATHS = re.compile(r"IPv[46]\(|EDD10\(")
_HOSTILE = (DATA / "eventlog" / "hostile", CORPUS / "eventlog" / "mutated")


def _tool_events(path: Path) -> list[dict[str, Any]]:
    """Number, PCR, type and digests of each event in the YAML of tpm2_eventlog."""
    events: list[dict[str, Any]] = []
    algorithm = "sha1"
    for line in gzip.decompress(path.read_bytes()).decode(errors="replace").splitlines():
        if match := re.fullmatch(r"- EventNum: (\d+)", line):
            events.append({"index": int(match[1]), "digests": {}})
            algorithm = "sha1"
        elif match := re.fullmatch(r"  PCRIndex: (-?\d+)", line):
            if not events or "pcr" in events[-1]:   # SHA-1 logs have no EventNum
                events.append({"index": len(events), "digests": {}})
            events[-1]["pcr"] = int(match[1]) % 2**32
        elif match := re.fullmatch(r"  EventType: (\w+)", line):
            events[-1]["type"] = match[1]
        elif match := re.fullmatch(r"  - AlgorithmId: (\w+)", line):
            algorithm = match[1]
        elif match := re.fullmatch(r'  (?:  )?Digest: "([0-9a-f]+)"', line):
            events[-1]["digests"][algorithm] = match[1]
        elif match := re.fullmatch(r" {4,6}DevicePath: '([A-Z][^']*)'", line):
            events[-1]["device_path"] = match[1]
        elif line == "pcrs:":
            break
    return events


def _tool_pcrs(path: Path) -> dict[str, dict[str, str]]:
    pcrs: dict[str, dict[str, str]] = {}
    text = gzip.decompress(path.read_bytes()).decode(errors="replace").partition("\npcrs:\n")[2]
    bank = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"  (\w+):", line):
            bank = match[1]
            pcrs[bank] = {}
        elif match := re.fullmatch(r"    (\d+) *: 0x([0-9a-f]+)", line):
            pcrs[bank][match[1]] = match[2]
    return pcrs


class EventLogCorpusTest(CliTest):
    """One test for each log, added below."""

    def check(self, path: Path) -> None:
        expected = json.loads(path.with_suffix(".pcrs.json").read_text())["independent_replay"]
        done = self.run_limequat("inspect", "eventlog", path)
        if path.stem == _REFUSED:
            self.assert_error(done, 3, "eventlog.spec_id.vendor_info")
            return
        self.assertEqual(done.status, 0, done.err)
        shown = done.json()
        self.check_tool(path, shown)
        if path.stem != _READ_FURTHER:
            self.check_replay(shown, expected)
        # The whole log and nothing behind it.
        self.assertEqual([event["index"] for event in shown["events"]], list(range(len(shown["events"]))))
        table = self.run_limequat("inspect", "eventlog", path, "-o", "table")
        self.assertEqual(table.status, 0)
        for character in table.out.decode():
            self.assertTrue(character == "\n" or character.isprintable(), repr(character))

    def check_replay(self, shown: dict[str, Any], expected: dict[str, Any]) -> None:
        self.assertEqual(expected["parse"], "ok")
        self.assertEqual(shown["format"], expected["format"])
        self.assertEqual(shown["algorithms"], expected["algs"])
        self.assertEqual(len(shown["events"]), expected["events"])
        self.assertEqual(shown["trailing_bytes"], expected["trailing"])
        self.assertEqual(shown["startup_locality"], expected["startup_locality"])
        self.assertEqual(shown["pcrs"], expected["pcrs"])
        # Types whose digest should be of the data, and is not.
        others = [[event["index"], event["pcr"], event["type"]] for event in shown["events"] if event["digest_covers"] != "all"]
        for event in expected["data_digest_mismatch"]:
            self.assertIn(event, others)

    def check_tool(self, path: Path, shown: dict[str, Any]) -> None:
        yaml = path.with_suffix(".expected.yaml.gz")
        if not yaml.exists():
            return
        events = _tool_events(yaml)
        self.assertEqual(len(shown["events"]), len(events))
        for ours, theirs in zip(shown["events"], events, strict=True):
            self.assertEqual({name: ours[name] for name in ("index", "pcr", "digests")},
                             {name: theirs[name] for name in ("index", "pcr", "digests")})
            if "type" in theirs:
                self.assertEqual(ours["type"], theirs["type"])
            self.check_device_path(ours, theirs)
        self.assertEqual({bank: pcrs for bank, pcrs in shown["pcrs"].items() if pcrs},
                         {bank: pcrs for bank, pcrs in _tool_pcrs(yaml).items() if pcrs})


    def check_device_path(self, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
        if "device_path" not in theirs or _OTHER_PATHS.search(theirs["device_path"]):
            return
        content = {**ours.get("content", {}), **ours.get("untrusted_content", {})}
        self.assertEqual(content.get("device_path", "").replace("\\\\", "\\"), theirs["device_path"], ours["index"])


class HostileEventLogTest(CliTest):
    """One test for each hostile variant, added below."""

    def check(self, path: Path) -> None:
        case = json.loads(path.with_suffix(".verdict.json").read_text())
        done = self.run_limequat("inspect", "eventlog", path)
        if case["verdict"] == "reject":
            self.assertEqual((done.status, done.out), (3, b""), done.err)
            self.assertIn(f"[{case.get('notice', 'eventlog.')}", done.err)
            return
        expected = case["independent_replay"]
        self.assertEqual(done.status, 0, done.err)
        shown = done.json()
        ids = [note["id"] for note in shown["notes"]]
        if case["verdict"] != "parse":
            self.assertNotEqual(ids, [])
        if "notice" in case:
            self.assertIn(case["notice"], ids)
        elif "eventlog.digest_duplicate" in ids:
            return
        self.assertEqual(len(shown["events"]), expected["events"])
        pcrs = {bank: {pcr: value for pcr, value in values.items() if pcr != "24"} for bank, values in expected["pcrs"].items()}
        self.assertEqual({bank: values for bank, values in shown["pcrs"].items() if values or bank in pcrs}, pcrs)
        self.assertEqual(shown["startup_locality"], expected["startup_locality"])


class FilterTest(CliTest):
    _LOG = DATA / "eventlog" / "vm__fw-shim-sb-61.bin"

    def test_pcrs_and_types(self) -> None:
        whole = self.run_limequat("inspect", "eventlog", self._LOG).json()
        some = self.run_limequat("inspect", "eventlog", self._LOG, "--pcr", "4-5,7", "--type", "EV_SEPARATOR", "--type", "0x80000007").json()
        events = [event for event in whole.pop("events")
                  if event["pcr"] in (4, 5, 7) and event["type"] in ("EV_SEPARATOR", "EV_EFI_ACTION")]
        self.assertEqual(len(events), 6)
        self.assertEqual(some.pop("events"), events)
        self.assertEqual(some, whole)

    def test_content(self) -> None:
        shown = self.run_limequat("inspect", "eventlog", self._LOG, "--type", "EV_EFI_VARIABLE_BOOT").json()
        first = shown["events"][0]
        self.assertEqual(first["digest_covers"], "variable_data")
        self.assertEqual(first["content"], {"boot_order": ["Boot0001", "Boot0000", "Boot0002"]})
        self.assertEqual(first["untrusted_content"]["name"], "BootOrder")

    def test_table(self) -> None:
        text = self.run_limequat("inspect", "eventlog", self._LOG, "--pcr", "7", "-o", "table").out.decode()
        self.assertIn("\n4      7    EV_EFI_VARIABLE_DRIVER_CONFIG  94a377e9002be6e1  SecureBoot 01\n", text)
        self.assertIn("  PCR 7  sha256  75677db6", text)
        self.assertNotIn("PCR 8", text)

    def test_attack_a15_text_of_events_is_escaped(self) -> None:
        text = b"grub_cmd: a\nb\xe2\x80\xae\0"
        record = (8).to_bytes(4, "little") + (13).to_bytes(4, "little") + bytes(20) + len(text).to_bytes(4, "little") + text
        for output in ("json", "yaml", "table"):
            done = self.run_limequat("inspect", "eventlog", "-", "-o", output, stdin=record)
            self.assertEqual(done.status, 0, done.err)
            self.assertIn(r"a\x0ab\u{202e}", done.out.decode().replace("\\\\", "\\"))
            for character in done.out.decode():
                self.assertTrue(character == "\n" or character.isprintable(), repr(character))

    def test_log_of_user_space(self) -> None:
        def line(pcr: int, text: str, measured: str) -> str:
            digest = hashlib.sha256(measured.encode()).hexdigest()
            return ("\x1e" + json.dumps({"pcr": pcr, "digests": [{"hashAlg": "sha256", "digest": digest}], "content_type": "systemd",
                                         "content": {"string": text, "eventType": "phase"}}) + "\n")
        log = line(11, "enter-initrd", "enter-initrd") + line(15, "cryptsetup:x", "secret") + "\x1e{"
        done = self.run_limequat("inspect", "eventlog", "-", stdin=log.encode())
        self.assertEqual(done.status, 0, done.err)
        shown = done.json()
        self.assertEqual((shown["format"], shown["algorithms"], shown["trailing_bytes"]), ("cel-json", ["sha256"], 2))
        self.assertEqual([(event["pcr"], event["type"], event["digest_covers"]) for event in shown["events"]],
                         [(11, "phase", "all"), (15, "phase", "nothing")])
        self.assertEqual(shown["events"][0]["content"], {"text": "enter-initrd"})
        self.assertEqual(shown["events"][1]["untrusted_content"], {"text": "cryptsetup:x"})
        self.assertEqual([note["id"] for note in shown["notes"]], ["eventlog.cel.truncated"])
        digest = hashlib.sha256(bytes(32) + hashlib.sha256(b"enter-initrd").digest()).hexdigest()
        self.assertEqual(shown["pcrs"]["sha256"]["11"], digest)
        only = self.run_limequat("inspect", "eventlog", "-", "--pcr", "15", stdin=log.encode()).json()
        self.assertEqual([event["index"] for event in only["events"]], [1])
        table = self.run_limequat("inspect", "eventlog", "-", "-o", "table", stdin=log.encode()).out.decode()
        self.assertIn("enter-initrd", table)
        self.assert_error(self.run_limequat("inspect", "eventlog", "-", stdin=b"\x1e{\n"), 3, "eventlog.cel.record")

    def test_registers_of_a_ccel_have_their_names_in_the_table(self) -> None:
        spec = (b"Spec ID Event03\0" + bytes(4) + bytes([0, 2, 0, 2]) + (1).to_bytes(4, "little") + bytes([12, 0, 48, 0, 0]))
        log = (1).to_bytes(4, "little") + (3).to_bytes(4, "little") + bytes(20) + len(spec).to_bytes(4, "little") + spec
        log += (2).to_bytes(4, "little") + (4).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes([12, 0]) + bytes(48) + bytes(4)
        text = self.run_limequat("inspect", "eventlog", "-", "-o", "table", stdin=log).out.decode()
        self.assertIn("registers       ccel\n", text)
        self.assertRegex(text, r"\n1 +RTMR1 +EV_SEPARATOR")
        self.assertIn("  RTMR1 sha384", text)

    def test_longer_than_any_log(self) -> None:
        self.assert_error(self.run_limequat("inspect", "eventlog", "-", stdin=bytes((64 << 20) + 1)), 3, "cli.input.too_long")

    def test_nothing_to_read(self) -> None:
        self.assert_error(self.run_limequat("inspect", "eventlog", "/dev/null"), 3, "eventlog.empty")
        self.assert_error(self.run_limequat("inspect", "eventlog", "-", stdin=b"\x01" * 20), 3, "eventlog.truncated")


def _test_of(path: Path) -> Callable[[Any], None]:
    return lambda self: self.check(path)


for _folder in _FOLDERS:
    for _expected in sorted(_folder.glob("*.pcrs.json")) if _folder.exists() else []:
        _path = Path(str(_expected).removesuffix(".pcrs.json") + ".bin")
        setattr(EventLogCorpusTest, f"test_{_folder.parent.name}_{_path.stem}", _test_of(_path))
for _folder in _HOSTILE:
    for _expected in sorted(_folder.glob("*.verdict.json")) if _folder.exists() else []:
        _path = Path(str(_expected).removesuffix(".verdict.json") + ".bin")
        setattr(HostileEventLogTest, f"test_{_folder.name}_{_path.stem}", _test_of(_path))
if not CORPUS.exists():
    setattr(EventLogCorpusTest, "test_corpus", lambda self: self.skipTest(f"no corpus at {CORPUS}: 0 of its event logs were checked"))
