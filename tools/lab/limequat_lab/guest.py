"""A real kernel with IMA, a UEFI event log and a TPM: QEMU, OVMF, swtpm and Debian's kernel.

Its root disk is made once from a folder of this computer and then belongs to the guest; a second
disk keeps what the agent must keep.  Both, and the TPM, outlive reboots and power cuts.
"""

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import swtpm
from .bootpaths import DIRECT, NETWORK_PROGRAM, Loaders, Parts, boot_path
from .channel import GUEST_PORT, Channel, Result
from .disk import write_root_disk, write_state_disk
from .errors import MalformedError, UnavailableError
from .firmware import FIRMWARE, PLAIN, SNAKEOIL
from .host import LOOPBACK, find_program, require_files
from .kernel import Kernel
from .processes import Processes
from .root import RootFolder

COMMAND_LINE = "console=ttyS0 quiet ima_policy=tcb"
AGENT_PORT = 9002
IMA_LIST = "/sys/kernel/security/ima/ascii_runtime_measurements"
BOOT_LOG = "/sys/kernel/security/tpm0/binary_bios_measurements"
# TCG runs everywhere. Newer kernels crash on its cmpxchg16b (QEMU 7.2), and its vectors make
# OpenSSL's RSA slower than plain arithmetic would.
_CPU = "max,-cx16,-avx,-avx2"
_READY = b"lab: ready"
_BOOT_SECONDS = 180.0
_SHUT_DOWN_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
_POLL_SECONDS = 0.03
_SHUT_DOWN = "lab-agent stop; sync; mount -o remount,ro /; poweroff -f"


@dataclass
class Settings:
    """What is fixed about a guest when it is made; kept in its folder."""

    name: str
    kernel: str
    initramfs: str
    channel_port: int
    forwards: dict[int, int] = field(default_factory=dict)  # port of this computer -> port of the guest
    command_line: str = COMMAND_LINE
    memory_mib: int = 256
    firmware: str = PLAIN  # a key of firmware.FIRMWARE
    # A folder that the firmware sees as its EFI system partition and boots from, or that a TFTP
    # server has; without, QEMU hands kernel, initramfs and command line to the firmware.
    esp: str = ""
    network: bool = False  # the server
    boot_path: str = DIRECT  # a name of bootpaths.BOOT_PATHS
    loaders: str = ""        # the folder of boot loaders (bootpaths.Loaders.tree), unless it is direct


