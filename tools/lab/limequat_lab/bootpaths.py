"""The ways from firmware to a kernel: what lies on a guest's EFI system partition, or that it has none.

Boot loaders come from Debian packages that are unpacked, not installed (packages.py).
"""

import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError
from .firmware import MICROSOFT, PLAIN, SNAKEOIL
from .host import require_files, run_program
from .kernel import Kernel
from .packages import ensure_packages
from .progress import Progress

_SNAKEOIL = Path("/usr/share/ovmf")
UNIFIED_IMAGE = "image.efi"  # in the folder of Parts
NETWORK_PROGRAM = "boot.efi"  # what a DHCP server names
_PAGE = 0x1000
_SECTION_HEADER = 40


@dataclass(frozen=True)
class Loaders:
    """Boot loaders as files of this computer."""

    shim: Path
    grub: Path
    grub_net: Path  # the one that is made to be loaded from a network
    systemd_boot: Path
    systemd_stub: Path
    sbsign: Path

    @classmethod
    def fetch(cls, cache: Path, progress: Progress) -> "Loaders":
        return cls.of(ensure_packages(cache, "loaders", "bookworm",
                                      ["shim-signed", "grub-efi-amd64-signed", "systemd-boot-efi", "sbsigntool"], progress))

    @classmethod
    def of(cls, tree: Path) -> "Loaders":
        """Those of the packages that were unpacked into `tree`."""
        usr = tree / "usr"
        efi = usr / "lib/systemd/boot/efi"
        signed = usr / "lib/grub/x86_64-efi-signed"
        return cls(usr / "lib/shim/shimx64.efi.signed", signed / "grubx64.efi.signed", signed / "grubnetx64.efi.signed",
                   efi / "systemd-bootx64.efi", efi / "linuxx64.efi.stub", usr / "bin/sbsign")

    @property
    def tree(self) -> Path:
        return self.shim.parents[3]


@dataclass
class Parts:
    """What one boot is made of; `folder` is for what has to be made."""

    loaders: Loaders
    kernel: Kernel
    initramfs: Path
    folder: Path
    signed: bool = False

    def put(self, source: Path | bytes | str, place: str) -> None:
        """Puts a file on the EFI system partition."""
        target = self.folder / "esp" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path):
            shutil.copyfile(source, target)
        else:
            target.write_bytes(source.encode() if isinstance(source, str) else source)

    def put_program(self, source: Path, place: str) -> None:
        """Puts an EFI program there, signed with the snakeoil key if this boot needs it."""
        self.put(self._sign(source) if self.signed else source, place)

    def _sign(self, program: Path) -> Path:
        require_files([_SNAKEOIL / "PkKek-1-snakeoil.key"])
        key, out = self.folder / "snakeoil.key", self.folder / f"{program.name}.signed"
        run_program("openssl", "pkey", "-in", _SNAKEOIL / "PkKek-1-snakeoil.key", "-passin", "pass:snakeoil", "-out", key)
        run_program(str(self.loaders.sbsign), "--key", key, "--cert", _SNAKEOIL / "PkKek-1-snakeoil.pem", "--output", out, program)
        return out

    def unified_image(self, command_line: str | None) -> Path:
        """A unified kernel image: systemd's stub with the rest in sections behind its own."""
        sections = {"osrel": b'ID=lab\nVERSION_ID=1\nPRETTY_NAME="Lab guest"\n', "uname": self.kernel.version.encode(),
                    "initrd": self.initramfs.read_bytes(), "linux": self.kernel.image.read_bytes()}
        if command_line is not None:
            sections["cmdline"] = command_line.encode()
        address = _end_of_image(self.loaders.systemd_stub.read_bytes())
        words: list[str | Path] = []
        for name, content in sections.items():
            part = self.folder / f"section-{name}"
            part.write_bytes(content)
            words += ["--add-section", f".{name}={part}", "--set-section-flags", f".{name}=data,readonly",
                      "--change-section-vma", f".{name}={address:#x}"]
            address = _next_page(address + len(content))
        # Without the time in its header the image is the same each time, and so is PCR 4.
        out = self.folder / UNIFIED_IMAGE
        run_program("objcopy", "--preserve-dates", *words, self.loaders.systemd_stub, out)
        return out


