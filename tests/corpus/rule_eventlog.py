"""Event logs: `X.pcrs.json` of an independent replay, `tpm2_eventlog` recorded and as it is here, and verdicts on hostile logs."""

import functools
import gzip
import json
from pathlib import Path
from typing import Any

import tpm2_eventlog
from checking import Case, Check
from tpm2_eventlog import Said

_RECORDED = "tpm2_eventlog-5.8"
INSTALLED = "tpm2_eventlog-5.4"  # Debian 12's; what another version does wrong is not known


@functools.cache
def installed() -> bool:
    return f"tpm2_eventlog-{tpm2_eventlog.version()}" == INSTALLED


def cases(folder: Path, name: str) -> list[Case]:
    found = []
    for ending, rule in ((".pcrs.json", _check_log), (".verdict.json", _check_hostile)):
        for expected in sorted(folder.rglob(f"*{ending}")):
            path = Path(str(expected).removesuffix(ending) + ".bin")
            found.append(Case(f"{name}/{path.relative_to(folder)}", lambda check, path=path, rule=rule: rule(check, path)))
    return found


def check_against_tool(check: Check, path: Path, shown: dict[str, Any] | None) -> None:
    """Against this computer's tpm2_eventlog; `shown` is None if the command refused the log."""
    said = tpm2_eventlog.run(path) if installed() else None
    if said:
        _compare(check, INSTALLED, shown, said)


def _check_log(check: Check, path: Path) -> None:
    document = json.loads(path.with_suffix(".pcrs.json").read_text())
    expected = document["independent_replay"]
    done = check.run("inspect", "eventlog", path)
    shown = done.json() if done.status == 0 else None
    recorded = path.with_suffix(".expected.yaml.gz")
    if recorded.exists():
        _compare(check, _RECORDED, shown, tpm2_eventlog.parse(gzip.decompress(recorded.read_bytes()).decode(errors="replace")))
    check_against_tool(check, path, shown)
    if check.same("replay", "read", shown is not None, expected["parse"] == "ok") and shown:
        _check_replay(check, shown, expected)
        _check_machine(check, shown, document.get("machine_pcrs") or {})
    if shown:
        _check_whole(check, path, shown)


def _check_replay(check: Check, shown: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {"format": "format", "algorithms": "algs", "trailing_bytes": "trailing", "startup_locality": "startup_locality"}
    for ours, theirs in fields.items():
        check.same("replay", ours, shown[ours], expected[theirs])
    check.same("replay", "events", len(shown["events"]), expected["events"])
    check.same("replay", "pcrs", shown["pcrs"], expected["pcrs"])
    # Types whose digest should be of the data, and is not.
    others = [[event["index"], event["pcr"], event["type"]] for event in shown["events"] if event["digest_covers"] != "all"]
    check.same("replay", "data_digest_mismatch", [event for event in expected["data_digest_mismatch"] if event not in others], [])


def _check_machine(check: Check, shown: dict[str, Any], machine: dict[str, Any]) -> None:
    """What the TPM of the machine held, where the references say whether the log leads to it."""
    for bank, known in (machine.get("banks") or {}).items():
        for member, matches in (("replay_matches", True), ("replay_differs", False)):
            for number in map(str, known.get(member) or []):
                ours = shown["pcrs"].get(bank, {}).get(number, "0" * len(known["values"][number]))
                check.same("machine", f"{bank} {number}", ours == known["values"][number], matches)


def _check_whole(check: Check, path: Path, shown: dict[str, Any]) -> None:
    check.same("command", "indices", [event["index"] for event in shown["events"]], list(range(len(shown["events"]))))
    table = check.run("inspect", "eventlog", path, "-o", "table")
    unsafe = {character for character in table.out.decode() if character != "\n" and not character.isprintable()}
    check.same("command", "table", (table.status, unsafe), (0, set()))


def _compare(check: Check, reference: str, shown: dict[str, Any] | None, said: Said) -> None:
    if not check.same(reference, "read", shown is not None, bool(said.events)) or not shown:
        return
    if not check.same(reference, "events", len(shown["events"]), len(said.events)):
        return
    for ours, theirs in zip(shown["events"], said.events, strict=True):
        _compare_event(check, reference, ours, theirs)
    ours = {bank: pcrs for bank, pcrs in shown["pcrs"].items() if pcrs}
    for bank in sorted(set(ours) | set(said.pcrs)):
        numbers = sorted(set(ours.get(bank, {})) | set(said.pcrs.get(bank, {})), key=int)
        for number in numbers:
            check.same(reference, f"pcr {bank} {number}", ours.get(bank, {}).get(number), said.pcrs.get(bank, {}).get(number))


def _compare_event(check: Check, reference: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    number = ours["index"]
    for name in ("index", "pcr", "digests"):
        check.same(reference, f"{name} {number}", ours[name], theirs.get(name))
    if "type" in theirs:
        check.same(reference, f"type {number}", ours["type"], theirs["type"])
    if "device_path" in theirs:
        content = {**ours.get("content", {}), **ours.get("untrusted_content", {})}
        check.same(reference, f"device_path {number}", content.get("device_path", "").replace("\\\\", "\\"), theirs["device_path"])


def _check_hostile(check: Check, path: Path) -> None:
    case = json.loads(path.with_suffix(".verdict.json").read_text())
    done = check.run("inspect", "eventlog", path)
    shown = done.json() if done.status == 0 else None
    check_against_tool(check, path, shown)
    if case["verdict"] == "reject":
        check.same("verdict", "reject", (done.status, done.out, f"[{case.get('notice', 'eventlog.')}" in done.err), (3, b"", True))
        return
    # "reject-or-partial" leaves the choice; a whole parse is not one of them.
    if not check.same("verdict", "read", shown is not None, True) or not shown:
        return
    ids = [note["id"] for note in shown["notes"]]
    if case["verdict"] != "parse":
        check.same("verdict", "noticed", bool(ids), True)
    if "notice" in case:
        check.same("verdict", "notice", case["notice"] in ids, True)
    expected = case["independent_replay"]
    if not check.same("replay", "events", len(shown["events"]), expected["events"]):
        return
    ours = {bank: values for bank, values in shown["pcrs"].items() if values or bank in expected["pcrs"]}
    check.same("replay", "pcrs", ours, expected["pcrs"])
    check.same("replay", "startup_locality", shown["startup_locality"], expected["startup_locality"])
