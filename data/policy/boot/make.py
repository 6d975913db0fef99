#!/usr/bin/python3
"""Writes the event log of a boot of shim, GRUB and Linux with Secure Boot, its PCRs, and the reference state that
Keylime's tools make of such a log.  Nothing in it is from a real machine: images and keys are words."""

import hashlib
import json
import struct
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
SHIM = uuid.UUID("605dab50-e046-4300-abb6-3dd810dd8b23")
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
SHA256 = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328")
OWNER = uuid.UUID("77fa9abd-0359-4d32-bd60-28f4e78f784b")
NO_ACTION, SEPARATOR, S_CRTM, FLAGS, IPL = 3, 4, 8, 10, 13
CONFIG, BOOT, APPLICATION, DRIVER, GPT, ACTION, BLOB, AUTHORITY = (
    0x80000001, 0x80000002, 0x80000003, 0x80000004, 0x80000006, 0x80000007, 0x80000008, 0x800000E0)
LINE = "/vmlinuz root=/dev/vda ro quiet"
REVOKED = bytes(range(32))


def variable(vendor: uuid.UUID, name: str, value: bytes) -> bytes:
    return vendor.bytes_le + struct.pack("<QQ", len(name), len(value)) + name.encode("utf-16-le") + value


def certificate(name: str) -> bytes:
    return b"\x30\x82" + struct.pack(">H", len(name)) + name.encode()


def signatures(kind: uuid.UUID, data: bytes) -> bytes:
    size = 16 + len(data)
    return kind.bytes_le + struct.pack("<III", 28 + size, 0, size) + OWNER.bytes_le + data


def events() -> list[tuple[int, int, bytes, bytes | None]]:
    """PCR, type, data, and what was measured if it is not the data."""
    made: list[tuple[int, int, bytes, bytes | None]] = [
        (0, S_CRTM, "1.0".encode("utf-16-le"), None),
        (0, BLOB, bytes(16), b"firmware volume 1"), (0, BLOB, bytes(16), b"firmware volume 2"),
        (7, CONFIG, variable(GLOBAL, "SecureBoot", b"\1"), None),
        (7, CONFIG, variable(GLOBAL, "PK", signatures(X509, certificate("platform key"))), None),
        (7, CONFIG, variable(GLOBAL, "KEK", signatures(X509, certificate("exchange key"))), None),
        (7, CONFIG, variable(SECURITY, "db", signatures(X509, certificate("allowed"))), None),
        (7, CONFIG, variable(SECURITY, "dbx", signatures(SHA256, REVOKED)), None),
        (7, SEPARATOR, bytes(4), None),
        (1, FLAGS, b"ACPI\0", b"settings"), (2, DRIVER, bytes(32), b"option ROM"),
        (1, BOOT, variable(GLOBAL, "BootOrder", b"\1\0"), b"\1\0"),
        (4, ACTION, b"Calling EFI Application from Boot Option", None),
    ]
    made += [(pcr, SEPARATOR, bytes(4), None) for pcr in range(7)]
    made += [
        (7, AUTHORITY, variable(SECURITY, "db", OWNER.bytes_le + certificate("allowed")), None),
        (5, GPT, b"EFI PART" + bytes(84), None),
        (4, APPLICATION, bytes(32), b"shim"),
        (14, IPL, b"MokList\0", b"owner keys"), (14, IPL, b"MokListX\0", b"owner revocations"),
        (7, AUTHORITY, variable(SHIM, "SbatLevel", b"sbat,1,2024010900\n"), None),
        (14, IPL, b"MokListTrusted\0", b"\1"),
        (7, AUTHORITY, variable(SHIM, "Shim", certificate("distribution")), None),
        (4, APPLICATION, bytes(32), b"grub"),
    ]
    made += [(9, IPL, b"(hd0,gpt1)/EFI/debian/grub.cfg\0", b"configuration")]
    made += [(8, IPL, b"grub_cmd: " + text + b"\0", text) for text in (b"set root=hd0,gpt2", f"linux {LINE}".encode())]
    made += [
        (9, IPL, b"/vmlinuz\0", b"the kernel's file"), (4, APPLICATION, bytes(32), b"kernel"),
        (8, IPL, f"kernel_cmdline: {LINE}\0".encode(), LINE.encode()),
        (8, IPL, b"grub_cmd: initrd /initrd.img\0", b"initrd /initrd.img"), (9, IPL, b"/initrd.img\0", b"initrd"),
        (5, ACTION, b"Exit Boot Services Invocation", None), (5, ACTION, b"Exit Boot Services Returned with Success", None),
    ]
    return made


def digest(data: bytes) -> str:
    return "0x" + hashlib.sha256(data).hexdigest()


def key(data: bytes) -> dict[str, str]:
    return {"SignatureOwner": str(OWNER), "SignatureData": "0x" + data.hex()}


def reference() -> dict[str, object]:
    return {
        "has_secureboot": True,
        "scrtm_and_bios": [{"scrtm": {"sha256": digest("1.0".encode("utf-16-le"))}, "platform_firmware": [
            {"sha256": digest(b"firmware volume 1")}, {"sha256": digest(b"firmware volume 2")}]}],
        "pk": [key(certificate("platform key"))], "kek": [key(certificate("exchange key"))],
        "db": [key(certificate("allowed"))], "dbx": [key(REVOKED)], "vendor_db": [],
        "mokdig": [{"sha256": digest(b"owner keys")}], "mokxdig": [{"sha256": digest(b"owner revocations")}],
        "kernels": [{
            "kernel_authcode_sha256": digest(b"kernel"), "shim_authcode_sha256": digest(b"shim"),
            "grub_authcode_sha256": digest(b"grub"), "initrd_plain_sha256": digest(b"initrd"),
            "kernel_cmdline": r"/vmlinuz\ root=/dev/vda\ ro\ quiet"}],
    }


def main() -> None:
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBIHHB", 0, 0, 2, 105, 2, 1, 11, 32, 0)
    log = struct.pack("<II20sI", 0, NO_ACTION, bytes(20), len(spec)) + spec
    pcrs = {pcr: bytes(32) for pcr in range(16)}
    for pcr, kind, data, measured in events():
        value = hashlib.sha256(data if measured is None else measured).digest()
        pcrs[pcr] = hashlib.sha256(pcrs[pcr] + value).digest()
        log += struct.pack("<IIIH32sI", pcr, kind, 1, 11, value, len(data)) + data
    (HERE / "shim-grub.eventlog").write_bytes(log)
    (HERE / "shim-grub.pcrs.json").write_text(
        json.dumps({"sha256": {str(pcr): value.hex() for pcr, value in pcrs.items()}}, indent=1) + "\n")
    (HERE / "shim-grub.reference.json").write_text(json.dumps(reference(), indent=1) + "\n")


if __name__ == "__main__":
    main()
