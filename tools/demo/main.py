"""The demo; script/demo starts it when everything is built."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "tools" / "lab"), str(Path(__file__).resolve().parent)]

from fleet import Fleet, NotObservedError  # noqa: E402
from limequat_lab.assembly import Plan, default_binaries  # noqa: E402
from limequat_lab.errors import LabError  # noqa: E402
from limequat_lab.host import run_program  # noqa: E402
from limequat_lab.lab import Lab, default_folder  # noqa: E402
from limequat_lab.progress import Progress  # noqa: E402
from scenes import Demo  # noqa: E402
from terminal import Terminal  # noqa: E402


def make_signing_key(folder: Path) -> tuple[Path, Path]:
    """The key that signs policies, and its public half, which the verifier gets."""
    key, public = folder / "release.key", folder / "release.pem"
    run_program("openssl", "genpkey", "-algorithm", "ED25519", "-out", key)
    key.chmod(0o600)
    run_program("openssl", "pkey", "-in", key, "-pubout", "-out", public)
    return key, public


def play(lab: Lab, terminal: Terminal, scratch: Path, quick: bool) -> None:
    """Makes the lab and shows the scenes in it."""
    terminal.headline("A lab: " + ("two light machines" if quick else "one real kernel in QEMU and two light machines"))
    binaries = default_binaries()
    key, public = make_signing_key(scratch)
    lab.up(Plan(0 if quick else 1, 2, binaries, boot_path="sd-boot-uki", policy_key=str(public)))
    demo = Demo(lab, Fleet(binaries / "limequat", lab.site().operator_configuration, terminal), terminal, scratch, key)
    machines = [machine.settings.name for machine in lab.machines()]
    demo.enrol(machines)
    demo.intruder(machines[0])
    if not quick:
        demo.reboot(machines[0])
        demo.new_software(machines[0])
        demo.late_policy(machines[0])
        demo.other_command_line(machines[0])
        demo.next_kernel(machines[0])
        demo.silence(machines[1], machines[2])


def observed(lab: Lab, terminal: Terminal, scratch: Path, quick: bool) -> int:
    """The demo's exit status: 0 if everything was observed."""
    try:
        play(lab, terminal, scratch, quick)
    except (NotObservedError, LabError) as why:
        terminal.bad(str(why))
        return 1
    except KeyboardInterrupt:
        terminal.bad("interrupted")
        return 130
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/demo", description="A machine with a TPM registers, attests, is tampered with, caught, "
                                     "explained, and recovers.")
    parser.add_argument("--quick", action="store_true", help="the first scene only, on light machines (no kernel in QEMU)")
    parser.add_argument("--keep", action="store_true", help="use the place of `limequat lab` and leave the lab running there")
    options = parser.parse_args()
    terminal = Terminal()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="limequat-demo-") as name:
        scratch = Path(name)
        lab = Lab(default_folder() if options.keep else scratch / "lab", progress=Progress())
        try:
            status = observed(lab, terminal, scratch, options.quick)
        finally:
            if not options.keep:
                lab.down()
    if status == 0:
        left = "The lab still runs; end it with: limequat lab down" if options.keep else "Nothing was left behind."
        terminal.headline(f"\nEverything was observed, in {terminal.seconds():.0f} s. {left}")
    return status


if __name__ == "__main__":
    sys.exit(main())
