"""The folder that becomes a guest's root, and the archive that finds it."""

import gzip
import io
import os
import stat
import unittest
import unittest.mock
from pathlib import Path

from lab_testing import FolderTest, require_programs
from limequat_lab.disk import STATE_UUID
from limequat_lab.errors import UnavailableError
from limequat_lab.host import find_busybox, find_program
from limequat_lab.initramfs import Archive, write_initramfs
from limequat_lab.kernel import Kernel
from limequat_lab.root import RootFolder, shared_libraries
from limequat_lab.software import prepare_update


class RootFolderTest(FolderTest):
    def setUp(self) -> None:
        super().setUp()
        require_programs("busybox", "ldd")
        self.root = RootFolder(self.folder / "root")
        self.root.folder.mkdir()
        self.root.create()

    def test_it_has_what_a_guest_boots_with(self) -> None:
        for path in ("/usr/sbin/init", "/usr/bin/sh", "/usr/sbin/lab-serve", "/etc/ima/ima-policy", "/var/lib/limequat"):
            self.assertTrue(self.root.host_path(path).exists(), path)
        self.assertEqual(os.readlink(self.root.host_path("/bin")), "usr/bin")

    def test_the_policy_names_the_state_disk(self) -> None:
        policy = self.root.host_path("/etc/ima/ima-policy").read_text()
        self.assertIn(f"dont_measure func=FILE_CHECK fsuuid={STATE_UUID}", policy)
        self.assertNotIn("@", policy)

    def test_a_copy_belongs_to_one_machine_and_changes_nothing_elsewhere(self) -> None:
        one = self.root.copy_for("guest-1", self.folder / "one")
        two = self.root.copy_for("guest-2", self.folder / "two")
        self.assertNotEqual(one.token, two.token)
        self.assertEqual(one.host_path("/etc/hostname").read_text(), "guest-1\n")
        self.assertFalse(self.root.host_path("/etc/lab").exists())
        prepare_update(one)
        self.assertIn("2.0", one.host_path("/usr/local/bin/inventory").read_text())
        self.assertIn("1.0", two.host_path("/usr/local/bin/inventory").read_text())

    def test_a_program_brings_its_libraries_under_the_names_that_the_kernel_sees(self) -> None:
        program = find_program("ldd").resolve().parent / "env"
        self.root.add_program(program)
        libraries = shared_libraries(program)
        self.assertTrue(libraries)
        for library in (program, *libraries):
            placed = self.root.host_path(library)
            self.assertEqual(placed.read_bytes(), library.read_bytes(), library)
        self.assertTrue(all(path.startswith(("/usr/", "/etc/")) for path in self.root.files()))

    def test_only_regular_files_are_listed(self) -> None:
        listed = self.root.files()
        self.assertIn("/usr/bin/busybox", listed)
        self.assertNotIn("/usr/bin/sh", listed)

    def test_a_busybox_with_libraries_is_refused(self) -> None:
        (self.folder / "busybox").symlink_to(find_program("env"))
        with unittest.mock.patch.dict(os.environ, PATH=str(self.folder)), self.assertRaisesRegex(UnavailableError, "busybox-static"):
            find_busybox()

    def test_a_static_program_needs_nothing(self) -> None:
        self.assertEqual(shared_libraries(find_program("busybox")), [])
        self.assertEqual(shared_libraries(Path(__file__)), [])


class ArchiveTest(FolderTest):
    def test_the_archive_is_what_cpio_calls_newc(self) -> None:
        archive = Archive()
        archive.folder("bin")
        archive.file("bin/tool", b"12345", 0o755)
        archive.link("bin/other", "tool")
        found = list(_entries(archive.finish()))
        self.assertEqual(found, [("bin", stat.S_IFDIR | 0o755, b""), ("bin/tool", stat.S_IFREG | 0o755, b"12345"),
                                 ("bin/other", stat.S_IFLNK | 0o777, b"tool"), ("TRAILER!!!", 0, b"")])

    def test_modules_come_in_the_order_of_their_needs_and_the_bytes_are_the_same_each_time(self) -> None:
        require_programs("busybox")
        kernel = _kernel(self.folder, {"virtio_pci": "", "virtio_blk": "virtio_pci", "virtio_net": "net_failover",
                                       "net_failover": "", "ext4": "jbd2,mbcache", "jbd2": "", "mbcache": ""},
                         builtin=("virtio_rng", "efivarfs"))
        for name in ("one", "two"):
            write_initramfs(kernel, self.folder / name)
        self.assertEqual((self.folder / "one").read_bytes(), (self.folder / "two").read_bytes())
        content = {name: data for name, _, data in _entries(gzip.decompress((self.folder / "one").read_bytes()))}
        order = content["modules/order"].decode().split()
        self.assertEqual(order, ["virtio_pci", "virtio_blk", "net_failover", "virtio_net", "jbd2", "mbcache", "ext4"])
        self.assertTrue(all(f"modules/{name}.ko" in content for name in order))


def _kernel(folder: Path, modules: dict[str, str], builtin: tuple[str, ...]) -> Kernel:
    place = folder / "lib" / "modules" / "6.1-test"
    place.mkdir(parents=True)
    (folder / "boot").mkdir()
    (folder / "boot" / "vmlinuz-6.1-test").write_bytes(b"")
    for name, needs in modules.items():
        (place / f"{name.replace('_', '-')}.ko").write_bytes(b"\0depends=" + needs.encode() + b"\0")
    (place / "modules.builtin").write_text("".join(f"kernel/{name}.ko\n" for name in builtin))
    return Kernel(folder)


def _entries(archive: bytes):  # type: ignore[no-untyped-def]
    stream = io.BytesIO(archive)
    while header := stream.read(110):
        fields = [int(header[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
        name = stream.read(fields[11])[:-1].decode()
        stream.read(-stream.tell() % 4)
        content = stream.read(fields[6])
        stream.read(-stream.tell() % 4)
        assert header[:6] == b"070701"
        yield name, fields[1], content


if __name__ == "__main__":
    unittest.main()
