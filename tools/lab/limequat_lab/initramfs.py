"""The guests' initial file system: a cpio archive in the format "newc" that the kernel unpacks.

Its bytes depend on nothing but its content (no times, no owners), so that PCR 9, into which the
kernel measures it, is the same on every boot and for every guest.
"""

import gzip
import stat
from pathlib import Path

from .host import find_busybox
from .kernel import Kernel

_FILES = Path(__file__).parent / "guest_files"
_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4", "efivarfs")
_APPLETS = ("sh", "mount", "insmod", "mkdir", "ip", "switch_root", "umount", "echo", "cat", "stat", "chown")


class Archive:
    """A cpio archive that grows by one entry at a time; folders must come before what they hold."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._entries = 0

    def folder(self, name: str) -> None:
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def finish(self) -> bytes:
        self._add("TRAILER!!!", 0, b"")
        return bytes(self._bytes)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._entries += 1
        encoded = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, device and special device (two numbers each),
        # size of the name, checksum (unused)
        fields = (self._entries, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        self._bytes += b"070701" + b"".join(b"%08X" % field for field in fields)
        self._append(encoded)
        self._append(content)

    def _append(self, part: bytes) -> None:
        self._bytes += part
        self._bytes += bytes(-len(self._bytes) % 4)


def write_initramfs(kernel: Kernel, out: Path) -> None:
    """Writes the archive that finds a guest's disks and hands over to the system on the first one."""
    archive = Archive()
    for name in ("bin", "dev", "proc", "sys", "modules", "system"):
        archive.folder(name)
    archive.file("bin/busybox", find_busybox().read_bytes(), 0o755)
    for name in _APPLETS:
        archive.link(f"bin/{name}", "busybox")
    modules = kernel.modules(_MODULES)
    for name, content in modules:
        archive.file(f"modules/{name}.ko", content)
    archive.file("modules/order", "".join(f"{name}\n" for name, _ in modules).encode())
    archive.file("init", (_FILES / "initramfs-init").read_bytes(), 0o755)
    with out.open("wb") as file:
        file.write(gzip.compress(archive.finish(), compresslevel=6, mtime=0))


