#!/usr/bin/python3
"""Writes the hostile and odd variants of a real log in data/eventlog/hostile, each with its verdict.

The expected events and PCRs come from the parser and replay below, which know nothing of the product's.  A verdict is
`reject` (nothing can be read), `partial` (read up to a record, with an error) or `parse`; `notice` is the identifier of
the error or note that must be there, or absent if nothing is wrong.
"""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = {4: 20, 11: 32, 12: 48, 13: 64}
NAMES = {4: "sha1", 11: "sha256", 12: "sha384", 13: "sha512"}
NO_ACTION, SEPARATOR, TAG, ACTION, HCRTM = 3, 4, 6, 0x80000007, 0x80000010
Record = tuple[int, int, list[tuple[int, bytes]], bytes]   # PCR, type, digests, data


def header_of(log: bytes) -> bytes:
    return log[:32 + struct.unpack_from("<I", log, 28)[0]]


def read(log: bytes) -> list[Record]:
    """The crypto-agile records behind the header; stops where it cannot go on."""
    records: list[Record] = []
    at = len(header_of(log))
    while at + 12 <= len(log) and any(log[at:]):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        digests = []
        if count > 16:
            break
        for _ in range(count):
            algorithm = struct.unpack_from("<H", log, at)[0] if at + 2 <= len(log) else 0
            size = SIZES.get(algorithm)
            if size is None or at + 2 + size > len(log) or algorithm in dict(digests):
                return records
            digests.append((algorithm, log[at + 2:at + 2 + size]))
            at += 2 + size
        if at + 4 > len(log):
            break
        size = struct.unpack_from("<I", log, at)[0]
        if at + 4 + size > len(log):
            break
        records.append((pcr, kind, digests, log[at + 4:at + 4 + size]))
        at += 4 + size
    return records


def replay(records: list[Record]) -> tuple[dict[str, dict[str, str]], int | None]:
    pcrs: dict[str, dict[int, bytes]] = {name: {} for name in NAMES.values()}
    locality, started = None, False
    for pcr, kind, digests, data in records:
        if kind == NO_ACTION:
            if pcr == 0 and not started and locality is None and len(data) == 17 and data[:16] == b"StartupLocality\0":
                locality = data[16]
            continue
        if pcr > 23:
            continue
        for algorithm, digest in digests:
            start = locality or (4 if kind == HCRTM and not started else 0)
            bank = pcrs[NAMES[algorithm]]
            first = bytes(len(digest) - 1) + bytes([start if pcr == 0 else 0])
            bank[pcr] = hashlib.new(NAMES[algorithm], bank.get(pcr, first) + digest).digest()
        if pcr == 0 and digests:
            started = True
    return {name: {str(pcr): value.hex() for pcr, value in sorted(bank.items())} for name, bank in pcrs.items() if bank}, locality


def write(record: Record) -> bytes:
    pcr, kind, digests, data = record
    body = b"".join(struct.pack("<H", algorithm) + digest for algorithm, digest in digests)
    return struct.pack("<III", pcr, kind, len(digests)) + body + struct.pack("<I", len(data)) + data


def of(data: bytes) -> list[tuple[int, bytes]]:
    return [(algorithm, hashlib.new(name, data).digest()) for algorithm, name in NAMES.items()]


def no_action(pcr: int, data: bytes) -> Record:
    return pcr, NO_ACTION, [(algorithm, bytes(size)) for algorithm, size in SIZES.items()], data


def longer(header: bytes) -> bytes:
    """With four bytes behind its vendor information."""
    (size,) = struct.unpack_from("<I", header, 28)
    return header[:28] + struct.pack("<I", size + 4) + header[32:] + bytes(4)


