"""Recorded boot logs: reading the events and replaying them into a TPM.

The format is of the TCG's PC Client Platform Firmware Profile, clause 10 (crypto-agile log).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import MalformedError
from .tpm import ALGORITHMS, DIGEST_SIZES, Tpm

_NO_ACTION = 3
_SIGNATURE = b"Spec ID Event03\0"
_LOCALITY = b"StartupLocality\0"
_NAMES = {number: name for name, number in ALGORITHMS.items()}


@dataclass(frozen=True)
class Event:
    """One record of a log, with its place in the log's bytes."""

    pcr: int
    type: int
    digests: dict[str, bytes]
    data: bytes
    offset: int

    @property
    def extends(self) -> bool:
        return self.type != _NO_ACTION


def parse_boot_log(log: bytes) -> list[Event]:
    """The events after the header.  Raises MalformedError for anything that is not a whole crypto-agile log,
    and for one of a TPM started from another locality than 0, whose PCR 0 cannot be made here."""
    try:
        events = list(_events(log))
    except (struct.error, KeyError) as why:
        raise MalformedError(f"the boot log is damaged or of an unknown algorithm: {why}") from why
    for event in events:
        if event.type == _NO_ACTION and event.data.startswith(_LOCALITY) and event.data[len(_LOCALITY) :] != b"\0":
            raise MalformedError("the boot log was recorded from another startup locality than 0")
    return events


def replay_boot_log(events: list[Event], tpm: Tpm) -> None:
    """Extends the TPM's active banks as the firmware and the boot loaders did.

    Raises MalformedError if the log has no digests for one of them.
    """
    banks = tpm.banks()
    for event in events:
        if event.extends:
            if missing := [bank for bank in banks if bank not in event.digests]:
                raise MalformedError(f"the boot log has no digests for the TPM's bank {missing[0]}")
            tpm.extend(event.pcr, {bank: event.digests[bank] for bank in banks})


def change_last_event(log: bytes, pcr: int) -> bytes:
    """The log of another boot: its last event of this PCR has other digests."""
    event = [event for event in parse_boot_log(log) if event.pcr == pcr and event.extends][-1]
    changed = bytearray(log)
    at = event.offset + 12
    for digest in event.digests.values():
        at += 2
        changed[at] ^= 0xFF
        at += len(digest)
    return bytes(changed)


def _events(log: bytes) -> Iterator[Event]:
    # The first record has the old format: PCR, type, a SHA-1 digest, data.
    _, _, _, size = struct.unpack_from("<II20sI", log)
    (specification,) = struct.unpack_from(f"{size}s", log, 32)
    if not specification.startswith(_SIGNATURE):
        raise MalformedError("not a crypto-agile boot log")
    at = 32 + size
    while at < len(log):
        start = at
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        digests = {}
        for _ in range(count):
            bank = _NAMES[struct.unpack_from("<H", log, at)[0]]
            (digests[bank],) = struct.unpack_from(f"{DIGEST_SIZES[bank]}s", log, at + 2)
            at += 2 + DIGEST_SIZES[bank]
        (size,) = struct.unpack_from("<I", log, at)
        (data,) = struct.unpack_from(f"{size}s", log, at + 4)
        at += 4 + size
        yield Event(pcr, kind, digests, data, start)
