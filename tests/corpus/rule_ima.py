"""IMA lists: `X.expected.json` of an independent replay, and what the machine's own PCR 10 was."""

import json
from pathlib import Path
from typing import Any

from checking import Case, Check

_BANKS = ("sha1", "sha256", "sha384", "sha512")
_ENDING = ".expected.json"


def cases(folder: Path, name: str) -> list[Case]:
    found = []
    for expected in sorted(folder.rglob(f"*{_ENDING}")):
        path = Path(str(expected).removesuffix(_ENDING))
        found.append(Case(f"{name}/{path.relative_to(folder)}", lambda check, path=path: _check(check, path)))
    return found


def _check(check: Check, path: Path) -> None:
    document = json.loads(Path(f"{path}{_ENDING}").read_text())
    expected = document["independent_replay"]
    done = check.run("inspect", "ima", path)
    if not check.same("replay", "read", done.status == 0, expected["entries"] > 0) or done.status != 0:
        return
    shown = done.json()
    _check_replay(check, shown, expected, path.stat().st_size)
    for machine in document.get("machine_pcrs") or []:
        _check_machine(check, shown, machine)
    # The format by name gives the same, and the entries are as many as counted.
    named = check.run("inspect", "ima", path, "--format", shown["format"], "--entries").json()
    measurements = named.pop("measurements")
    check.same("command", "--format", named, shown)
    check.same("command", "--entries", [line["event"] for line in measurements], list(range(shown["entries"])))


def _check_replay(check: Check, shown: dict[str, Any], expected: dict[str, Any], size: int) -> None:
    for name in ("format", "entries", "violations", "templates"):
        check.same("replay", name, shown[name], expected[name])
    pcrs = expected["pcrs"]
    check.same("replay", "pcrs", shown["pcrs"], {bank: {n: pcrs[n][bank] for n in pcrs} for bank in _BANKS})
    check.same("replay", "pcrs_zero_padded", shown["pcrs_zero_padded"],
               {bank: {n: pcrs[n][f"{bank}_padded"] for n in pcrs} for bank in _BANKS[1:]})
    ids = [note["id"] for note in shown["notes"]]
    check.same("replay", "template digests", ids.count("ima.template_digest"), expected["bad_template_hash_count"])
    is_whole = expected["parse"] == "ok"
    check.same("replay", "whole", shown["trailing_bytes"] == 0, is_whole)
    if not is_whole and shown["trailing_bytes"]:
        check.same("replay", "trailing", (shown["trailing_bytes"] < size, shown["notes"][-1]["event"]), (True, expected["entries"]))


def _check_machine(check: Check, shown: dict[str, Any], machine: dict[str, Any]) -> None:
    """What a TPM held is what the list leads to, where the references say that it does."""
    number, bank = str(machine["pcr"]), machine["bank"]
    for matches, member in (("replay_matches", "pcrs"), ("padded_matches", "pcrs_zero_padded")):
        if machine.get(matches) is not None and bank in shown[member]:
            equal = shown[member][bank].get(number) == machine["value"]
            check.same("machine", f"{member} {bank} {number}", equal, machine[matches])
