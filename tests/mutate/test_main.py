"""The command on a small project of its own: real builds, real tests."""

import contextlib
import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import main

_SOURCE = """\
int Grade(int points) {
  if (points < 0) return -1;
  if (points > 10) return 3;
  while (points > 20) ++points;
  return points;
}
"""
# Nothing tells -1 from other answers below zero, nor looks at 11.
_TEST = """\
int Grade(int points);
int main() { return Grade(-5) < 0 && Grade(12) == 3 && Grade(10) == 10 && Grade(0) == 0 && Grade(4) == 4 ? 0 : 1; }
"""
_BUILD = """\
#!/bin/sh
set -e
cd "$(dirname "$0")/.."
mkdir -p build/dev/limequat/grade
c++ -o build/dev/limequat/grade/grade_test limequat/grade/grade.cc limequat/grade/grade_test.cc
"""
_PATH = "limequat/grade/grade.cc"


class MainTest(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.write(_PATH, _SOURCE)
        self.write("limequat/grade/grade_test.cc", _TEST)
        self.write("script/build", _BUILD).chmod(0o755)
        self.write("tools/mutate/equivalent.txt", "")
        self.write(".gitignore", "/build/\n")
        subprocess.run(["git", "init", "-q", self.root], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run_mutate(self, *words: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                status = main.main(list(words), self.root)
            except SystemExit as end:
                status = int(str(end.code))
        return status, out.getvalue()

    def test_survivors_are_told_and_fail(self) -> None:
        status, said = self.run_mutate(_PATH, "--lines", "2-3")
        self.assertEqual(status, 1, said)
        self.assertIn(f"survived: {_PATH}:3 (bound)\n  - if (points > 10) return 3;\n  + if (points > 11) return 3;", said)
        self.assertIn(f"killed: {_PATH}:2 compared: if (points <= 0) return -1;", said)
        self.assertIn(f"{_PATH}: 9 mutants, 7 killed, 0 timeout, 0 not compiled, 2 survived (0 explained)", said)

    def test_the_users_files_stay(self) -> None:
        self.run_mutate(_PATH, "--lines", "2")
        self.assertEqual((self.root / _PATH).read_text(), _SOURCE)
        self.assertEqual((self.root / "build/mutate/tree" / _PATH).read_text(), _SOURCE)

    def test_explained_survivors_pass(self) -> None:
        self.write("tools/mutate/equivalent.txt",
                   f"{_PATH}\n- if (points > 10) return 3;\n+ if (points > 11) return 3;\nnobody has 11 points\n\n"
                   f"{_PATH}\n- if (points < 0) return -1;\n+ if (points < 1) return -1;\nan example\n")
        status, said = self.run_mutate(_PATH, "--lines", "3")
        self.assertEqual(status, 0, said)
        self.assertIn(f"explained: {_PATH}:3 (bound): nobody has 11 points", said)

    def test_an_explanation_of_nothing_fails(self) -> None:
        self.write(_PATH, _SOURCE.replace("  while (points > 20) ++points;\n", ""))
        self.write("limequat/grade/grade_test.cc", _TEST.replace("Grade(12)", "Grade(11)").replace("Grade(-5) < 0", "Grade(-5) == -1"))
        status, said = self.run_mutate(_PATH)
        self.assertEqual(status, 0, said)
        self.write("tools/mutate/equivalent.txt", f"{_PATH}\n- if (points > 10) return 3;\n+ if (points > 11) return 3;\nnobody has 11 points\n")
        status, said = self.run_mutate(_PATH)
        self.assertEqual(status, 1, said)
        self.assertIn("equivalent.txt:1: explains nothing that survived", said)

    def test_mutants_that_do_not_compile_or_end(self) -> None:
        self.write(_PATH, "int Grade(int points) {\n  if (points < 0) return -1;\n  if (points > 10) return 3;\n"
                          "  constexpr int kOne = 1;\n  static_assert(kOne == 1);\n  return points * kOne;\n}\n")
        status, said = self.run_mutate(_PATH, "--lines", "4")
        self.assertEqual(status, 0, said)
        self.assertIn("2 mutants, 0 killed, 0 timeout, 2 not compiled, 0 survived", said)

    def test_endless_mutants_are_ended(self) -> None:
        self.write(_PATH, _SOURCE.replace("++points;", "static_cast<void>(points);"))
        main._LEAST_SECONDS, before = 1, main._LEAST_SECONDS
        self.addCleanup(setattr, main, "_LEAST_SECONDS", before)
        status, said = self.run_mutate(_PATH, "--lines", "4")
        self.assertIn("timeout", said)
        self.assertIn(" 1 timeout,", said)
        self.assertEqual(status, 1, said)       # the bound of a loop that never runs

    def test_tests_that_fail_without_a_mutant(self) -> None:
        self.write("limequat/grade/grade_test.cc", "int main() { return 1; }")
        self.assertEqual(self.run_mutate(_PATH), (2, "grade_test does not pass without a mutant\n"))
        self.write("limequat/grade/grade_test.cc", "int main() { return nothing; }")
        self.assertEqual(self.run_mutate(_PATH), (2, "the tests do not build without a mutant\n"))

    def test_the_copy_follows_the_tree(self) -> None:
        self.write("limequat/grade/old.h", "")
        self.run_mutate(_PATH, "--lines", "2")
        copy = self.root / "build/mutate/tree/limequat/grade"
        self.assertTrue((copy / "old.h").exists())
        (self.root / "limequat/grade/old.h").unlink()
        self.write("limequat/grade/new.h", "")
        self.run_mutate(_PATH, "--lines", "2")
        self.assertEqual(((copy / "old.h").exists(), (copy / "new.h").exists()), (False, True))

    def test_list(self) -> None:
        status, said = self.run_mutate(_PATH, "--list", "--lines", "2")
        self.assertEqual(status, 0)
        self.assertIn(f"{_PATH}:2 dropped\n  - if (points < 0) return -1;\n  + if ((points < 0) && false) return -1;\n", said)
        self.assertTrue(said.endswith(" mutants\n"))
        self.assertFalse((self.root / "build").exists())

    def test_wrong_usage(self) -> None:
        for words in ([], ["limequat/grade/none.cc"], ["limequat/grade/grade_test.cc"], ["apps/main.cc"], [_PATH, "--lines", "a-b"]):
            self.assertEqual(self.run_mutate(*words)[0], 2, words)
        self.write("tools/mutate/equivalent.txt", "nothing\n")
        self.assertEqual(self.run_mutate(_PATH)[0], 2)
