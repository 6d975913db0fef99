"""TPM structures of a quote, written by the tests: what the command reads, made independently of it."""

import struct
import subprocess
from pathlib import Path

SHA1, SHA256, SHA384, SHA512, SM3, SHA3 = 0x04, 0x0B, 0x0C, 0x0D, 0x12, 0x27
RSASSA, RSAPSS, ECDSA, SM2 = 0x14, 0x16, 0x18, 0x1B
DIGEST_SIZE = {SHA1: 20, SHA256: 32, SHA384: 48, SHA512: 64, SM3: 32}
OPENSSL_NAME = {SHA1: "sha1", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512", SM3: "sm3"}
NAME = {**OPENSSL_NAME, SM3: "sm3_256"}
QUOTE = 0x8018
Selection = list[tuple[int, list[int]]]
Values = dict[tuple[int, int], bytes]


def sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def select(pcrs: list[int], size: int = 3) -> bytes:
    bits = bytearray(size)
    for pcr in pcrs:
        bits[pcr // 8] |= 1 << pcr % 8
    return bytes([size]) + bytes(bits)


def selection_bytes(selection: Selection, size: int = 3) -> bytes:
    return struct.pack(">I", len(selection)) + b"".join(struct.pack(">H", bank) + select(pcrs, size) for bank, pcrs in selection)


def quote_info(selection: Selection, digest: bytes) -> bytes:
    return selection_bytes(selection) + sized(digest)


def attest(info: bytes, nonce: bytes, kind: int = QUOTE, magic: int = 0xFF544347) -> bytes:
    """TPMS_ATTEST of any type; `info` is what it is about."""
    clock = struct.pack(">QIIB", 1000, 3, 1, 1)
    return struct.pack(">IH", magic, kind) + sized(b"\x00\x0b" + bytes(32)) + sized(nonce) + clock + struct.pack(">Q", 7) + info


def digest_of(selection: Selection, values: Values, name: str = "sha256", path: str = "openssl") -> bytes:
    data = b"".join(values[bank, pcr] for bank, pcrs in selection for pcr in sorted(pcrs))
    return subprocess.run([path, "dgst", f"-{name}", "-binary"], input=data, capture_output=True, check=True).stdout


def values_of(selection: Selection) -> Values:
    return {(bank, pcr): bytes([pcr + 1]) * DIGEST_SIZE[bank] for bank, pcrs in selection for pcr in pcrs}


def serialized(selection: Selection, values: Values) -> bytes:
    """`tpm2_quote -F serialized`: the memory of the TSS, little-endian."""
    banks = b"".join(struct.pack("<HB", bank, 3) + select(pcrs)[1:] + b"\0\0" for bank, pcrs in selection)
    head = struct.pack("<I", len(selection)) + banks + bytes(8 * (16 - len(selection)))
    digests = [values[bank, pcr] for bank, pcrs in selection for pcr in sorted(pcrs)]
    lists = [digests[at : at + 8] for at in range(0, len(digests), 8)]
    body = b"".join(struct.pack("<I", len(part)) + b"".join(struct.pack("<H", len(one)) + one.ljust(64, b"\0") for one in part)
                    + bytes(66 * (8 - len(part))) for part in lists)
    return head + struct.pack("<I", len(lists)) + body


def bare(selection: Selection, values: Values) -> bytes:
    """`tpm2_quote -F values`."""
    return b"".join(values[bank, pcr] for bank, pcrs in selection for pcr in sorted(pcrs))


def marshaled(selection: Selection, values: Values) -> bytes:
    """`tpm2_quote -F marshaled` of tpm2-tools 5.6."""
    digests = [values[bank, pcr] for bank, pcrs in selection for pcr in sorted(pcrs)]
    lists = [digests[at : at + 8] for at in range(0, len(digests), 8)]
    return (selection_bytes(selection) + struct.pack(">I", len(lists))
            + b"".join(struct.pack(">I", len(part)) + b"".join(map(sized, part)) for part in lists))


def numbers_of(der: bytes) -> tuple[bytes, bytes]:
    """r and s of a DER signature, without leading zeros."""
    at, numbers = 3 if der[1] == 0x81 else 2, []
    for _ in range(2):
        size = der[at + 1]
        numbers.append(der[at + 2 : at + 2 + size].lstrip(b"\0"))
        at += 2 + size
    return numbers[0], numbers[1]


class Key:
    """An attestation key in a file, signing with the command of OpenSSL."""

    def __init__(self, folder: Path, algorithm: str, *options: str):
        self.folder = folder
        self.private, self.pem, self.der = folder / "ak.key", folder / "ak.pem", folder / "ak.der"
        chosen = [word for option in options for word in ("-pkeyopt", option)]
        self._openssl("genpkey", "-algorithm", algorithm, *chosen, "-out", self.private)
        self._openssl("pkey", "-in", self.private, "-pubout", "-out", self.pem)
        self._openssl("pkey", "-in", self.private, "-pubout", "-outform", "DER", "-out", self.der)

    @staticmethod
    def _openssl(*words: object, data: bytes = b"") -> bytes:
        return subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True, check=True).stdout

    def bare(self, message: bytes, scheme: int, name: int = SHA256) -> bytes:
        """The signature as OpenSSL writes it."""
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if scheme == RSAPSS else []
        if scheme == SM2:
            # Over the digest: `dgst` would put the value of an identity in front of the message.
            digest = self._openssl("dgst", f"-{OPENSSL_NAME[name]}", "-binary", data=message)
            (self.folder / "digest").write_bytes(digest)
            return self._openssl("pkeyutl", "-sign", "-inkey", self.private, "-in", self.folder / "digest")
        return self._openssl("dgst", f"-{OPENSSL_NAME[name]}", "-sign", self.private, *options, data=message)

    def sign(self, message: bytes, scheme: int, name: int = SHA256) -> bytes:
        """TPMT_SIGNATURE."""
        made = self.bare(message, scheme, name)
        head = struct.pack(">HH", scheme, name)
        return head + (b"".join(map(sized, numbers_of(made))) if scheme in (ECDSA, SM2) else sized(made))

    def certificate(self) -> Path:
        """A certificate that it signs itself, PEM."""
        path = self.folder / "ak.crt"
        self._openssl("req", "-x509", "-new", "-key", self.private, "-subj", "/CN=ak", "-days", "1", "-out", path)
        return path
