"""Long-running processes that outlive the command that started them.

Each one has a record in a folder: its pid, when it started (in clock ticks since the boot of this
computer) and the boot's identifier.  The three together name one process for ever, so a record
that is left over never leads to the end of a stranger that got the same pid.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

GRACE_SECONDS = 5.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Identity:
    """One process of this computer."""

    pid: int
    started: int
    boot: str


def identify(pid: int) -> Identity | None:
    """The identity of the running process `pid`; None if there is none or it has ended.

    A process runs until the last of its threads has ended: only then are its ports free.  The first
    thread may be gone before the others (state Z), above all after SIGKILL.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may itself hold parentheses.
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "X" or (fields[0] == "Z" and int(fields[17]) <= 1):
        return None
    return Identity(pid, int(fields[19]), _BOOT_ID.read_text().strip())


class Processes:
    """The processes recorded in one folder, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def names(self) -> list[str]:
        return sorted(record.stem for record in self.folder.glob("*.json"))

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        folder: Path | None = None,
    ) -> None:
        """Starts `command` in a session of its own, in `folder`, with its output appended to `log`.

        Raises OSError if the program cannot be executed.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,
            )
        self._children[name] = child
        if identity := identify(child.pid):
            self._record(name).write_text(json.dumps(asdict(identity)))

    def pid(self, name: str) -> int | None:
        """The pid of the process `name` if it is still running."""
        with contextlib.suppress(KeyError):
            self._children[name].poll()  # else an ended child stays a zombie
        recorded = self._read(name)
        return recorded.pid if recorded and identify(recorded.pid) == recorded else None

    def end(self, name: str, grace: float = GRACE_SECONDS) -> None:
        """Ends the process `name`: asks, waits `grace` seconds, then kills.  Does nothing if it has ended."""
        recorded = self._read(name)
        if recorded:
            with _pidfd(recorded) as handle:
                if handle is not None:
                    _end(handle, grace)
        if child := self._children.pop(name, None):
            child.wait()
        self._record(name).unlink(missing_ok=True)

    def end_all(self, grace: float = GRACE_SECONDS) -> None:
        for name in sorted({*self.names(), *self._children}):
            self.end(name, grace)

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _read(self, name: str) -> Identity | None:
        try:
            return Identity(**json.loads(self._record(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


@contextlib.contextmanager
def _pidfd(identity: Identity) -> Iterator[int | None]:
    """A handle of exactly this process, which stays true even if the pid is used again meanwhile."""
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        yield None
        return
    try:
        yield handle if identify(identity.pid) == identity else None
    finally:
        os.close(handle)


def _end(handle: int, grace: float) -> None:
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, GRACE_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)
        if select.select([handle], [], [], patience)[0]:
            return


def wait_until(condition: Callable[[], object], seconds: float, interval: float = 0.02) -> bool:
    """True as soon as `condition()` is; False if it is not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True
