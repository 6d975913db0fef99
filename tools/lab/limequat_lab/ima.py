"""An IMA measurement list that grows as the kernel's does: a line in the list, then PCR 10.

The kernel hashes an entry's template data once for each bank it has a hash function for; other
banks get the SHA-1 value, padded with zeros.  A violation has zeros in the list and extends ones.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from .tpm import DIGEST_SIZES, Tpm

PCR = 10
BOOT_AGGREGATE = "boot_aggregate"
# Debian's Linux 6.1 has no others built in; 6.12 has all four.
KERNEL_HASHES = frozenset({"sha1", "sha256"})
_BOOT_PCRS = range(10)  # kernels since 5.8 take 0 to 9 into a boot_aggregate that is not SHA-1


@dataclass(frozen=True)
class Entry:
    """One measured file: template ima-ng or ima-sig (without a signature), SHA-256."""

    path: str
    digest: bytes
    template: str = "ima-sig"
    violation: bool = False

    @property
    def template_data(self) -> bytes:
        """The fields that the template hash covers."""
        name = self._shown_path.encode(errors="surrogateescape") + b"\0"
        digest = b"sha256:\0" + self.digest
        fields = [digest, name] + ([b""] if self.template == "ima-sig" else [])
        return b"".join(struct.pack("<I", len(field)) + field for field in fields)

    def line(self) -> bytes:
        """The entry as the kernel's list in ASCII shows it."""
        shown = bytes(20) if self.violation else hashlib.sha1(self.template_data).digest()
        text = f"{PCR} {shown.hex()} {self.template} sha256:{self.digest.hex()} {self._shown_path}"
        return (text + (" \n" if self.template == "ima-sig" else "\n")).encode(errors="surrogateescape")

    def extension(self, bank: str, kernel_hashes: frozenset[str] = KERNEL_HASHES) -> bytes:
        """What the kernel extends PCR 10 of a bank with."""
        size = DIGEST_SIZES[bank]
        if self.violation:
            return b"\xff" * size
        if bank in kernel_hashes:
            return hashlib.new(bank, self.template_data).digest()
        return hashlib.sha1(self.template_data).digest().ljust(size, b"\0")

    @property
    def _shown_path(self) -> str:
        return self.path.replace(" ", "_")


def violation_of(path: str) -> Entry:
    """The entry of a file that was open for writing while it was measured."""
    return Entry(path, bytes(32), violation=True)


def boot_aggregate(tpm: Tpm) -> Entry:
    """The first entry of a boot, over the PCRs of the SHA-256 bank as they are now."""
    values = b"".join(tpm.read("sha256", pcr) for pcr in _BOOT_PCRS)
    return Entry(BOOT_AGGREGATE, hashlib.sha256(values).digest())


class MeasurementList:
    """The list of one boot, in a file, and the TPM that it is extended into."""

    def __init__(self, file: Path, tpm: Tpm, kernel_hashes: frozenset[str] = KERNEL_HASHES) -> None:
        self.file = file
        self._tpm = tpm
        self._kernel_hashes = kernel_hashes

    def begin(self) -> None:
        """Starts the list of a new boot, after the boot log was replayed."""
        self.file.write_bytes(b"")
        self.append([boot_aggregate(self._tpm)])

    def append(self, entries: list[Entry]) -> None:
        """Adds entries; each is in the list before it is in the TPM, as with the kernel."""
        banks = self._tpm.banks()
        with self.file.open("ab", buffering=0) as file:
            for entry in entries:
                file.write(entry.line())
                self._tpm.extend(PCR, {bank: entry.extension(bank, self._kernel_hashes) for bank in banks})
