"""What `limequat inspect eventlog` shows; tests/corpus compares it with other tools on many logs."""

import hashlib
import json

from cli_testing import DATA, CliTest


class InspectEventLogTest(CliTest):
    _LOG = DATA / "eventlog" / "vm__fw-shim-sb-61.bin"

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

    def test_array_of_records(self) -> None:
        digests = [{"hashAlg": "sha256", "digest": hashlib.sha256(b"a").hexdigest()}, {"hashAlg": "x", "digest": "00"},
                   {"hashAlg": "sha3_256", "digest": hashlib.sha3_256(b"a").hexdigest()}]
        record = {"recnum": 0, "pcr": 11, "digests": digests, "content_type": "systemd", "content": {"string": "a", "eventType": "phase"}}
        shown = self.run_limequat("inspect", "eventlog", "-", stdin=json.dumps([record, record]).encode()).json()
        self.assertEqual((shown["format"], shown["algorithms"], shown["trailing_bytes"]), ("cel-json", ["sha256", "sha3_256"], 0))
        self.assertEqual([event["content"] for event in shown["events"]], [{"text": "a"}] * 2)
        self.assertEqual([note["id"] for note in shown["notes"]], ["eventlog.cel.digest"] * 2)
        value = bytes(32)
        for _ in range(2):
            value = hashlib.sha3_256(value + hashlib.sha3_256(b"a").digest()).digest()
        self.assertEqual(shown["pcrs"]["sha3_256"]["11"], value.hex())

    def test_registers_of_a_ccel_have_their_names_in_the_table(self) -> None:
        spec = (b"Spec ID Event03\0" + bytes(4) + bytes([0, 2, 0, 2]) + (1).to_bytes(4, "little") + bytes([12, 0, 48, 0, 0]))
        log = (1).to_bytes(4, "little") + (3).to_bytes(4, "little") + bytes(20) + len(spec).to_bytes(4, "little") + spec
        log += (2).to_bytes(4, "little") + (4).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes([12, 0]) + bytes(48) + bytes(4)
        text = self.run_limequat("inspect", "eventlog", "-", "-o", "table", stdin=log).out.decode()
        self.assertIn("registers       ccel\n", text)
        self.assertRegex(text, r"\n1 +RTMR1 +EV_SEPARATOR")
        self.assertIn("  RTMR1 sha384", text)

    @staticmethod
    def log_of(algorithms: dict[int, int], *events: tuple[int, dict[int, bytes], bytes]) -> bytes:
        """A crypto-agile log: identifiers and sizes of algorithms; PCR, digests and data of each EV_IPL."""
        spec = b"Spec ID Event03\0" + bytes(4) + bytes([0, 2, 0, 2]) + len(algorithms).to_bytes(4, "little")
        for algorithm, size in algorithms.items():
            spec += algorithm.to_bytes(2, "little") + size.to_bytes(2, "little")
        spec += b"\0"
        log = bytes(4) + (3).to_bytes(4, "little") + bytes(20) + len(spec).to_bytes(4, "little") + spec
        for pcr, digests, data in events:
            log += pcr.to_bytes(4, "little") + (13).to_bytes(4, "little") + len(digests).to_bytes(4, "little")
            for algorithm, digest in digests.items():
                log += algorithm.to_bytes(2, "little") + digest
            log += len(data).to_bytes(4, "little") + data
        return log

    def test_attack_a07_a_digest_covers_what_every_bank_covers(self) -> None:
        shown, measured = b"lockdown=confidentiality", b"init=/evil"
        both = {11: hashlib.sha256(measured).digest(), 13: hashlib.sha512(shown).digest()}
        true = {11: hashlib.sha256(shown).digest(), 13: hashlib.sha512(shown).digest()}
        for algorithms in ({11: 32, 13: 64}, {11: 32}):  # the other one listed, or not
            log = self.log_of(algorithms, (8, both, shown), (8, true, shown))
            events = self.run_limequat("inspect", "eventlog", "-", stdin=log).json()["events"]
            self.assertEqual([event["digest_covers"] for event in events[-2:]], ["nothing", "all"], algorithms)
            self.assertEqual(events[-2]["untrusted_content"], {"text": shown.decode()})
            self.assertNotIn("content", events[-2])

    def test_attack_a07_an_event_of_no_register_covers_nothing(self) -> None:
        text = b"lockdown=confidentiality"
        for pcr in (24, 0xFFFFFFFF):
            log = self.log_of({11: 32}, (pcr, {11: hashlib.sha256(text).digest()}, text))
            event = self.run_limequat("inspect", "eventlog", "-", stdin=log).json()["events"][-1]
            self.assertEqual((event["digest_covers"], "content" in event), ("nothing", False), pcr)
        record = {"recnum": 0, "nv_index": 30408704, "digests": [{"hashAlg": "sha256", "digest": hashlib.sha256(b"a").hexdigest()}],
                  "content_type": "systemd", "content": {"string": "a", "eventType": "phase"}}
        event = self.run_limequat("inspect", "eventlog", "-", stdin=json.dumps([record]).encode()).json()["events"][0]
        self.assertEqual((event["pcr"], event["digest_covers"], "content" in event), (None, "nothing", False))

    def test_the_last_byte_that_nothing_covers_is_not_shown_as_covered(self) -> None:
        text = b"linux /vmlinuz root=/dev/sda1"
        log = self.log_of({11: 32}, (8, {11: hashlib.sha256(text).digest()}, text + b"0"))
        event = self.run_limequat("inspect", "eventlog", "-", stdin=log).json()["events"][-1]
        self.assertEqual((event["digest_covers"], event["content"]), ("all_but_last", {"text": text.decode()}))

    def test_attack_a15_marks_of_the_table_cannot_be_forged(self) -> None:
        log = self.log_of({11: 32}, (8, {11: bytes(32)}, b"x~ linux /vmlinuz good ~y"))
        table = self.run_limequat("inspect", "eventlog", "-", "-o", "table", stdin=log).out.decode()
        self.assertIn(r"~x\x7e linux /vmlinuz good \x7ey~", table)

    def test_longer_than_any_log(self) -> None:
        self.assert_error(self.run_limequat("inspect", "eventlog", "-", stdin=bytes((8 << 20) + 1)), 3, "cli.input.too_long")

    def test_nothing_to_read(self) -> None:
        self.assert_error(self.run_limequat("inspect", "eventlog", "/dev/null"), 3, "eventlog.empty")
        self.assert_error(self.run_limequat("inspect", "eventlog", "-", stdin=b"\x01" * 20), 3, "eventlog.truncated")
