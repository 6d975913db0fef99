"""Runs a folder of unittest modules, each in a process of its own, and counts."""

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tools" / "lab"))

from limequat_lab.host import PORTS_VARIABLE, lab_ports  # noqa: E402

MODULE_SECONDS = 600


class Result(unittest.TextTestResult):
    """Adds the logs of the class's services to a failure, and keeps count."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._add_logs(self.failures, test)

    def addError(self, test, error):
        super().addError(test, error)
        self._add_logs(self.errors, test)

    @staticmethod
    def _add_logs(found, test):
        logs = getattr(type(test), "logs", None)
        if logs:
            where, text = found[-1]
            found[-1] = (where, f"{text}{logs()}\n")


def run_one(folder, module, summary):
    """In a process of its own: the tests of one module, counted in the file `summary`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # an orderly end, which ends the services too
    sys.path.insert(0, str(folder))
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(suite)
    Path(summary).write_text(json.dumps({
        "passed": result.passed, "failed": len(result.failures) + len(result.errors),
        "skipped": [f"{test}: {reason}" for test, reason in result.skipped]}))


def shares_of_ports(count):
    """The ports that tests may listen on, in `count` ranges: modules that run side by side take none of each other's."""
    ports, shares = lab_ports(), queue.SimpleQueue()
    for number in range(count):
        share = ports[number * len(ports) // count:(number + 1) * len(ports) // count]
        shares.put(f"{share[0]}-{share[-1]}")
    return shares


def run_module(folder, module, scratch, output, shares):
    """Starts `run_one` and waits; prints what it said in one piece."""
    share = shares.get()
    try:
        return run_with_ports(folder, module, scratch, output, share)
    finally:
        shares.put(share)


def run_with_ports(folder, module, scratch, output, ports):
    summary = Path(scratch) / module
    child = subprocess.Popen([sys.executable, str(folder / "run"), "--one", module, str(summary)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, PORTS_VARIABLE: ports})
    try:
        said, _ = child.communicate(timeout=MODULE_SECONDS)
    except subprocess.TimeoutExpired:
        child.terminate()
        said = child.communicate()[0] + f"\nended after {MODULE_SECONDS} s\n"
    with output:
        print(f"===== {module}\n{said}", flush=True)
    if not summary.exists():
        return {"passed": 0, "failed": 1, "skipped": []}
    return json.loads(summary.read_text())


def main(folder, jobs=1, may_be_absent=None):
    """Runs the modules test_*.py of `folder`, `jobs` at a time, and returns the exit status.

    With CI=true a skip is a failure, unless its reason names `may_be_absent`.
    """
    parser = argparse.ArgumentParser(usage="run [--jobs N] [MODULE...]",
                                     description=f"Runs test_*.py of {folder.name}; ends with `N passed, N failed, N skipped`.")
    parser.add_argument("--jobs", type=int, default=jobs, metavar="N")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    arguments = parser.parse_args()
    if arguments.one:
        run_one(folder, *arguments.one)
        return 0
    known = sorted(path.stem for path in folder.glob("test_*.py"))
    modules = [Path(name).stem for name in arguments.modules] or known
    if unknown := sorted(set(modules) - set(known)):
        parser.error(f"no such module: {' '.join(unknown)}; there are {' '.join(known)}")

    output, shares = threading.Lock(), shares_of_ports(arguments.jobs)
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(arguments.jobs) as pool:
        found = list(pool.map(lambda module: run_module(folder, module, scratch, output, shares), modules))
    return conclude(found, may_be_absent)


def conclude(found, may_be_absent):
    ci = os.environ.get("CI") == "true"
    passed, failed, skipped = 0, 0, 0
    for counts in found:
        passed += counts["passed"]
        failed += counts["failed"]
        for reason in counts["skipped"]:
            counts_as_failure = ci and not (may_be_absent and may_be_absent in reason)
            failed += counts_as_failure
            skipped += not counts_as_failure
            print(f"{'failed because skipped' if counts_as_failure else 'skipped'}: {reason}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed == 0 else 0
