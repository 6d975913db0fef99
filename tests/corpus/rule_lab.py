"""Boots of data/lab/boots: what the TPM itself held in the same boot."""

import json
from pathlib import Path
from typing import Any

from checking import Case, Check
from rule_eventlog import check_against_tool

_IMA_PCR = "10"
_USER_SPACE = ("11", "15")  # systemd extends them behind the firmware's log


def cases(folder: Path, name: str) -> list[Case]:
    return [Case(f"{name}/{path.parent.name}/{path.name.removesuffix('pcrs.json')}",
                 lambda check, path=path: _check(check, path.parent, path.name.removesuffix("pcrs.json")))
            for path in sorted(folder.glob("*/*pcrs.json"))]


def _check(check: Check, folder: Path, prefix: str) -> None:
    tpm = json.loads((folder / f"{prefix}pcrs.json").read_text())["pcrs"]
    log, list_ = folder / f"{prefix}eventlog", folder / "ima.bin"
    if log.exists():
        shown = check.run("inspect", "eventlog", log).json()
        check_against_tool(check, log, shown)
        left = {_IMA_PCR, *(_USER_SPACE if folder.name.startswith("systemd") else ())}
        _compare(check, shown["pcrs"], {bank: {n: v for n, v in values.items() if n not in left} for bank, values in tpm.items()})
        check.same("command", "notes", shown["notes"], [])
    if not prefix:
        _check_ima(check, folder, tpm)


def _check_ima(check: Check, folder: Path, tpm: dict[str, dict[str, str]]) -> None:
    for name in ("ima.bin", "ima.ascii"):
        shown = check.run("inspect", "ima", folder / name).json()
        for bank, values in tpm.items():
            # A kernel without the bank's hash extends with SHA-1 digests, padded.
            led = [shown[member].get(bank, {}).get(_IMA_PCR) for member in ("pcrs", "pcrs_zero_padded")]
            check.same("machine", f"{name} {bank} {_IMA_PCR}", values[_IMA_PCR] in led, True)
        check.same("command", f"{name} notes", shown["notes"], [])


def _compare(check: Check, ours: dict[str, Any], tpm: dict[str, dict[str, str]]) -> None:
    check.same("machine", "banks", sorted(ours), sorted(tpm))
    for bank, values in tpm.items():
        for number, value in values.items():
            check.same("machine", f"{bank} {number}", ours[bank].get(number, "0" * len(value)), value)
