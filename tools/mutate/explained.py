"""Mutants that weaken nothing, with the reason of each: the file `equivalent.txt`."""

from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant


class ExplanationError(ValueError):
    """`equivalent.txt` is not what it should be; the message names the line."""


@dataclass(frozen=True)
class Explanation:
    path: str       # of the source, from the root of the repository
    before: str
    after: str
    reason: str
    line: int       # in equivalent.txt

    def fits(self, path: str, mutant: Mutant) -> bool:
        return (self.path, self.before, self.after) == (path, mutant.before, mutant.after)


def read_explanations(file: Path) -> list[Explanation]:
    """Blocks that are parted by blank lines: the path, `- ` original text, `+ ` changed text, then the reason.

    Texts stand for whole lines without their indentation; several lines are joined by one blank.  No line numbers: an
    explanation holds until the text it explains is changed.
    """
    explanations: list[Explanation] = []
    block: list[str] = []
    for number, line in enumerate([*file.read_text().splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            block.append(line)
        elif block:
            explanations.append(_explanation(block, number - len(block)))
            block = []
    return explanations


def _explanation(block: list[str], line: int) -> Explanation:
    if len(block) < 4 or not block[1].startswith("- ") or not block[2].startswith("+ "):
        raise ExplanationError(f"equivalent.txt:{line}: expected a path, '- original', '+ changed' and a reason")
    reason = " ".join(part.strip() for part in block[3:])
    return Explanation(block[0].strip(), block[1][2:].strip(), block[2][2:].strip(), reason, line)
