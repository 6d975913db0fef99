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
from limequat_lab.lab import Lab  # noqa: E402
from limequat_lab.progress import Progress  # noqa: E402
from scenes import Demo  # noqa: E402
from terminal import Terminal  # noqa: E402


def play(demo: Demo, quick: bool) -> None:
    machines = [machine.settings.name for machine in demo.lab.machines()]
    demo.enrol(machines)
    demo.intruder(machines[0])
    if not quick:
        demo.reboot(machines[0])
        demo.new_software(machines[0])
        demo.silence(machines[1], machines[2])


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/demo", description="A machine with a TPM registers, attests, is tampered with, caught, "
                                     "explained, and recovers.")
    parser.add_argument("--quick", action="store_true", help="the first scene only, on light machines (no kernel in QEMU)")
    parser.add_argument("--keep", action="store_true", help="leave the lab running; end it with: limequat lab down")
    options = parser.parse_args()
    terminal = Terminal()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="limequat-demo-") as scratch:
        lab = Lab(Path(scratch) / "lab", progress=Progress())
        if options.keep:
            from limequat_lab.lab import default_folder
            lab = Lab(default_folder(), progress=Progress())
        try:
            terminal.headline("A lab: " + ("two light machines" if options.quick else "one real kernel in QEMU and two light machines"))
            lab.up(Plan(0 if options.quick else 1, 2, default_binaries()))
            fleet = Fleet(default_binaries() / "limequat", lab.site().operator_configuration, terminal)
            play(Demo(lab, fleet, terminal, Path(scratch)), options.quick)
        except (NotObservedError, LabError) as why:
            terminal.bad(str(why))
            return 1
        except KeyboardInterrupt:
            terminal.bad("interrupted")
            return 130
        finally:
            if not options.keep:
                lab.down()
    terminal.headline(f"\nEverything was observed, in {terminal.seconds():.0f} s. Nothing was left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
