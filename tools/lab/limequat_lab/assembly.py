"""How a lab is made and started: what may run at the same time does."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from . import guest as guests
from . import light as lights
from .agent import wait_for_agent
from .bootpaths import DIRECT, Loaders, boot_path
from .guest import Guest
from .host import LOOPBACK, FreePorts, find_busybox, find_program
from .initramfs import write_initramfs
from .kernel import ensure_kernel
from .light import LightMachine
from .processes import Processes
from .progress import Progress
from .root import AGENT_CONFIGURATION, STATE, RootFolder
from .site import Binaries, Ports, Site, make_site, start_services
from .swtpm import Manufacturer
from .tamper import Machine

REPOSITORY = Path(__file__).resolve().parents[3]
_BOOT_LOG = REPOSITORY / "data" / "lab" / "shim-grub.eventlog"
_HOST_IN_GUEST = "10.0.2.2"
_TOOLS = ("swtpm", "swtpm_setup", "swtpm_localca", "ldd")
_GUEST_TOOLS = ("qemu-system-x86_64", "mkfs.ext4")
_WORKERS = max(2, os.cpu_count() or 2)
_Item = TypeVar("_Item")


def default_binaries() -> Path:
    return Path(os.environ.get("LIMEQUAT_BIN") or REPOSITORY / "build" / "dev" / "apps")


def system_of(folder: Path) -> RootFolder:
    """What all machines of the lab in `folder` have in common."""
    return RootFolder(folder / "system")


@dataclass(frozen=True)
class Plan:
    """What a lab is made of."""

    guests: int = 1
    light: int = 0
    binaries: Path = Path()
    release: str = "bookworm"
    boot_path: str = DIRECT  # of the guests
    policy_key: str = ""     # a public key with which every policy must be signed


class Assembly:
    """Makes the lab of one plan in an empty folder; `ports` are those of its services."""

    def __init__(self, folder: Path, cache: Path, plan: Plan, processes: Processes, progress: Progress) -> None:
        self._folder = folder
        self._cache = cache
        self._plan = plan
        self._binaries = Binaries(plan.binaries)
        self._processes = processes
        self._progress = progress
        self._manufacturer = Manufacturer(folder / "tpm-ca")
        self._system = system_of(folder)
        self._free_ports = FreePorts()
        self.ports = Ports.choose(self._free_ports)

    def check_tools(self) -> None:
        """Raises UnavailableError if a program that will be needed is absent."""
        self._binaries.require_all()
        for tool in (*_TOOLS, *(_GUEST_TOOLS if self._plan.guests else ())):
            find_program(tool)
        find_busybox()

    def run(self) -> None:
        """Makes and starts everything.  The caller ends the processes if this raises."""
        self._manufacturer.prepare()
        path = boot_path(self._plan.boot_path)
        kernel = ensure_kernel(self._cache, self._plan.release, self._progress) if self._plan.guests else None
        loaders = Loaders.fetch(self._cache, self._progress) if self._plan.guests and not path.direct else None
        with self._progress.step("certificates and configuration"):
            site = make_site(self._binaries, self._folder / "site", self.ports)
            if self._plan.policy_key:
                site.configure_verifier({"policy": {"signing_keys": [self._plan.policy_key]}})
            self._system.folder.mkdir()
            self._system.create()
            self._system.add_agent(self._binaries.find("limequat-agent"))
        made_guests: list[Machine] = []
        if kernel:
            initramfs = self._folder / "initramfs.cpio.gz"
            write_initramfs(kernel, initramfs)
            boot = guests.Settings("", str(kernel.image), str(initramfs), 0, firmware=path.firmware, boot_path=path.name,
                                   loaders=str(loaders.tree) if loaders else "", memory_mib=256 if path.direct else 512)
            made_guests = [self._make_guest(n, boot, site) for n in range(1, self._plan.guests + 1)]
        made_lights = self._make_light_machines(site)

        # The first TPM brings the CA that the registrar must know before it starts.
        first = made_guests or made_lights[:1]
        with self._progress.step("disks and TPMs"):
            self._together(self._finish, first)
        if first:
            for name, certificate in self._manufacturer.trust_anchors().items():
                (site.ek_trust / name).write_bytes(certificate)
        with self._progress.step("registrar and verifier"):
            start_services(site, self._binaries, self._processes, self._folder)
        self._start_machines(made_guests, made_lights, first)

    def _start_machines(self, made_guests: list[Machine], made_lights: list[Machine], finished: list[Machine]) -> None:
        def start_lights() -> None:
            with self._progress.step("light machines") as step:
                for done, machine in enumerate(made_lights):
                    step.percent = 100 * done // len(made_lights)
                    if machine not in finished:
                        self._finish(machine)
                    machine.start()
                    wait_for_agent(machine)
                step.percent = 100

        def start_guest(machine: Machine) -> None:
            with self._progress.step(f"booting {machine.settings.name}") as step:
                machine.start()
                step.note = "agent"
                wait_for_agent(machine)
                step.note = ""

        def start(work: Callable[[], None]) -> None:
            work()

        self._together(start, [*([start_lights] if made_lights else []), *(lambda g=g: start_guest(g) for g in made_guests)])

    def _finish(self, machine: Machine) -> None:
        machine.finish(self._manufacturer)

    def _together(self, act: Callable[[_Item], None], items: Iterable[_Item]) -> None:
        """Acts on all items, several at a time; the first failure ends every process and is raised."""
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            try:
                for future in as_completed([pool.submit(act, item) for item in items]):
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._processes.end_all()  # lets the waiting threads go
                raise

    def _make_guest(self, number: int, boot: guests.Settings, site: Site) -> Guest:
        channel, agent = self._free_ports.take(), self._free_ports.take()
        settings = replace(boot, name=f"guest-{number}", channel_port=channel, forwards={agent: guests.AGENT_PORT})
        guest = Guest.create(self._folder / "machines" / settings.name, self._processes, settings, self._system)
        trusted = f"{AGENT_CONFIGURATION}/trusted-clients.pem"
        guest.root.write(trusted, site.trusted_clients.read_bytes())
        configuration = site.agent_configuration({
            "agent": {"id": settings.name, "listen": "0.0.0.0", "port": guests.AGENT_PORT, "contact_ip": LOOPBACK,
                      "contact_port": agent, "state_dir": f"{STATE}/agent"},
            "registrar": {"host": _HOST_IN_GUEST, "port": site.ports.registrar},
            "tls": {"trusted_client_ca": [trusted]},
            "tpm": {"tcti": "device:/dev/tpmrm0"},
            "evidence": {"ima_log": guests.IMA_LIST, "boot_log": guests.BOOT_LOG},
        })
        guest.root.write(f"{AGENT_CONFIGURATION}/limequat-agent.toml", configuration, 0o600)
        return guest

    def _make_light_machines(self, site: Site) -> list[Machine]:
        software = {
            path: hashlib.sha256(self._system.host_path(path).read_bytes()).hexdigest() for path in self._system.files()
        }
        return [self._make_light_machine(number, software, site) for number in range(1, self._plan.light + 1)]

    def _make_light_machine(self, number: int, software: dict[str, str], site: Site) -> LightMachine:
        tpm, agent = self._free_ports.take(neighbours=2), self._free_ports.take()
        program = str(self._binaries.find("limequat-agent"))
        settings = lights.Settings(f"light-{number}", tpm, agent, software, program)
        folder = self._folder / "machines" / settings.name
        machine = LightMachine.create(folder, self._processes, settings, _BOOT_LOG.read_bytes())
        (folder / lights.AGENT_CONFIGURATION).write_bytes(site.agent_configuration({
            "agent": {"id": settings.name, "listen": LOOPBACK, "port": agent, "contact_ip": LOOPBACK,
                      "contact_port": agent, "state_dir": str(folder / "agent")},
            "registrar": {"host": LOOPBACK, "port": site.ports.registrar},
            "tls": {"trusted_client_ca": [str(site.trusted_clients)]},
            "tpm": {"tcti": machine.tcti},
            "evidence": {"ima_log": str(folder / lights.IMA_LIST), "boot_log": str(folder / lights.BOOT_LOG)},
        }))
        return machine
