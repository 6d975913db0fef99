"""What the user sees of long work: a moving line for each running step on a terminal, else plain lines."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_INTERVAL_SECONDS = 0.1


class Step:
    """One piece of work that is going on; `note` and `percent` may be set while it does."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.note = ""
        self.percent: int | None = None
        self.began = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def line(self) -> str:
        percent = "" if self.percent is None else f" {self.percent}%"
        note = f" ({self.note})" if self.note else ""
        return f"{self.title}{percent}{note}"


class Progress:
    """Shows steps, which may run at the same time in several threads."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._moving = not quiet and self._stream.isatty()
        self._steps: list[Step] = []
        self._lock = threading.Lock()
        self._drawn = 0
        self._frame = 0
        self._painter: threading.Thread | None = None

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Shows `title` while its block runs and, after that, how long it took or that it failed."""
        step = Step(title)
        self._begin(step)
        try:
            yield step
        except BaseException:
            self._finish(step, "✗")
            raise
        self._finish(step, "✓")

    def _begin(self, step: Step) -> None:
        with self._lock:
            self._steps.append(step)
            if not self._moving:
                if not self._quiet:
                    print(f"  {step.title} …", file=self._stream, flush=True)
            elif self._painter is None:
                self._painter = threading.Thread(target=self._paint, daemon=True)
                self._painter.start()

    def _finish(self, step: Step, mark: str) -> None:
        with self._lock:
            self._steps.remove(step)
            if self._quiet:
                return
            self._clear()
            print(f"{mark} {step.line()}  {step.seconds():.1f} s", file=self._stream, flush=True)
            self._draw()

    def _paint(self) -> None:
        while True:
            with self._lock:
                if not self._steps:
                    self._painter = None
                    return
                self._frame += 1
                self._clear()
                self._draw()
            time.sleep(_INTERVAL_SECONDS)

    def _clear(self) -> None:
        if self._moving and self._drawn:
            self._stream.write(f"\x1b[{self._drawn}F\x1b[J")
        self._drawn = 0

    def _draw(self) -> None:
        if not self._moving:
            return
        mark = _FRAMES[self._frame % len(_FRAMES)]
        for step in self._steps:
            self._stream.write(f"{mark} {step.line()}  {step.seconds():.0f} s\n")
        self._drawn = len(self._steps)
        self._stream.flush()
