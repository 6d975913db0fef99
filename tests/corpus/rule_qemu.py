"""Whole boots: event log, IMA list and quotes of one TPM, whose nonces and states `quotes/index.json` knows."""

import json
import tempfile
from pathlib import Path
from typing import Any

from checking import Case, Check
from rule_eventlog import check_against_tool

_IMA_PCR = "10"
_LAST_ENTRIES = 20


def cases(folder: Path, name: str) -> list[Case]:
    return [Case(f"{name}/{path.parent.parent.name}/{quote}",
                 lambda check, run=path.parent.parent, quote=quote, about=about: _check(check, run, quote, about))
            for path in sorted(folder.glob("*/quotes/index.json")) for quote, about in json.loads(path.read_text()).items()]


def _check(check: Check, run: Path, quote: str, about: dict[str, Any]) -> None:
    folder = run / "quotes" / quote
    words = ("verify", "quote", "--message", folder / "msg", "--signature", folder / "sig", "--pcrs", folder / "pcrs", "--allow-sha1")
    for key in (f"{about['ak']}.pem", f"{about['ak']}.tpm2b"):
        done = check.run(*words, "--ak", run / key, "--nonce", about["nonce_hex"], "--require-pcrs", about["pcrs"])
        check.same("verdict", f"verify {key}", done.status, 0)
    other = check.run(*words, "--ak", run / f"{about['ak']}.pem", "--nonce", about["nonce_hex"] + "00")
    check.same("verdict", "another nonce", other.status, 1)
    shown = check.run("inspect", "quote", folder / "msg").json()
    check.same("verdict", "extra_data", shown["extra_data"], about["nonce_hex"])
    _check_logs(check, run, folder, about)


def _check_logs(check: Check, run: Path, folder: Path, about: dict[str, Any]) -> None:
    """The values that a quote brings are those to which log and list lead."""
    quoted = _quoted(folder / "pcrs", about["pcrs"])
    shown = check.run("inspect", "eventlog", run / "binary_bios_measurements").json()
    check_against_tool(check, run / "binary_bios_measurements", shown)
    for bank, values in quoted.items():
        for number, value in values.items():
            if number not in (_IMA_PCR, "16"):  # 16 is for debugging, and was used so
                check.same("machine", f"{bank} {number}", shown["pcrs"][bank].get(number, "0" * len(value)), value)
    if any(_IMA_PCR in values for values in quoted.values()):
        check.same("machine", "IMA", _leads_to(check, run, about, quoted), sorted(bank for bank in quoted if _IMA_PCR in quoted[bank]))


def _leads_to(check: Check, run: Path, about: dict[str, Any], quoted: dict[str, dict[str, str]]) -> list[str]:
    """Banks whose PCR 10 the list led to when its log was read, or some entries before: the quote may be a little older."""
    whole = (run / "binary_runtime_measurements").read_bytes()[: about["log_bytes_binary"]]
    found: set[str] = set()
    with tempfile.NamedTemporaryFile() as file:
        size = len(whole)
        for _ in range(_LAST_ENTRIES):
            file.seek(0)
            file.truncate()
            file.write(whole[:size])
            file.flush()
            shown = check.run("inspect", "ima", file.name, "--format", "binary").json()
            for bank, values in quoted.items():
                if values.get(_IMA_PCR) in [shown[member].get(bank, {}).get(_IMA_PCR) for member in ("pcrs", "pcrs_zero_padded")]:
                    found.add(bank)
            if found or shown["entries"] < 2:
                break
            size = _without_last(whole[:size])
    return sorted(found)


def _without_last(content: bytes) -> int:
    """Where the last record of a binary list begins."""
    at, last = 0, 0
    while at < len(content):
        last = at
        size = int.from_bytes(content[at + 24 : at + 28], "little")
        name = content[at + 28 : at + 28 + size]
        at += 28 + size
        if name == b"ima":  # no size: a digest, and a name with its length
            at += 24 + int.from_bytes(content[at + 20 : at + 24], "little")
        else:
            at += 4 + int.from_bytes(content[at : at + 4], "little")
    return last


def _quoted(blob: Path, selection: str) -> dict[str, dict[str, str]]:
    """The values of a file that `tpm2_quote -o` wrote: a header of 132 bytes, then lists of up to eight digests."""
    content = blob.read_bytes()
    values, at = [], 136
    for _ in range(int.from_bytes(content[132:136], "little")):
        for place in range(int.from_bytes(content[at : at + 4], "little")):
            digest = at + 4 + 66 * place
            size = int.from_bytes(content[digest : digest + 2], "little")
            values.append(content[digest + 2 : digest + 2 + size].hex())
        at += 532
    quoted: dict[str, dict[str, str]] = {}
    for bank in selection.split("+"):
        name, _, numbers = bank.partition(":")
        for number in numbers.split(","):
            quoted.setdefault(name, {})[number] = values.pop(0)
    return quoted
