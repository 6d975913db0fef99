"""What a guest boots from: the file system that its firmware sees follows its settings."""

import unittest
from pathlib import Path

from lab_testing import FolderTest, require_programs
from limequat_lab.bootpaths import BOOT_PATHS, DIRECT, NETWORK_PROGRAM, UNIFIED_IMAGE, Loaders, boot_path
from limequat_lab.errors import UsageError
from limequat_lab.guest import Guest, Settings
from limequat_lab.initramfs import write_initramfs
from limequat_lab.kernel import default_cache, ensure_kernel
from limequat_lab.lab import Lab
from limequat_lab.light import LightMachine
from limequat_lab.light import Settings as LightSettings
from limequat_lab.processes import Processes
from limequat_lab.progress import Progress


class BootPathTest(FolderTest):
    def make_guest(self, name: str) -> Guest:
        require_programs("objcopy", "busybox")
        progress = Progress(quiet=True)
        kernel = ensure_kernel(default_cache(), "bookworm", progress)
        write_initramfs(kernel, self.folder / "initramfs")
        settings = Settings("guest-1", str(kernel.image), str(self.folder / "initramfs"), 0, boot_path=name,
                            loaders=str(Loaders.fetch(default_cache(), progress).tree))
        (self.folder / "guest-1").mkdir()
        return Guest(self.folder / "guest-1", Processes(self.folder / "run"), settings)

    def test_another_command_line_is_another_entry_and_the_same_image(self) -> None:
        guest = self.make_guest("sd-boot-uki")
        guest.lay_out()
        image = (guest.folder / "boot" / UNIFIED_IMAGE).read_bytes()
        entry = guest.folder / "boot" / "esp" / "loader" / "entries" / "lab.conf"
        usual = entry.read_text()
        self.assertIn(f"options {guest.settings.command_line}\n", usual)
        guest.settings.command_line += " more"
        guest.lay_out()
        self.assertIn(" more\n", entry.read_text())
        guest.settings.command_line = guest.settings.command_line.removesuffix(" more")
        guest.lay_out()
        self.assertEqual((guest.folder / "boot" / UNIFIED_IMAGE).read_bytes(), image, "PCR 4 is the same again")
        self.assertEqual(entry.read_text(), usual)
        self.assertEqual(Guest.open(guest.folder, Processes(self.folder / "run")).settings, guest.settings)

    def test_a_direct_boot_has_no_file_system(self) -> None:
        guest = self.make_guest(DIRECT)
        guest.lay_out()
        self.assertEqual(guest.settings.esp, "")
        self.assertFalse((guest.folder / "boot").exists())

    def test_a_network_boot_is_served_what_the_firmware_asks_for(self) -> None:
        guest = self.make_guest("net-uki")
        guest.lay_out()
        self.assertTrue((Path(guest.settings.esp) / NETWORK_PROGRAM).exists())
        self.assertTrue(Guest.open(guest.folder, Processes(self.folder / "run")).settings.network)
        guest.settings.boot_path = "uki"
        guest.lay_out()
        self.assertFalse(guest.settings.network)

    def test_names(self) -> None:
        for path in BOOT_PATHS:
            self.assertIs(boot_path(path.name), path)
        with self.assertRaisesRegex(UsageError, "unknown boot path grub; one of: direct, "):
            boot_path("grub")

    def test_a_light_machine_has_no_kernel(self) -> None:
        machine = LightMachine.create(self.folder / "light-1", Processes(self.folder / "run"), LightSettings("light-1", 0, 0), b"")

        class Busy(Lab):
            def machine(self, name: str) -> LightMachine:
                return machine

        machine.__class__ = type("Running", (LightMachine,), {"running": True})
        with self.assertRaisesRegex(UsageError, "light-1 is a light machine"):
            Busy(self.folder).install_kernel("light-1", "bookworm")


if __name__ == "__main__":
    unittest.main()