def variants(log: bytes) -> dict[str, tuple[str, str | None, bytes]]:
    header, records = header_of(log), read(log)
    joined = b"".join(map(write, records))
    at = len(header) + len(write(records[0]))   # of the second record
    locality = no_action(0, b"StartupLocality\0\3")

    def made(*parts: Record | bytes) -> bytes:
        return header + b"".join(part if isinstance(part, bytes) else write(part) for part in parts)

    def patched(offset: int, data: bytes) -> bytes:
        return log[:offset] + data + log[offset + len(data):]

    def first(change: Callable[[Record], Record]) -> bytes:
        return made(change(records[0]), *records[1:])

    def with_count(count: int) -> bytes:
        return header[:56] + struct.pack("<I", count) + header[60:] + joined

    short = SIZES[4] + 2
    return {
        "empty": ("reject", "eventlog.empty", b""),
        "zeros": ("reject", "eventlog.empty", bytes(512)),
        "header_cut": ("reject", "eventlog.truncated", log[:40]),
        "header_count_0": ("reject", "eventlog.spec_id.algorithms", with_count(0)),
        "header_count_40000001": ("reject", "eventlog.spec_id.algorithms", with_count(0x40000001)),
        "header_count_ffffffff": ("reject", "eventlog.spec_id.algorithms", with_count(0xffffffff)),
        "header_wrong_size": ("reject", "eventlog.spec_id.algorithms", patched(62, b"\x15")),
        "header_vendor_info_outside": ("reject", "eventlog.spec_id.vendor_info", patched(len(header) - 1, b"\x04")),
        "header_bytes_behind": ("parse", "eventlog.spec_id.trailing", longer(header) + joined),
        "header_missing": ("reject", "eventlog.header_missing", joined),
        "record_cut_in_pcr": ("partial", "eventlog.truncated", log[:at + 2]),
        "record_cut_in_type": ("partial", "eventlog.truncated", log[:at + 6]),
        "record_cut_in_count": ("partial", "eventlog.truncated", log[:at + 10]),
        "record_cut_in_algorithm": ("partial", "eventlog.truncated", log[:at + 13]),
        "record_cut_in_digest": ("partial", "eventlog.truncated", log[:at + 20]),
        "record_cut_in_size": ("partial", "eventlog.truncated", log[:at + 12 + sum(SIZES.values()) + 8 + 2]),
        "record_cut_in_data": ("partial", "eventlog.truncated", log[:at + 12 + sum(SIZES.values()) + 8 + 6]),
        "digest_count_17": ("partial", "eventlog.digest_count", patched(at + 8, struct.pack("<I", 17))),
        "digest_count_ffffffff": ("partial", "eventlog.digest_count", patched(at + 8, b"\xff" * 4)),
        "digest_algorithm_1234": ("partial", "eventlog.digest_algorithm", patched(at + 12, b"\x34\x12")),
        "digest_twice": ("partial", "eventlog.digest_duplicate",
                         made(records[0], (0, 8, records[1][2] + records[1][2][:1], b""), *records[2:])),
        "data_size_ffffffff": ("partial", "eventlog.truncated", patched(at + 12 + 8 + sum(SIZES.values()), b"\xff" * 4)),
        "garbage_behind": ("partial", "eventlog.digest_count", log + b"\x5a" * 20),
        "zeros_behind": ("parse", "eventlog.padding", log + bytes(4096)),
        "ones_behind": ("parse", "eventlog.padding", log + b"\xff" * 64),
        "digest_missing": ("parse", "eventlog.digest_missing", first(lambda r: (r[0], r[1], r[2][:3], r[3]))),
        "digests_none": ("parse", "eventlog.digest_missing", first(lambda r: (r[0], r[1], [], r[3]))),
        "locality_3": ("parse", None, made(locality, *records)),
        "locality_2": ("parse", "eventlog.startup_locality", made(no_action(0, b"StartupLocality\0\2"), *records)),
        "locality_in_pcr_7": ("parse", "eventlog.startup_locality", made(no_action(7, locality[3]), *records)),
        "locality_late": ("parse", "eventlog.startup_locality", made(*records, locality)),
        "locality_twice": ("parse", "eventlog.startup_locality", made(locality, no_action(0, b"StartupLocality\0\0"), *records)),
        "locality_too_long": ("parse", "eventlog.startup_locality", made(no_action(0, b"StartupLocality\0\3\0"), *records)),
        "hcrtm_first": ("parse", None, made((0, HCRTM, of(b"crtm"), b"HCRTM"), *records)),
        "hcrtm_late": ("parse", None, made(*records, (0, HCRTM, of(b"crtm"), b"HCRTM"))),
        "pcr_24": ("parse", "eventlog.pcr", first(lambda r: (24, *r[1:]))),
        "pcr_80000000": ("parse", "eventlog.pcr", first(lambda r: (0x80000000, *r[1:]))),
        "pcr_ffffffff": ("parse", "eventlog.pcr", first(lambda r: (0xffffffff, *r[1:]))),
        "pcr_ffffffff_no_action": ("parse", None, made(no_action(0xffffffff, b"windows"), *records)),
        "type_unknown": ("parse", None, first(lambda r: (r[0], 0x12345678, *r[2:]))),
        "type_no_action": ("parse", None, first(lambda r: (r[0], NO_ACTION, *r[2:]))),
        "events_exchanged": ("parse", None, made(records[1], records[0], *records[2:])),
        "many_events": ("parse", None, made(*records, *[(5, ACTION, of(b""), b"")] * 100)),
        "log_behind_log": ("parse", "eventlog.appended_log", log + header + write((8, TAG, of(b"tag"), b"tag"))),
        "no_events": ("parse", None, header),
        "variable_name_ffffffffffffffff": ("parse", None, made(*records[:3], (7, 0x80000001, records[3][2], records[3][3][:16] + b"\xff" * 8 + records[3][3][24:]), *records[4:])),
        "variable_short": ("parse", None, made(*records[:3], (7, 0x80000001, records[3][2], records[3][3][:20]), *records[4:])),
        "one_digest_short": ("partial", "eventlog.truncated", log[:at + 8] + struct.pack("<I", 3) + log[at + 12:at + 12 + short + 120]),
    }


def main() -> None:
    log = (HERE / "vm__verity-sigv2-612.bin").read_bytes()
    folder = HERE / "hostile"
    for name, (verdict, notice, content) in variants(log).items():
        expected = {"verdict": verdict}
        if notice:
            expected["notice"] = notice
        if verdict != "reject":
            records = read(content)
            pcrs, locality = replay(records)
            # The header is event 0.
            expected["independent_replay"] = {"events": len(records) + 1, "startup_locality": locality, "pcrs": pcrs}
        (folder / f"{name}.bin").write_bytes(content)
        (folder / f"{name}.verdict.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
