"""What an intruder does to a machine of the lab, and how it is undone."""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from .bootlog import change_last_event
from .errors import UsageError
from .guest import Guest
from .light import LightMachine

Machine = Guest | LightMachine

UNKNOWN_PROGRAM, CHANGED_PROGRAM, CHANGED_BOOT = "unknown-program", "changed-program", "changed-boot"
KINDS = {
    UNKNOWN_PROGRAM: "a program that no policy knows is put on the machine and run",
    CHANGED_PROGRAM: "a known program is replaced by another one and run",
    CHANGED_BOOT: "the machine is rebooted with another kernel command line",
}
INTRUDER = "/usr/local/bin/intruder"
KNOWN_PROGRAM = "/usr/local/bin/inventory"
COMMAND_LINE_CHANGE = " lab.changed=1"
_COMMAND_LINE_PCR = 9


@dataclass
class Tampering:
    """One thing that was done to a machine, when, and the file it left."""

    kind: str
    at: str
    path: str = ""
    digest: str = ""
    repaired: bool = False


def tamperings(machine: Machine) -> list[Tampering]:
    """What was done to the machine; what was repaired stays here until the next reboot."""
    file = machine.folder / "tampered.json"
    return [Tampering(**entry) for entry in json.loads(file.read_text())] if file.exists() else []


def tamper(machine: Machine, kind: str) -> Tampering:
    """Does it, and returns when it was done.  Raises UsageError for an unknown kind."""
    path, content = "", b""
    if kind == UNKNOWN_PROGRAM:
        # Each time another one, so that each time the kernel measures it.
        path, content = INTRUDER, f"#!/bin/sh\n# {secrets.token_hex(8)}\necho gotcha\n".encode()
    elif kind == CHANGED_PROGRAM:
        path, content = KNOWN_PROGRAM, f"#!/bin/sh\n# {secrets.token_hex(8)}\necho 'inventory 1.0'\n".encode()
    elif kind != CHANGED_BOOT:
        raise UsageError(f"unknown kind {kind}; one of: {', '.join(KINDS)}")
    if path:
        _run(machine, path, content)
    else:
        _set_boot_changed(machine, True)
    done = Tampering(kind, _now(), path, hashlib.sha256(content).hexdigest() if path else "")
    _store(machine, [*tamperings(machine), done])
    return done


def repair(machine: Machine) -> list[Tampering]:
    """Undoes all that was done; returns what was.  A measured program stays in the list until the reboot."""
    done = [entry for entry in tamperings(machine) if not entry.repaired]
    kinds = {entry.kind for entry in done}
    if isinstance(machine, Guest):
        if UNKNOWN_PROGRAM in kinds:
            machine.check(f"rm -f {INTRUDER}")
        if CHANGED_PROGRAM in kinds:
            machine.deploy(KNOWN_PROGRAM)
    for entry in done:
        entry.repaired = True
    _store(machine, [*(entry for entry in tamperings(machine) if entry.repaired), *done])
    if CHANGED_BOOT in kinds:
        _set_boot_changed(machine, False)
        forget_repaired(machine)
    return done


def forget_repaired(machine: Machine) -> None:
    """To be called after a reboot: nothing of what was repaired before is left in the lists."""
    _store(machine, [entry for entry in tamperings(machine) if not entry.repaired])


def _run(machine: Machine, path: str, content: bytes) -> None:
    if isinstance(machine, Guest):
        machine.write(path, content, 0o755)
        machine.check(path)
    else:
        machine.measure(path, content)


def _set_boot_changed(machine: Machine, changed: bool) -> None:
    if isinstance(machine, Guest):
        line = machine.settings.command_line.removesuffix(COMMAND_LINE_CHANGE)
        machine.settings.command_line = line + (COMMAND_LINE_CHANGE if changed else "")
        machine.save()
        machine.lay_out()
    else:
        original = machine.folder / "boot-log.original"
        if not original.exists():
            original.write_bytes(machine.boot_log())
        log = original.read_bytes()
        machine.set_boot_log(change_last_event(log, _COMMAND_LINE_PCR) if changed else log)
    machine.reboot()


def _store(machine: Machine, entries: list[Tampering]) -> None:
    (machine.folder / "tampered.json").write_text(json.dumps([asdict(entry) for entry in entries], indent=2))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
