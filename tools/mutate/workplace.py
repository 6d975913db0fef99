"""The copy of the tree in which mutants are built and tested.  The user's own files are never changed."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

_SECONDS_TO_BUILD = 1200
_TEST_MEMORY = 4 << 30      # bytes; a mutant may forget when to stop


class WorkplaceError(RuntimeError):
    """The copy could not be made, or does not build or pass without a mutant."""


class Workplace:
    """A copy of `root` below `place`, with a build folder of its own and without `../shared`.

    What kills a mutant must be in the repository: tests that need `../shared` skip here.
    """

    def __init__(self, root: Path, place: Path, jobs: int):
        self.root, self.tree, self.jobs = root, place / "tree", jobs
        self.baseline: dict[str, float] = {}        # seconds of each test program

    def update(self) -> None:
        """Makes the copy equal to the working tree, uncommitted changes included."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=self.root,
                                capture_output=True, check=True).stdout.decode().split("\0")
        wanted = {name for name in listed if name and (self.root / name).is_file()}
        for name in wanted:
            source, copy = self.root / name, self.tree / name
            if not copy.exists() or copy.read_bytes() != source.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                shutil.copymode(source, copy)
        for copy in list(self.tree.rglob("*")):
            name = copy.relative_to(self.tree)
            if copy.is_file() and name.parts[0] != "build" and str(name) not in wanted:
                copy.unlink()

    def write(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.tree / name).read_text()

    def build(self, targets: list[str], cached: bool) -> bool:
        environment = {**os.environ, "LQ_JOBS": str(self.jobs)}
        if not cached:
            environment["CCACHE_DISABLE"] = "1"     # a mutant is built once
            # A parameter that a mutant does not look at any more is no reason not to test it: clang adds -w.
            environment["CCC_OVERRIDE_OPTIONS"] = "# +-w"
        done = subprocess.run(["script/build", "dev", "--", *targets], cwd=self.tree, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=None if cached else subprocess.DEVNULL, timeout=_SECONDS_TO_BUILD, check=False)
        return done.returncode == 0

    def run(self, module: str, seconds: float) -> int | None:
        """The status of the module's test program, None if it did not end in time."""
        program = self.tree / "build" / "dev" / "limequat" / module / f"{module}_test"
        child = subprocess.Popen([program, "--gtest_brief=1", "--gtest_fail_fast"], cwd=self.tree, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_TEST_MEMORY, _TEST_MEMORY)))
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Also what the tests started and did not come to end.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def begin(self, modules: list[str]) -> None:
        """Builds and runs everything once without a mutant."""
        self.update()
        if not self.build([f"{module}_test" for module in modules], cached=True):
            raise WorkplaceError("the tests do not build without a mutant")
        for module in modules:
            began = time.monotonic()
            if self.run(module, 600) != 0:
                raise WorkplaceError(f"{module}_test does not pass without a mutant")
            self.baseline[module] = time.monotonic() - began
