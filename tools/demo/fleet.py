"""The fleet as an operator sees it: through the command `limequat`, nothing else."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from terminal import Terminal

_POLL_SECONDS = 0.05


class NotObservedError(Exception):
    """Something that the demo promises did not happen."""


class Fleet:
    """Runs the operator's command."""

    def __init__(self, program: Path, configuration: Path, terminal: Terminal) -> None:
        self._base = [str(program), "--config", str(configuration)]
        self._terminal = terminal

    def run(self, *words: str, show: bool = False, expect: tuple[int, ...] = (0,)) -> str:
        """The command's output.  With `show` the command and its table appear on the terminal."""
        if show:
            self._terminal.command(list(words))
        options = ["-o", "table"] if show else ["-o", "json"]
        done = subprocess.run([*self._base, *words, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode not in expect:
            raise NotObservedError(f"limequat {' '.join(words)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        if show:
            self._terminal.output(done.stdout)
        return done.stdout

    def json(self, *words: str, expect: tuple[int, ...] = (0,)) -> Any:
        return json.loads(self.run(*words, expect=expect))

    def machine(self, name: str) -> dict[str, Any]:
        return self.json("agent", "show", name)

    def findings(self, name: str) -> list[dict[str, Any]]:
        """What did not pass in the newest appraisal."""
        current = self.json("explain", name, expect=(0, 1))["current"] or {"findings": []}
        return [finding for finding in current["findings"] if finding["outcome"] != "passed"]

    def failed_checks(self, name: str) -> set[str]:
        """Every check that failed in the newest appraisal."""
        explained = self.json("explain", name, expect=(0, 1))
        current = explained["current"] or {"findings": []}
        return {f["check"] for f in current["findings"] if f["outcome"] == "failed"}

    def wait(self, what: str, condition: Callable[[], bool], seconds: float) -> float:
        """Waits until the condition holds; the seconds that took."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                raise NotObservedError(f"{what}: not within {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    def wait_for(self, name: str, integrity: str, seconds: float) -> float:
        return self.wait(f"{name} is {integrity}", lambda: self.machine(name)["integrity"] == integrity, seconds)
