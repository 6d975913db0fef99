"""The file of mutants that weaken nothing."""

import tempfile
import unittest
from pathlib import Path

from explained import ExplanationError, read_explanations
from mutants import mutants_of

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tools" / "mutate" / "equivalent.txt"


def read(text: str) -> list:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        return read_explanations(Path(file.name))


class ExplainedTest(unittest.TestCase):
    def test_blocks(self) -> None:
        found = read("# about\n\nlimequat/a/b.cc\n- if (x) y();\n+ if (z) y();\n  because it\n  is so\n\n\nlimequat/a/c.cc\n- a\n+ b\nwhy")
        self.assertEqual([(one.path, one.before, one.after, one.reason, one.line) for one in found],
                         [("limequat/a/b.cc", "if (x) y();", "if (z) y();", "because it is so", 3), ("limequat/a/c.cc", "a", "b", "why", 10)])

    def test_nothing(self) -> None:
        self.assertEqual(read("# about\n"), [])

    def test_damaged_blocks(self) -> None:
        for text in ("limequat/a/b.cc\n", "limequat/a/b.cc\n- a\n+ b\n", "limequat/a/b.cc\n+ a\n- b\nwhy\n", "- a\n+ b\nwhy\n"):
            with self.assertRaisesRegex(ExplanationError, "equivalent.txt:1"):
                read(text)

    def test_fits_by_text_and_not_by_place(self) -> None:
        mutant = next(one for one in mutants_of("\n\n\n    if (a == b) c();\n", "f.cc") if one.kind == "compared")
        explanation = read("f.cc\n- if (a == b) c();\n+ if (a != b) c();\nwhy\n")[0]
        self.assertTrue(explanation.fits("f.cc", mutant))
        self.assertFalse(explanation.fits("g.cc", mutant))
        other = next(one for one in mutants_of("if (a == b) c();\n", "f.cc") if one.kind == "dropped")
        self.assertFalse(explanation.fits("f.cc", other))

    def test_every_explanation_of_this_repository_names_a_mutant(self) -> None:
        for explanation in read_explanations(FILE):
            mutants = mutants_of((ROOT / explanation.path).read_text(), explanation.path)
            self.assertTrue(any(explanation.fits(explanation.path, mutant) for mutant in mutants), f"equivalent.txt:{explanation.line}")