class Guest:
    """One guest, whose files are in `folder`."""

    def __init__(self, folder: Path, processes: Processes, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.root = RootFolder(folder / "root")
        self._processes = processes

    @classmethod
    def create(cls, folder: Path, processes: Processes, settings: Settings, system: RootFolder) -> "Guest":
        """Makes the guest's folder with a copy of `system`; change that as you like, then call `finish`."""
        folder.mkdir(parents=True, mode=0o700)
        guest = cls(folder, processes, settings)
        guest.save()
        system.copy_for(settings.name, guest.root.folder)
        return guest

    @classmethod
    def open(cls, folder: Path, processes: Processes) -> "Guest":
        """A guest that was made earlier.  Raises MalformedError if its settings cannot be read."""
        try:
            stored = json.loads((folder / "guest.json").read_text())
            stored["forwards"] = {int(here): there for here, there in stored["forwards"].items()}
            return cls(folder, processes, Settings(**stored))
        except (OSError, ValueError, TypeError, KeyError) as why:
            raise MalformedError(f"{folder}/guest.json: {why}") from why

    def save(self) -> None:
        """Stores the settings, which may be changed while the guest is off."""
        (self.folder / "guest.json").write_text(json.dumps(asdict(self.settings), indent=2))

    def lay_out(self) -> None:
        """Writes the EFI system partition anew for the present kernel, initramfs and command line.

        To be called when one of them was changed; the next boot is of them.  A direct boot needs none.
        """
        path = boot_path(self.settings.boot_path)
        if path.direct:
            return
        folder = self.folder / "boot"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        kernel = Kernel(Path(self.settings.kernel).parents[1])
        path.make(Parts(Loaders.of(Path(self.settings.loaders)), kernel, Path(self.settings.initramfs), folder,
                        path.firmware == SNAKEOIL), self.settings.command_line)
        self.settings.esp, self.settings.network = str(folder / "esp"), path.network
        self.save()

    def finish(self, manufacturer: swtpm.Manufacturer, banks: tuple[str, ...] = swtpm.PCR_BANKS) -> None:
        """Makes the disks, the firmware's variables and the TPM with these PCR banks."""
        firmware = FIRMWARE[self.settings.firmware]
        require_files([firmware.code, firmware.variables])
        self.lay_out()
        write_root_disk(self.root.folder, self.folder / "root.ext4")
        write_state_disk(self.folder / "state.ext4")
        shutil.copyfile(firmware.variables, self.folder / "variables.fd")
        manufacturer.make_tpm(self.folder / "tpm", banks)

    # Power

    @property
    def running(self) -> bool:
        return self._processes.pid(self._qemu) is not None

    def start(self, timeout: float = _BOOT_SECONDS) -> float:
        """Boots and waits until the guest takes commands; returns the seconds that took.

        Raises UnavailableError if it does not come up; it is off then.
        """
        began = time.monotonic()
        self._serial.unlink(missing_ok=True)
        try:
            swtpm.start_for_guest(self._processes, self._swtpm, self.folder)
            self._processes.start(self._qemu, self._qemu_command(), self.folder / "qemu.log", self.folder)
            self._wait_until_ready(began + timeout)
        except BaseException:
            self.stop()
            raise
        return time.monotonic() - began

    def stop(self) -> None:
        """A power cut.  The TPM counts it against its lockout limit if an attestation key was in use."""
        self._processes.end(self._qemu)
        self._processes.end(self._swtpm)

    def shut_down(self) -> None:
        """An orderly end, in which the kernel shuts the TPM down; a power cut if that does not work."""
        end = time.monotonic() + _SHUT_DOWN_SECONDS
        try:
            self.run(_SHUT_DOWN, timeout=_SHUT_DOWN_SECONDS)
        except UnavailableError:  # the answer is lost with the machine
            pass
        while self.running and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        self.stop()

    def reboot(self, timeout: float = _BOOT_SECONDS) -> float:
        """Shuts down in order and boots again: the TPM's reset count goes up by one."""
        self.shut_down()
        return self.start(timeout)

    # Work in the guest

    @property
    def channel(self) -> Channel:
        return Channel(self.settings.channel_port, self.root.token)

    def run(self, script: str, stdin: bytes = b"", timeout: float = 60) -> Result:
        return self.channel.run(script, stdin, timeout)

    def check(self, script: str, stdin: bytes = b"", timeout: float = 60) -> bytes:
        return self.channel.check(script, stdin, timeout)

    def read(self, path: str) -> bytes:
        return self.check(f"cat '{path}'")

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Writes a file in the guest only, as a new file: a program that runs keeps its own."""
        self.check(f"mkdir -p \"$(dirname '{path}')\" && cat > '{path}.new' && chmod {mode:o} '{path}.new' "
                   f"&& mv '{path}.new' '{path}'", content)

    def deploy(self, path: str) -> None:
        """Brings a file of the root folder into the running guest, as an update of software does."""
        source = self.root.host_path(path)
        self.write(path, source.read_bytes(), source.stat().st_mode & 0o7777)

    def start_agent(self) -> None:
        self.check("lab-agent start")

    def stop_agent(self) -> None:
        self.check("lab-agent stop")

    def agent_running(self) -> bool:
        try:
            return self.run("lab-agent status", timeout=_ANSWER_SECONDS).status == 0
        except UnavailableError:
            return False

    # How it runs

    @property
    def _qemu(self) -> str:
        return f"{self.settings.name}-qemu"

    @property
    def _swtpm(self) -> str:
        return f"{self.settings.name}-swtpm"

    @property
    def _serial(self) -> Path:
        return self.folder / "serial.log"

    def _qemu_command(self) -> list[str | Path]:
        settings = self.settings
        firmware = FIRMWARE[settings.firmware]
        forwards = "".join(
            f",hostfwd=tcp:{LOOPBACK}:{here}-:{there}"
            for here, there in {settings.channel_port: GUEST_PORT, **settings.forwards}.items()
        )
        served = f",tftp={settings.esp},bootfile={NETWORK_PROGRAM}" if settings.network else ""
        first = ",bootindex=0" if settings.network else ""
        command: list[str | Path] = [
            find_program("qemu-system-x86_64"), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", "tcg", "-cpu", _CPU, "-smp", "1", "-m", str(settings.memory_mib), *firmware.arguments("variables.fd"),
            "-chardev", "socket,id=tpm,path=swtpm.sock", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
            "-device", "tpm-crb,tpmdev=tpm0",
            "-netdev", f"user,id=net0{forwards}{served}", "-device", f"virtio-net-pci,netdev=net0,romfile={first}",
            "-device", "virtio-rng-pci", "-serial", f"file:{self._serial.name}",
        ]
        for disk in ("root", "state"):
            command += ["-drive", f"if=none,id={disk},format=raw,cache=unsafe,file={disk}.ext4",
                        "-device", f"virtio-blk-pci,drive={disk}"]
        return command + self._boot_source()

    def _boot_source(self) -> list[str]:
        settings = self.settings
        if not settings.esp:
            return ["-kernel", settings.kernel, "-initrd", settings.initramfs, "-append", settings.command_line]
        if settings.network:
            return []
        # QEMU makes a FAT file system of the folder. Behind the other disks: the guest knows those by their place.
        return ["-drive", f"if=none,id=esp,format=raw,readonly=on,file=fat:{settings.esp}",
                "-device", "virtio-blk-pci,drive=esp,bootindex=0"]

    def _wait_until_ready(self, end: float) -> None:
        # A forwarded port accepts connections from the start, so the console tells when to try.
        while True:
            console = self._serial.read_bytes() if self._serial.exists() else b""
            if _READY in console and self._answers():
                return
            if not self.running:
                raise UnavailableError(f"QEMU ended; see {self.folder}/qemu.log")
            if b"Kernel panic" in console:
                raise UnavailableError(f"the guest's kernel panicked; see {self._serial}")
            if time.monotonic() > end:
                raise UnavailableError(f"{self.settings.name} did not boot in time; see {self._serial}")
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            return self.run("true", timeout=_ANSWER_SECONDS).status == 0
        except UnavailableError:
            return False
