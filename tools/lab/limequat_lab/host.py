"""Programs and ports of this computer."""

import os
import random
import shutil
import socket
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from .errors import UnavailableError

LOOPBACK = "127.0.0.1"
PORTS_VARIABLE = "LIMEQUAT_LAB_PORTS"
_OUTGOING_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_MOST_PORTS = 12000
_FIRST_PORT = 1024  # those below are of the system
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


def lab_ports() -> range:
    """The ports that labs may listen on: what LIMEQUAT_LAB_PORTS says (`FIRST-LAST`), else all that are fit.

    Fit are those below the range from which the kernel takes ports of outgoing connections, so that
    a machine finds its port free again after a reboot.  Programs that run side by side are given
    ranges of their own: a port is free until somebody listens on it, which may be long after it was
    chosen.  Raises UnavailableError if there are none.
    """
    told = os.environ.get(PORTS_VARIABLE, "")
    if told:
        first, _, last = told.partition("-")
        if not (first.isdecimal() and last.isdecimal() and _FIRST_PORT <= int(first) <= int(last) < 1 << 16):
            raise UnavailableError(f"{PORTS_VARIABLE} is '{told}', not FIRST-LAST with ports from {_FIRST_PORT} on")
        return range(int(first), int(last) + 1)
    lowest = int(_OUTGOING_PORTS.read_text().split()[0])
    if lowest <= _FIRST_PORT:
        raise UnavailableError(f"{_OUTGOING_PORTS} leaves no ports below {lowest}; name some in {PORTS_VARIABLE}")
    return range(max(_FIRST_PORT, lowest - _MOST_PORTS), lowest)


class FreePorts:
    """Chooses ports of `lab_ports` on which nobody listens, none of them twice in this process."""

    _taken: ClassVar[set[int]] = set()

    def __init__(self) -> None:
        self._ports = lab_ports()

    def take(self, neighbours: int = 1) -> int:
        """The first of `neighbours` free ports in a row.  Raises UnavailableError if there are none."""
        for _ in range(_TRIES):
            first = random.choice(self._ports)
            wanted = range(first, first + neighbours)
            if (
                wanted[-1] in self._ports
                and self._taken.isdisjoint(wanted)
                and all(_is_free(port) for port in wanted)
            ):
                self._taken.update(wanted)
                return first
        raise UnavailableError(f"no free ports between {self._ports[0]} and {self._ports[-1]}")


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
