"""Makes small IMA lists with names that no well-behaved machine has."""

import hashlib
import struct


def binary_list(names: list[bytes]) -> bytes:
    """An ima-ng list in binary form, boot_aggregate first, with a digest of each name."""
    return b"".join(_record(name) for name in [b"boot_aggregate", *names])


def buffer_record(name: bytes, content: bytes) -> bytes:
    """An entry about a measured buffer, of the template ima-buf."""
    digest = b"sha256:\0" + hashlib.sha256(content).digest()
    return _template(b"ima-buf", b"".join(struct.pack("<I", len(field)) + field for field in (digest, name + b"\0", content)))


def replay(names: list[bytes], bank: str) -> str:
    """PCR 10 after that list."""
    pcr = bytes(hashlib.new(bank).digest_size)
    for name in [b"boot_aggregate", *names]:
        pcr = hashlib.new(bank, pcr + hashlib.new(bank, _template_data(name)).digest()).digest()
    return pcr.hex()


def digest_of(name: bytes) -> str:
    return hashlib.sha256(b"content of " + name).hexdigest()


def _template_data(name: bytes) -> bytes:
    digest = b"sha256:\0" + bytes.fromhex(digest_of(name))
    return struct.pack("<I", len(digest)) + digest + struct.pack("<I", len(name) + 1) + name + b"\0"


def _record(name: bytes) -> bytes:
    return _template(b"ima-ng", _template_data(name))


def _template(name: bytes, data: bytes) -> bytes:
    return (struct.pack("<I", 10) + hashlib.sha1(data).digest() + struct.pack("<I", len(name)) + name
            + struct.pack("<I", len(data)) + data)
