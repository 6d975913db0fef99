"""The command line `limequat lab` (docs/lab.md)."""

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .assembly import Plan, default_binaries
from .bootpaths import BOOT_PATHS, DIRECT, Loaders
from .errors import LabError
from .kernel import RELEASES, default_cache, ensure_kernel
from .lab import Lab, default_folder
from .output import as_json, as_table
from .progress import Progress
from .tamper import KINDS, UNKNOWN_PROGRAM

_EXAMPLES = """examples:
  limequat lab up --guests 1 --light 2
  limequat lab tamper guest-1
  limequat lab repair guest-1 && limequat lab reboot guest-1
  limequat lab down
"""
_STAYS = "what was measured stays in the machine's list until it reboots: limequat lab reboot {}"
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    shown = options.output or ("table" if sys.stdout.isatty() else "json")
    try:
        result = options.act(options)
    except LabError as why:
        print(f"limequat lab: {why}", file=sys.stderr)
        return why.exit_code
    except KeyboardInterrupt:
        print("limequat lab: interrupted", file=sys.stderr)
        return _INTERRUPTED
    if isinstance(result, int):
        return result
    print(as_json(result) if shown == "json" else as_table(result))
    return 0


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def _lab(options: argparse.Namespace) -> Lab:
    return Lab(options.folder, options.cache, Progress())


def _up(options: argparse.Namespace) -> object:
    lab = _lab(options)
    lab.up(Plan(options.guests, options.light, options.bin.absolute(), options.kernel, options.boot_path))
    return lab.status()


def _status(options: argparse.Namespace) -> object:
    return _lab(options).status()


def _tamper(options: argparse.Namespace) -> object:
    return {"machine": options.machine, **asdict(_lab(options).tamper(options.machine, options.kind))}


def _repair(options: argparse.Namespace) -> object:
    done = _lab(options).repair(options.machine)
    return {
        "machine": options.machine,
        "repaired": [asdict(entry) for entry in done],
        "note": _STAYS.format(options.machine) if any(entry.path for entry in done) else "",
    }


def _reboot(options: argparse.Namespace) -> object:
    _lab(options).reboot(options.machine)
    return {"machine": options.machine, "rebooted": True}


def _agent(options: argparse.Namespace) -> object:
    _lab(options).set_agent(options.machine, options.what == "start")
    return {"machine": options.machine, "agent_running": options.what == "start"}


def _upgrade(options: argparse.Namespace) -> object:
    lab = _lab(options)
    act = lab.prepare_update if options.prepare else lab.apply_update
    digest = act(options.machine)
    root = lab.root_of(lab.machine(options.machine)).folder
    return {"machine": options.machine, "applied": not options.prepare, "digest": digest, "root": str(root)}


def _kernel(options: argparse.Namespace) -> object:
    return {"machine": options.machine, "file": str(_lab(options).install_kernel(options.machine, options.release))}


def _run(options: argparse.Namespace) -> int:
    result = _lab(options).run(options.machine, " ".join(options.command))
    sys.stdout.buffer.write(result.output)
    sys.stdout.buffer.flush()
    return result.status


def _down(options: argparse.Namespace) -> object:
    return {"folder": str(options.folder), "ended": _lab(options).down()}


def _fetch(options: argparse.Namespace) -> object:
    cache = options.cache.absolute()
    kernel = ensure_kernel(cache, options.kernel, Progress())
    Loaders.fetch(cache, Progress())
    return {"kernel": kernel.version, "folder": str(kernel.tree)}


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--folder", type=Path, default=default_folder(), metavar="DIR", help="the lab's folder (%(default)s)")
    shared.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help="kernels (%(default)s)")
    shared.add_argument("-o", "--output", choices=("json", "table"), help="default: table on a terminal, else json")
    parser = argparse.ArgumentParser(
        prog="limequat lab", description="Machines with a TPM to attest, on this computer.", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, act: object, about: str, machine: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about, parents=[shared])
        added.set_defaults(act=act)
        if machine:
            added.add_argument("machine", metavar="MACHINE", help="its name in `limequat lab status`")
        return added

    up = command("up", _up, "make a lab and start it", machine=False)
    up.add_argument("--guests", type=_count, default=1, metavar="N", help="real kernels in QEMU (%(default)s)")
    up.add_argument("--light", type=_count, default=0, metavar="N", help="TPM emulators with recorded evidence (%(default)s)")
    up.add_argument("--bin", type=Path, default=default_binaries(), metavar="DIR", help="Limequat's programs (%(default)s)")
    up.add_argument("--kernel", choices=RELEASES, default=RELEASES[0], help="Debian release of the guests' kernel (%(default)s)")
    up.add_argument("--boot-path", choices=[path.name for path in BOOT_PATHS if path.logged], default=DIRECT,
                    help="how the guests start their kernel (%(default)s)")
    command("status", _status, "show what runs", machine=False)
    kinds = "; ".join(f"{kind}: {about}" for kind, about in KINDS.items())
    tamper = command("tamper", _tamper, "do to a machine what an intruder does")
    tamper.add_argument("--kind", choices=tuple(KINDS), default=UNKNOWN_PROGRAM, help=f"{kinds} (%(default)s)")
    command("repair", _repair, "undo all tampering")
    command("reboot", _reboot, "shut a machine down in order and boot it again")
    agent = command("agent", _agent, "start or stop the agent of a machine")
    agent.add_argument("what", choices=("start", "stop"))
    upgrade = command("upgrade", _upgrade, "give a machine the next version of a program and run it")
    upgrade.add_argument("--prepare", action="store_true", help="only put it into the folder that policies are made from")
    kernel = command("kernel", _kernel, "give a guest the kernel of another Debian release, which its next boot starts")
    kernel.add_argument("release", choices=RELEASES, help="the Debian release")
    run = command("run", _run, "run a shell command in a guest as root")
    run.add_argument("command", nargs="+", metavar="COMMAND")
    command("down", _down, "end everything and delete the lab", machine=False)
    fetch = command("fetch", _fetch, "fetch the guests' kernel and boot loaders into the cache", machine=False)
    fetch.add_argument("--kernel", choices=RELEASES, default=RELEASES[0], help="Debian release (%(default)s)")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 500:
        raise ValueError
    return number
