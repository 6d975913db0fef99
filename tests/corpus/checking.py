"""What the rules share: running the command, comparing, and which differences are known."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from command import CORPUS, LIMEQUAT, ROOT, Done, run  # noqa: E402, F401

DEVIATIONS = Path(__file__).resolve().parent / "deviations.tsv"
_SECONDS = 120


@dataclass(frozen=True)
class Difference:
    """One place where the command says something else than a reference."""

    case: str
    reference: str  # `replay`, `tpm2_eventlog-5.8`, `machine`, …
    what: str
    detail: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.case, self.reference, self.what


@dataclass
class Check:
    """The comparison of one case.  A rule calls `same` for everything that it knows."""

    case: str
    differences: list[Difference] = field(default_factory=list)
    references: set[str] = field(default_factory=set)

    def same(self, reference: str, what: str, ours: object, expected: object) -> bool:
        self.references.add(reference)
        if ours == expected:
            return True
        self.differences.append(Difference(self.case, reference, what, f"{_short(ours)}, expected {_short(expected)}"))
        return False

    def run(self, *words: object) -> Done:
        """Runs the command, which must not end by a signal or a sanitizer."""
        done = run(*words, seconds=_SECONDS)
        self.same("command", f"end of {words[0]} {words[1]}", done.status in (0, 1, 3, 4) and "Sanitizer" not in done.err, True)
        return done


@dataclass(frozen=True)
class Case:
    """One file or folder with expectations."""

    name: str
    check: Callable[[Check], None]


class Deviations:
    """The listed differences: tab-separated case, reference, what, and the reason."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.reasons: dict[tuple[str, str, str], str] = {}
        for line in lines:
            if line.strip() and not line.startswith("#"):
                case, reference, what, reason = line.rstrip("\n").split("\t")
                if (case, reference, what) in self.reasons or not reason.strip():
                    raise ValueError(f"listed twice, or without a reason: {line}")
                self.reasons[(case, reference, what)] = reason

    def unlisted(self, check: Check) -> list[Difference]:
        return [difference for difference in check.differences if difference.key not in self.reasons]

    def gone(self, check: Check) -> list[tuple[str, str, str]]:
        """Listed for this case, compared, and not different any more."""
        found = {difference.key for difference in check.differences}
        return [key for key in self.reasons if key[0] == check.case and key[1] in check.references and key not in found]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "…"
