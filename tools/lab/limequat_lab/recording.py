"""Records what firmware, boot loaders and kernels measure: event log, IMA list and the TPM's own PCRs."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from .bootpaths import BOOT_PATHS, BootPath, Loaders, Parts
from .errors import UnavailableError
from .firmware import PLAIN, SNAKEOIL
from .guest import BOOT_LOG, COMMAND_LINE, IMA_LIST, Guest, Settings
from .host import FreePorts, run_program
from .initramfs import write_initramfs
from .kernel import RELEASES, Kernel, ensure_kernel
from .processes import Processes
from .progress import Progress
from .root import RootFolder
from .swtpm import Manufacturer
from .systemd_root import LOG, SUITE, loaders_of, write_systemd_root

BANKS = ("sha1", "sha256", "sha384", "sha512")
CHANGE = " lab.note=changed"
_IMA_BINARY = "/sys/kernel/security/ima/binary_runtime_measurements"
_IMA_COUNT = "/sys/kernel/security/ima/runtime_measurements_count"
_PCRS = "cd /sys/class/tpm/tpm0; for bank in pcr-sha*; do echo $bank; for n in $(seq 0 15); do cat $bank/$n; done; done"
_SECURE_BOOT = "tail -c1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c | od -An -tu1"
_TRIES = 20
_MIB = 512
_SYSTEMD_MIB = 1024
_BOOT_SECONDS = 400.0  # a busy computer, or a list of a thousand entries
SYSTEMD = BootPath("systemd", "systemd-boot, unified kernel image and user space of systemd 257, Secure Boot", SNAKEOIL,
                   next(path.make for path in BOOT_PATHS if path.name == "sd-boot-uki-sb"), "unified_image")


@dataclass
class Recorder:
    """Boots guests in the folder `work` and writes what they measured into folders of `out`."""

    work: Path
    out: Path
    cache: Path
    progress: Progress

    def __post_init__(self) -> None:
        self._processes = Processes(self.work / "run")
        self._ports = FreePorts()
        self._manufacturer = Manufacturer(self.work / "ca")
        self._manufacturer.prepare()
        self._loaders = Loaders.fetch(self.cache, self.progress)
        self._system = RootFolder(self.work / "system")
        self._system.folder.mkdir()
        self._system.create()

    def record(self, path: BootPath, release: str) -> None:
        """Records a boot, and a second one of the same machine with a longer command line."""
        kernel = ensure_kernel(self.cache, release, self.progress)
        self._record(path, kernel, self._system, self._loaders, COMMAND_LINE, _MIB)

    def record_systemd(self, release: str) -> None:
        """Records a boot with systemd as user space."""
        kernel = ensure_kernel(self.cache, release, self.progress)
        folder = self.work / "systemd"
        with self.progress.step(f"a root file system of Debian {SUITE}"):
            root = write_systemd_root(folder)
        self._record(SYSTEMD, kernel, root, loaders_of(root, self._loaders), COMMAND_LINE, _SYSTEMD_MIB)

    def end(self) -> None:
        self._processes.end_all()

    def _record(self, path: BootPath, kernel: Kernel, system: RootFolder, loaders: Loaders, line: str, mib: int) -> None:
        name = f"{path.name}-{'.'.join(kernel.version.split('.')[:2])}"
        target = self.out / name
        target.mkdir(parents=True, exist_ok=True)
        initramfs = self.work / f"initramfs-{kernel.version}"
        if not initramfs.exists():
            write_initramfs(kernel, initramfs)
        settings = Settings(name, str(kernel.image), str(initramfs), self._ports.take(), memory_mib=mib, firmware=path.firmware)
        guest = Guest.create(self.work / name, self._processes, settings, system)
        guest.finish(self._manufacturer, BANKS)
        try:
            for prefix, command_line in (("", line), ("changed.", line + CHANGE)):
                with self.progress.step(f"{name} {prefix.rstrip('.')}"):
                    self._prepare(guest, path, Parts(loaders, kernel, initramfs, self.work / name / f"boot-{prefix or 'first'}",
                                                     path.firmware == SNAKEOIL), command_line)
                    guest.start(_BOOT_SECONDS)
                    seen = look(guest, logged=path.logged)
                    store(target, prefix, seen, self._describe(path, kernel, seen))
                    guest.shut_down()
        finally:
            guest.stop()

    @staticmethod
    def _prepare(guest: Guest, path: BootPath, parts: Parts, command_line: str) -> None:
        parts.folder.mkdir()
        path.make(parts, command_line)
        guest.settings.command_line = command_line
        guest.settings.esp = "" if path.direct else str(parts.folder / "esp")
        guest.settings.network = path.network

    @staticmethod
    def _describe(path: BootPath, kernel: Kernel, seen: "Seen") -> dict[str, object]:
        return {"about": path.about, "kernel": kernel.version, "firmware": f"ovmf {_version('ovmf')}, {path.firmware} keys"
                if path.firmware != PLAIN else f"ovmf {_version('ovmf')}", "command_line": seen.command_line,
                "secure_boot": seen.secure_boot, "boot_path": path.path, "kernel_measured": path.kernel_measured}


@dataclass
class Seen:
    """What a guest says of its boot."""

    log: bytes | None
    ima_ascii: bytes
    ima_binary: bytes
    user_space: bytes
    pcrs: dict[str, dict[str, str]]
    secure_boot: bool
    command_line: str


def look(guest: Guest, logged: bool) -> Seen:
    """Reads logs and PCRs that belong together.  Raises UnavailableError if they do not stand still."""
    def size(path: str) -> bytes:
        return guest.run(f"cat '{path}' 2>/dev/null | wc -c").output
    for _ in range(_TRIES):
        before = guest.read(_IMA_COUNT), size(LOG)
        log = guest.read(BOOT_LOG) if logged else None
        seen = Seen(log, guest.read(IMA_LIST), guest.read(_IMA_BINARY), guest.run(f"cat {LOG} 2>/dev/null").output,
                    parse_pcrs(guest.check(_PCRS).decode()), guest.check(_SECURE_BOOT).split() == [b"1"],
                    guest.read("/proc/cmdline").decode().strip())
        if (guest.read(_IMA_COUNT), size(LOG)) == before:
            if not logged and guest.run(f"test -e {BOOT_LOG}").status == 0:
                raise UnavailableError("the kernel has an event log where none was expected")
            return seen
    raise UnavailableError("the guest measures on and on")


def parse_pcrs(text: str) -> dict[str, dict[str, str]]:
    """Banks and PCRs as the kernel's sysfs shows them: each bank's name and then its values a line each."""
    pcrs: dict[str, dict[str, str]] = {}
    for bank, values in re.findall(r"pcr-(sha\d+)\n((?:[0-9A-F]+\n)+)", text):
        pcrs[bank] = {str(number): value.lower() for number, value in enumerate(values.split())}
    return pcrs


def store(folder: Path, prefix: str, seen: Seen, about: dict[str, object]) -> None:
    """Writes a recording.  Of a changed command line without the IMA list, which differs in its boot_aggregate only."""
    (folder / f"{prefix}pcrs.json").write_text(json.dumps({"boot": about, "pcrs": seen.pcrs}, indent=1) + "\n")
    if seen.log is not None:
        (folder / f"{prefix}eventlog").write_bytes(seen.log)
    if seen.user_space:
        (folder / f"{prefix}tpm2-measure.log").write_bytes(seen.user_space)
    if not prefix:
        (folder / "ima.ascii").write_bytes(seen.ima_ascii)
        (folder / "ima.bin").write_bytes(seen.ima_binary)


def _version(package: str) -> str:
    return run_program("dpkg-query", "-W", "-f", "${Version}", package)


def names() -> list[str]:
    return [path.name for path in (*BOOT_PATHS, SYSTEMD)]


def record_all(recorder: Recorder, wanted: list[str], releases: list[str]) -> None:
    """Records these boot paths (all if none is named) with the kernels of these releases."""
    for release in releases:
        for path in BOOT_PATHS:
            if not wanted or path.name in wanted:
                recorder.record(path, release)
    if not wanted or SYSTEMD.name in wanted:
        recorder.record_systemd(RELEASES[-1])
