"""A machine without a kernel: a TPM emulator, a recorded boot log replayed into it, an IMA list.

To an attestation it looks like any other machine, starts in a second and takes little memory.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import swtpm
from .bootlog import parse_boot_log, replay_boot_log
from .errors import MalformedError, UnavailableError
from .host import LOOPBACK, accepts_connections
from .ima import Entry, MeasurementList
from .processes import Processes, wait_until
from .tpm import Tpm

BOOT_LOG = "binary_bios_measurements"
IMA_LIST = "ascii_runtime_measurements"
AGENT_CONFIGURATION = "limequat-agent.toml"


@dataclass
class Settings:
    """What is fixed about a light machine when it is made; kept in its folder."""

    name: str
    tpm_port: int
    agent_port: int
    software: dict[str, str] = field(default_factory=dict)  # path -> SHA-256 of what each boot measures
    agent: str = ""  # the program; a machine may do without


class LightMachine:
    """One light machine, whose files are in `folder`."""

    def __init__(self, folder: Path, processes: Processes, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.tpm = Tpm(settings.tpm_port)
        self.ima = MeasurementList(folder / IMA_LIST, self.tpm)
        self._processes = processes

    @classmethod
    def create(cls, folder: Path, processes: Processes, settings: Settings, boot_log: bytes) -> "LightMachine":
        folder.mkdir(parents=True, mode=0o700)
        machine = cls(folder, processes, settings)
        machine.save()
        machine.set_boot_log(boot_log)
        return machine

    @classmethod
    def open(cls, folder: Path, processes: Processes) -> "LightMachine":
        """A machine that was made earlier.  Raises MalformedError if its settings cannot be read."""
        try:
            return cls(folder, processes, Settings(**json.loads((folder / "light.json").read_text())))
        except (OSError, ValueError, TypeError) as why:
            raise MalformedError(f"{folder}/light.json: {why}") from why

    def save(self) -> None:
        (self.folder / "light.json").write_text(json.dumps(asdict(self.settings), indent=2))

    def finish(self, manufacturer: swtpm.Manufacturer) -> None:
        """Makes the TPM."""
        manufacturer.make_tpm(self.folder / "tpm")

    def boot_log(self) -> bytes:
        return (self.folder / BOOT_LOG).read_bytes()

    def set_boot_log(self, log: bytes) -> None:
        """The log that the next start or reboot replays."""
        (self.folder / BOOT_LOG).write_bytes(log)

    @property
    def tcti(self) -> str:
        """How the TPM library reaches this machine's TPM."""
        return f"swtpm:host={LOOPBACK},port={self.settings.tpm_port}"

    # Power

    @property
    def running(self) -> bool:
        return self._processes.pid(self._swtpm) is not None

    def start(self) -> None:
        """Powers the TPM on and boots: log into the PCRs, software into the IMA list, agent."""
        swtpm.start_on_port(self._processes, self._swtpm, self.folder, self.settings.tpm_port)
        self.tpm.startup()
        self._boot()

    def stop(self) -> None:
        self.stop_agent()
        self._processes.end(self._swtpm)

    def reboot(self) -> None:
        """An orderly reboot: the TPM's reset count goes up by one, and the agent starts again."""
        self.stop_agent()
        self.tpm.reset()
        self._boot()

    def _boot(self) -> None:
        replay_boot_log(parse_boot_log(self.boot_log()), self.tpm)
        self.ima.begin()
        self.ima.append([Entry(path, bytes.fromhex(digest)) for path, digest in self.settings.software.items()])
        self.start_agent()

    # Work on the machine

    def measure(self, path: str, content: bytes) -> Entry:
        """What the kernel does when a file with this content is executed for the first time."""
        entry = Entry(path, hashlib.sha256(content).digest())
        self.ima.append([entry])
        return entry

    def start_agent(self) -> None:
        """Runs the agent, if there is one, as a process of this computer."""
        if self.settings.agent and not self.agent_running():
            self.tpm.flush_transient()  # of an agent that was killed
            configuration = self.folder / AGENT_CONFIGURATION
            self._processes.start(
                self._agent, [self.settings.agent, "--config", configuration], self.folder / "agent.log"
            )

    def wait_until_listening(self, port: int, seconds: float = 10) -> None:
        """Returns when somebody listens on `port`.  Raises UnavailableError if nobody does in time."""
        if not wait_until(lambda: accepts_connections(port), seconds):
            raise UnavailableError(f"nobody listens on port {port}; see {self.folder}/agent.log")

    def stop_agent(self) -> None:
        self._processes.end(self._agent)
        if self.running:
            self.tpm.flush_transient()

    def agent_running(self) -> bool:
        return self._processes.pid(self._agent) is not None

    @property
    def _swtpm(self) -> str:
        return f"{self.settings.name}-swtpm"

    @property
    def _agent(self) -> str:
        return f"{self.settings.name}-agent"
