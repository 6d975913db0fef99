"""A whole lab in one folder: a site with its services, guests and light machines."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .agent import agent_port, wait_for_agent
from .assembly import Assembly, Plan, system_of
from .bootpaths import UNIFIED_IMAGE
from .channel import Result
from .errors import NotFoundError, UnavailableError, UsageError
from .guest import Guest
from .host import FreePorts
from .initramfs import write_initramfs
from .kernel import default_cache, ensure_kernel
from .light import LightMachine
from .processes import Processes
from .progress import Progress
from .root import RootFolder
from .site import Ports, Site
from .software import apply_update, prepare_update
from .tamper import Machine, Tampering, forget_repaired, repair, tamper, tamperings

_FORMAT = 1


def default_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "limequat" / "lab"


class Lab:
    """The lab in `folder`, which may not exist yet."""

    def __init__(self, folder: Path, cache: Path | None = None, progress: Progress | None = None) -> None:
        self.folder = folder.absolute()
        self.cache = (cache or default_cache()).absolute()
        self.processes = Processes(self.folder / "run")
        self._progress = progress or Progress(quiet=True)

    # The whole

    def up(self, plan: Plan) -> None:
        """Makes and starts the lab.  If that fails, everything is stopped and the logs stay.

        Raises UsageError if the folder is something else or holds a running lab.
        """
        assembly = Assembly(self.folder, self.cache, plan, self.processes, self._progress)
        assembly.check_tools()
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with self._locked():
            self._make_way()
            self._store(plan, assembly.ports)
            try:
                assembly.run()
            except BaseException:
                self.processes.end_all()
                raise

    def down(self) -> list[str]:
        """Ends every process and deletes the folder; returns the names of the processes that still ran.

        Does nothing if there is no lab.  Raises UsageError if the folder is something else.
        """
        if not self.folder.exists():
            return []
        self._require_own()
        with self._locked():
            running = self._running()
            self.processes.end_all()
            shutil.rmtree(self.folder)
        return running

    def machines(self) -> list[Machine]:
        """All machines, guests first."""
        found: list[Machine] = []
        for folder in sorted((self.folder / "machines").glob("*")):
            opened = Guest if (folder / "guest.json").exists() else LightMachine
            found.append(opened.open(folder, self.processes))
        return sorted(found, key=lambda machine: isinstance(machine, LightMachine))

    def machine(self, name: str) -> Machine:
        self._require_own()
        for machine in self.machines():
            if machine.settings.name == name:
                return machine
        raise NotFoundError(f"no machine {name} in this lab; see: limequat lab status")

    def site(self) -> Site:
        return Site(self.folder / "site", Ports(**self._stored()["ports"]))

    def root_of(self, machine: Machine) -> RootFolder:
        """What a policy for this machine can be made from; the light machines share one."""
        return machine.root if isinstance(machine, Guest) else system_of(self.folder)

    def status(self) -> dict[str, object]:
        """What runs, as docs/lab.md describes it.  Raises NotFoundError if there is no lab."""
        self._require_own()
        site = self.site()
        ports = {"registrar": site.ports.registrar, "verifier": site.ports.verifier}
        return {
            "folder": str(self.folder),
            "operator_configuration": str(site.operator_configuration),
            "services": [
                {"name": name, "running": self.processes.pid(name) is not None, "pid": self.processes.pid(name), "port": port}
                for name, port in ports.items()
            ],
            "machines": [self._status_of(machine) for machine in self.machines()],
        }

    # One machine

    def tamper(self, name: str, kind: str) -> Tampering:
        with self._busy_with(name) as machine:
            return tamper(machine, kind)

    def repair(self, name: str) -> list[Tampering]:
        with self._busy_with(name) as machine:
            return repair(machine)

    def reboot(self, name: str) -> None:
        with self._busy_with(name) as machine, self._progress.step(f"rebooting {name}"):
            machine.reboot()
            forget_repaired(machine)
            wait_for_agent(machine)

    def set_agent(self, name: str, running: bool) -> None:
        with self._busy_with(name) as machine:
            machine.start_agent() if running else machine.stop_agent()

    def prepare_update(self, name: str) -> str:
        with self._busy_with(name) as machine:
            return prepare_update(self.root_of(machine))

    def apply_update(self, name: str) -> str:
        with self._busy_with(name) as machine:
            return apply_update(machine, self.root_of(machine))

    def install_kernel(self, name: str, release: str) -> Path:
        """Gives a guest the kernel of another Debian release, which its next boot starts; the kernel's file.

        That is a unified kernel image where the guest boots one.  Raises UsageError for a light machine.
        """
        with self._busy_with(name) as machine:
            if not isinstance(machine, Guest):
                raise UsageError(f"{name} is a light machine: it has no kernel")
            kernel = ensure_kernel(self.cache, release, self._progress)
            initramfs = self.folder / f"initramfs-{release}.cpio.gz"
            with self._progress.step(f"kernel {kernel.version} for {name}"):
                write_initramfs(kernel, initramfs)
                machine.settings.kernel, machine.settings.initramfs = str(kernel.image), str(initramfs)
                machine.save()
                machine.lay_out()
            unified = machine.folder / "boot" / UNIFIED_IMAGE
            return unified if unified.exists() else kernel.image

    def free_port(self) -> int:
        """A port of this computer on which nobody listens."""
        return FreePorts().take()

    def run(self, name: str, script: str) -> Result:
        """Runs a shell script in a guest.  Raises UsageError for a light machine, which has no shell."""
        machine = self.machine(name)
        if not isinstance(machine, Guest):
            raise UsageError(f"{name} is a light machine: it runs no programs")
        return machine.run(script)

    # Files

    @property
    def _plan_file(self) -> Path:
        return self.folder / "lab.json"

    def _make_way(self) -> None:
        """Removes what is left of a lab that no longer runs."""
        if not any(self.folder.iterdir()):
            return
        self._require_own()
        if running := self._running():
            raise UsageError(f"a lab runs in {self.folder} ({', '.join(running)}); end it first: limequat lab down")
        for left in self.folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _running(self) -> list[str]:
        return [name for name in self.processes.names() if self.processes.pid(name)]

    def _require_own(self) -> None:
        if not self.folder.exists():
            raise NotFoundError(f"no lab in {self.folder}; make one: limequat lab up")
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if self._stored()["format"] == _FORMAT:
                return
        raise UsageError(f"{self.folder} is not a lab; nothing was changed there")

    def _store(self, plan: Plan, ports: Ports) -> None:
        stored = {
            "format": _FORMAT,
            "made": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "plan": {**asdict(plan), "binaries": str(plan.binaries)},
            "ports": asdict(ports),
        }
        self._plan_file.write_text(json.dumps(stored, indent=2))

    def _stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads(self._plan_file.read_text())
        return stored

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One command at a time changes a lab."""
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _busy_with(self, name: str) -> Iterator[Machine]:
        machine = self.machine(name)
        with self._locked():
            if not machine.running:
                raise UnavailableError(f"{name} does not run; see {machine.folder}")
            yield machine

    def _status_of(self, machine: Machine) -> dict[str, object]:
        shown: dict[str, object] = {
            "name": machine.settings.name,
            "kind": "guest" if isinstance(machine, Guest) else "light",
            "running": machine.running,
            "agent_running": machine.running and machine.agent_running(),
            "agent_port": agent_port(machine),
            "root": str(self.root_of(machine).folder),
            "tampered": [asdict(entry) for entry in tamperings(machine)],
        }
        if isinstance(machine, LightMachine):
            shown["tcti"] = machine.tcti
        return shown
