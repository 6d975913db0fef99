#!/usr/bin/env python3
"""Records event logs, IMA lists and PCRs of every boot path into data/lab/boots (data/lab/README.md)."""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from limequat_lab.errors import LabError  # noqa: E402
from limequat_lab.kernel import RELEASES, default_cache  # noqa: E402
from limequat_lab.progress import Progress  # noqa: E402
from limequat_lab.recording import Recorder, names, record_all  # noqa: E402

OUT = Path(__file__).resolve().parents[2] / "data" / "lab" / "boots"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Takes half a minute for each; `systemd` needs root and mmdebstrap.")
    parser.add_argument("paths", nargs="*", metavar="PATH", help=f"of {', '.join(names())}; default: all")
    parser.add_argument("--kernel", choices=RELEASES, action="append", help="Debian release of the kernel; default: all")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="default: data/lab/boots")
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help="kernels and loaders (%(default)s)")
    options = parser.parse_args()
    if unknown := set(options.paths) - set(names()):
        parser.error(f"no such boot path: {' '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="limequat-record-") as work:
        try:
            recorder = Recorder(Path(work), options.out, options.cache.absolute(), Progress())
            try:
                record_all(recorder, options.paths, options.kernel or list(RELEASES))
            finally:
                recorder.end()
        except LabError as why:
            print(f"record_boots: {why}", file=sys.stderr)
            return why.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
