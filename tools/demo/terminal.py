"""What the demo shows: headlines, facts with their times, and the programs' own output."""

import os
import shlex
import sys
import time

_COLOURS = {"bold": "1", "green": "32", "red": "31", "yellow": "33", "dim": "2"}


def _paint(text: str, colour: str) -> str:
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


class Terminal:
    """Prints, and knows how long the demo has run."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def scene(self, number: int, title: str, about: str) -> None:
        print(f"\n{_paint(f'Scene {number}: {title}', 'bold')}")
        self.say(about)

    def headline(self, text: str) -> None:
        print(_paint(text, "bold"), flush=True)

    def say(self, text: str) -> None:
        print(f"  {_paint(text, 'dim')}", flush=True)

    def command(self, words: list[str]) -> None:
        print(f"  {_paint('$', 'dim')} limequat {shlex.join(words)}", flush=True)

    def output(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            print(f"    {line}")
        sys.stdout.flush()

    def good(self, text: str) -> None:
        print(f"  {_paint('✓', 'green')} {text}", flush=True)

    def bad(self, text: str) -> None:
        print(f"  {_paint('✗', 'red')} {text}", flush=True)