def _next_page(address: int) -> int:
    return -(-address // _PAGE) * _PAGE


def _end_of_image(program: bytes) -> int:
    """The first page behind the sections of a PE program, with the address that it prefers to lie at."""
    (header,) = struct.unpack_from("<I", program, 0x3C)
    count, optional_size = struct.unpack_from("<H", program, header + 6)[0], struct.unpack_from("<H", program, header + 20)[0]
    (base,) = struct.unpack_from("<Q", program, header + 24 + 24)
    sections = (header + 24 + optional_size + _SECTION_HEADER * n for n in range(count))
    ends = (size + address for size, address in (struct.unpack_from("<II", program, at + 8) for at in sections))
    return base + _next_page(max(ends))


def _direct(parts: Parts, command_line: str) -> None:
    """QEMU hands everything to the firmware: nothing to put anywhere."""


def _shim_grub(linux: str) -> Callable[[Parts, str], None]:
    def make(parts: Parts, command_line: str) -> None:
        parts.put(parts.loaders.shim, "EFI/BOOT/BOOTX64.EFI")
        parts.put(parts.loaders.grub, "EFI/BOOT/grubx64.efi")
        parts.put(parts.kernel.image, "vmlinuz")
        parts.put(parts.initramfs, "initrd.gz")
        initrd = linux.replace("linux", "initrd")
        parts.put(f"set timeout=0\nsearch --no-floppy --file --set=root /vmlinuz\n{linux} /vmlinuz {command_line}\n"
                  f"{initrd} /initrd.gz\nboot\n", "EFI/debian/grub.cfg")
    return make


def _uki(parts: Parts, command_line: str) -> None:
    parts.put_program(parts.unified_image(command_line), "EFI/BOOT/BOOTX64.EFI")


def _sd_boot_uki(parts: Parts, command_line: str) -> None:
    """The command line is in the image."""
    parts.put_program(parts.loaders.systemd_boot, "EFI/BOOT/BOOTX64.EFI")
    parts.put("timeout 0\n", "loader/loader.conf")
    parts.put_program(parts.unified_image(command_line), "EFI/Linux/lab.efi")


def _sd_boot_uki_options(parts: Parts, command_line: str) -> None:
    """The command line is in the boot loader's entry: the stub measures it into PCR 12."""
    parts.put_program(parts.loaders.systemd_boot, "EFI/BOOT/BOOTX64.EFI")
    parts.put("timeout 0\n", "loader/loader.conf")
    parts.put_program(parts.unified_image(None), "EFI/lab/lab.efi")
    parts.put(f"title lab\nefi /EFI/lab/lab.efi\noptions {command_line}\n", "loader/entries/lab.conf")


def _sd_boot_stub(parts: Parts, command_line: str) -> None:
    parts.put_program(parts.loaders.systemd_boot, "EFI/BOOT/BOOTX64.EFI")
    parts.put("timeout 0\n", "loader/loader.conf")
    parts.put_program(parts.kernel.image, "lab/vmlinuz")
    parts.put(parts.initramfs, "lab/initrd.gz")
    parts.put(f"title lab\nlinux /lab/vmlinuz\ninitrd /lab/initrd.gz\noptions {command_line}\n", "loader/entries/lab.conf")


def _net_grub(parts: Parts, command_line: str) -> None:
    """shim asks where it came from for `grubx64.efi`, and GRUB for its settings."""
    parts.put(parts.loaders.shim, NETWORK_PROGRAM)
    parts.put(parts.loaders.grub_net, "grubx64.efi")
    parts.put(parts.kernel.image, "vmlinuz")
    parts.put(parts.initramfs, "initrd.gz")
    parts.put(f"set timeout=0\nlinux /vmlinuz {command_line}\ninitrd /initrd.gz\nboot\n", "grub/grub.cfg")


def _net_uki(parts: Parts, command_line: str) -> None:
    parts.put_program(parts.unified_image(command_line), NETWORK_PROGRAM)


@dataclass(frozen=True)
class BootPath:
    """One way to boot, with what it is made to show."""

    name: str
    about: str
    firmware: str
    make: Callable[[Parts, str], None]
    path: str = ""  # as eventlog::BootPathName says it
    kernel_measured: bool = True
    logged: bool = True  # whether the kernel has an event log
    network: bool = False  # whether the firmware fetches what it starts, by TFTP

    @property
    def direct(self) -> bool:
        return self.make is _direct


BOOT_PATHS = (
    BootPath("direct", "QEMU hands the kernel to the firmware, which starts its EFI stub", PLAIN, _direct, "efi_stub"),
    BootPath("direct-sb", "the same with Secure Boot: attack A21, neither kernel nor command line is measured", MICROSOFT,
             _direct, "unmeasured", kernel_measured=False),
    BootPath("shim-grub", "shim and GRUB, which enters the EFI stub (linuxefi)", PLAIN, _shim_grub("linuxefi"), "grub"),
    BootPath("shim-grub-nolog", "shim and GRUB, which does not (linux without Secure Boot): the kernel has no log", PLAIN,
             _shim_grub("linux"), logged=False),
    BootPath("shim-grub-sb", "shim and GRUB with Secure Boot, Microsoft's keys", MICROSOFT, _shim_grub("linux"), "grub"),
    BootPath("uki", "a unified kernel image, started by the firmware", PLAIN, _uki, "unified_image"),
    BootPath("uki-sb", "the same with Secure Boot, keys of one's own", SNAKEOIL, _uki, "unified_image"),
    BootPath("sd-boot-uki", "systemd-boot and a unified kernel image that gets its command line from the entry", PLAIN,
             _sd_boot_uki_options, "unified_image"),
    BootPath("sd-boot-uki-sb", "systemd-boot and a unified kernel image with its command line, Secure Boot", SNAKEOIL,
             _sd_boot_uki, "unified_image"),
    BootPath("net-uki", "a unified kernel image that the firmware fetches from a network", PLAIN, _net_uki, "unified_image",
             network=True),
    BootPath("net-grub-sb", "shim, GRUB and the kernel from a network, Secure Boot", MICROSOFT, _net_grub, "grub", network=True),
    BootPath("sd-boot-stub", "systemd-boot starts the kernel's EFI stub", PLAIN, _sd_boot_stub, "efi_stub"),
)
DIRECT = "direct"


def boot_path(name: str) -> BootPath:
    """The path of this name.  Raises UsageError if there is none."""
    for path in BOOT_PATHS:
        if path.name == name:
            return path
    raise UsageError(f"unknown boot path {name}; one of: {', '.join(path.name for path in BOOT_PATHS)}")
