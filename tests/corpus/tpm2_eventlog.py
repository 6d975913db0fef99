"""Reads what `tpm2_eventlog` writes, and runs the one of this computer.

Its YAML is not always YAML, so lines are looked at and not a document.  It is wrong in places: version 5.4 takes no notice
of StartupLocality, 5.8 ends by a signal on some logs.
"""

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SECONDS = 30
_MEMORY = 2 << 30


@dataclass(frozen=True)
class Said:
    """What the tool says of one log."""

    events: list[dict[str, Any]]  # index, pcr, type, digests, device_path
    pcrs: dict[str, dict[str, str]]


def version() -> str:
    """The version of this computer's tool, `5.4`; empty if there is none."""
    tool = shutil.which("tpm2_eventlog")
    if not tool:
        return ""
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r'version="([0-9.]+)', said)
    return found[1] if found else ""


def run(log: Path) -> Said | None:
    """None if the tool cannot read the log: it says so, or does not come to an end."""
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        done = subprocess.run(["tpm2_eventlog", log], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False,
                              preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return None
    return parse(done.stdout.decode(errors="replace")) if done.returncode == 0 else None


def parse(text: str) -> Said:
    before, _, behind = text.partition("\npcrs:\n")
    return Said(_events(before), _pcrs(behind))


def _events(text: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    algorithm = "sha1"
    for line in text.splitlines():
        if match := re.fullmatch(r"- EventNum: (\d+)", line):
            events.append({"index": int(match[1]), "digests": {}})
            algorithm = "sha1"
        elif match := re.fullmatch(r"  PCRIndex: (-?\d+)", line):
            if not events or "pcr" in events[-1]:   # SHA-1 logs have no EventNum
                events.append({"index": len(events), "digests": {}})
            events[-1]["pcr"] = int(match[1]) % 2**32
        elif match := re.fullmatch(r"  EventType: (\w+)", line):
            events[-1]["type"] = match[1]
        elif match := re.fullmatch(r"  - AlgorithmId: (\w+)", line):
            algorithm = match[1]
        elif match := re.fullmatch(r'  (?:  )?Digest: "([0-9a-f]+)"', line):
            events[-1]["digests"][algorithm] = match[1]
        elif match := re.fullmatch(r" {4,6}DevicePath: '([A-Z][^']*)'", line):
            events[-1]["device_path"] = match[1]
    return events


def _pcrs(text: str) -> dict[str, dict[str, str]]:
    pcrs: dict[str, dict[str, str]] = {}
    bank = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"  (\w+):", line):
            bank = match[1]
            pcrs[bank] = {}
        elif match := re.fullmatch(r"    (\d+) *: 0x([0-9a-f]+)", line):
            pcrs[bank][match[1]] = match[2]
    return {name: values for name, values in pcrs.items() if values}
