"""Programs and ports of this computer."""

import random
import shutil
import socket
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from .errors import UnavailableError

LOOPBACK = "127.0.0.1"
_PORTS = (20000, 32000)
_TRIES = 5000
# Daemons and mkfs live in sbin, which is not in every user's PATH.
_SEARCH = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find_program(name: str) -> Path:
    """The absolute path of a program of this computer.  Raises UnavailableError if there is none."""
    found = shutil.which(name) or shutil.which(name, path=":".join(_SEARCH))
    if not found:
        raise UnavailableError(f"{name} is not installed; run: script/setup --for lab")
    return Path(found)


def find_busybox() -> Path:
    """A busybox that runs without libraries, as it must before a guest has its disk.  Raises UnavailableError."""
    found = find_program("busybox")
    if is_dynamic(found):
        raise UnavailableError(f"{found} needs libraries; the lab needs busybox-static: script/setup --for lab")
    return found


def is_dynamic(program: Path) -> bool:
    """Whether a file is a program or library that the loader must look after."""
    content = program.read_bytes()
    return content[:4] == b"\x7fELF" and b".dynamic\0" in content


def require_files(paths: Iterable[Path]) -> None:
    """Raises UnavailableError if a file that a Debian package of the lab brings is absent."""
    for path in paths:
        if not path.exists():
            raise UnavailableError(f"{path} is not there; run: script/setup --for lab")


def run_program(name: str, *arguments: str | Path, folder: Path | None = None) -> str:
    """Runs a program to its end and returns what it wrote.  Raises UnavailableError if it fails."""
    command: Sequence[str | Path] = [find_program(name), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        errors="replace", cwd=folder, check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip()[-2000:]
        raise UnavailableError(f"{name} {arguments[0] if arguments else ''} failed ({done.returncode}): {reason}")
    return done.stdout


class FreePorts:
    """Chooses ports of the loopback on which nobody listens, none of them twice.

    They lie below the range from which the kernel takes ports of outgoing connections, so that a
    machine finds its port free again after a reboot.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, neighbours: int = 1) -> int:
        """The first of `neighbours` free ports in a row.  Raises UnavailableError if there are none."""
        for _ in range(_TRIES):
            first = random.randrange(*_PORTS)
            wanted = range(first, first + neighbours)
            if self._taken.isdisjoint(wanted) and all(_is_free(port) for port in wanted):
                self._taken.update(wanted)
                return first
        raise UnavailableError(f"no free ports between {_PORTS[0]} and {_PORTS[1]}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts_connections(port: int) -> bool:
    """Whether something listens on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), 1):
            return True
    except OSError:
        return False
