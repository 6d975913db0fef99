"""The lab's boot logs and IMA lists are what a real kernel and firmware make of the same boot."""

import hashlib
import unittest

from lab_testing import BOOT_LOG, IMA_LINES, PCRS
from limequat_lab.bootlog import change_last_event, parse_boot_log, replay_boot_log
from limequat_lab.errors import MalformedError
from limequat_lab.ima import Entry, boot_aggregate, violation_of
from limequat_lab.tpm import DIGEST_SIZES


class SoftTpm:
    """PCRs without a TPM, with the methods of `tpm.Tpm` that are needed here."""

    def __init__(self, *banks: str) -> None:
        self.values = {bank: [bytes(DIGEST_SIZES[bank])] * 24 for bank in banks}

    def banks(self) -> list[str]:
        return list(self.values)

    def read(self, bank: str, pcr: int) -> bytes:
        return self.values[bank][pcr]

    def extend(self, pcr: int, digests: dict[str, bytes]) -> None:
        for bank, digest in digests.items():
            self.values[bank][pcr] = hashlib.new(bank, self.values[bank][pcr] + digest).digest()


def entry_of(line: bytes) -> Entry:
    _, _, template, digest, path = line.decode().split()
    return Entry(path, bytes.fromhex(digest.removeprefix("sha256:")), template)


class BootLogTest(unittest.TestCase):
    def test_replaying_the_recorded_log_gives_the_recorded_pcrs_in_every_bank(self) -> None:
        tpm = SoftTpm(*PCRS)
        replay_boot_log(parse_boot_log(BOOT_LOG), tpm)  # type: ignore[arg-type]
        for bank, values in PCRS.items():
            for pcr, value in values.items():
                if pcr != "10":  # IMA's
                    self.assertEqual(tpm.read(bank, int(pcr)).hex(), value, f"{bank} {pcr}")

    def test_a_log_cut_anywhere_is_refused_or_shorter_by_whole_events(self) -> None:
        ends = {event.offset for event in parse_boot_log(BOOT_LOG)}
        for size in range(len(BOOT_LOG)):
            if size in ends:
                self.assertLess(len(parse_boot_log(BOOT_LOG[:size])), len(ends))
            else:
                with self.assertRaises(MalformedError, msg=str(size)):
                    parse_boot_log(BOOT_LOG[:size])

    def test_another_format_or_algorithm_is_refused(self) -> None:
        with self.assertRaises(MalformedError):
            parse_boot_log(bytes(64))
        first = parse_boot_log(BOOT_LOG)[0].offset
        with self.assertRaises(MalformedError):
            parse_boot_log(BOOT_LOG[: first + 12] + b"\xff\xff" + BOOT_LOG[first + 14 :])

    def test_a_log_of_another_startup_locality_is_refused(self) -> None:
        event = (0).to_bytes(4, "little") + (3).to_bytes(4, "little") + bytes(4)
        for locality, refused in ((b"\0", False), (b"\3", True)):
            log = BOOT_LOG + event + (17).to_bytes(4, "little") + b"StartupLocality\0" + locality
            if refused:
                with self.assertRaises(MalformedError):
                    parse_boot_log(log)
            else:
                parse_boot_log(log)

    def test_a_bank_that_the_log_does_not_have_is_refused(self) -> None:
        events = parse_boot_log(BOOT_LOG)
        for event in events:
            event.digests.pop("sha1")
        with self.assertRaises(MalformedError):
            replay_boot_log(events, SoftTpm("sha1", "sha256"))  # type: ignore[arg-type]

    def test_a_changed_log_gives_another_value_of_its_pcr_only(self) -> None:
        tpm = SoftTpm("sha256")
        replay_boot_log(parse_boot_log(change_last_event(BOOT_LOG, 9)), tpm)  # type: ignore[arg-type]
        differing = [pcr for pcr in range(10) if tpm.read("sha256", pcr).hex() != PCRS["sha256"][str(pcr)]]
        self.assertEqual(differing, [9])


class ImaTest(unittest.TestCase):
    def test_every_recorded_line_is_made_anew_from_path_and_digest(self) -> None:
        for line in IMA_LINES:
            self.assertEqual(entry_of(line).line(), line)

    def test_the_recorded_list_extends_to_the_recorded_pcr_10_in_every_bank(self) -> None:
        tpm = SoftTpm(*PCRS)  # sha384 and sha512 as this kernel, which cannot hash with them
        for line in IMA_LINES:
            entry = entry_of(line)
            tpm.extend(10, {bank: entry.extension(bank) for bank in PCRS})
        for bank, values in PCRS.items():
            self.assertEqual(tpm.read(bank, 10).hex(), values["10"], bank)

    def test_boot_aggregate_is_the_recorded_one(self) -> None:
        tpm = SoftTpm("sha256")
        replay_boot_log(parse_boot_log(BOOT_LOG), tpm)  # type: ignore[arg-type]
        self.assertEqual(boot_aggregate(tpm).line(), IMA_LINES[0])  # type: ignore[arg-type]

    def test_a_kernel_with_all_hashes_pads_nothing(self) -> None:
        entry = entry_of(IMA_LINES[1])
        self.assertEqual(entry.extension("sha384")[20:], bytes(28))
        every = frozenset(DIGEST_SIZES)
        self.assertEqual(entry.extension("sha384", every), hashlib.sha384(entry.template_data).digest())

    def test_a_violation_has_zeros_in_the_list_and_extends_ones(self) -> None:
        entry = violation_of("/etc/passwd")
        self.assertEqual(entry.line().split()[1], b"0" * 40)
        self.assertEqual(entry.extension("sha256"), b"\xff" * 32)
        self.assertEqual(entry.extension("sha1"), b"\xff" * 20)

    def test_spaces_in_names_and_the_older_template_are_shown_as_the_kernel_does(self) -> None:
        self.assertTrue(Entry("/a b", bytes(32)).line().endswith(b"/a_b \n"))
        self.assertTrue(Entry("/a", bytes(32), "ima-ng").line().endswith(b" /a\n"))


if __name__ == "__main__":
    unittest.main()
