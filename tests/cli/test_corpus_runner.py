"""tests/corpus fails on a difference that is not listed, and on a listed one that is gone."""

import sys
import unittest

from cli_testing import ROOT

sys.path.insert(0, str(ROOT / "tests" / "corpus"))

from checking import Check, Deviations  # noqa: E402

_LINES = ["# a comment", "", "a.bin\treplay\tpcrs\tit is wrong there", "a.bin\ttool\tevents\tso is that"]


class DeviationsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.deviations = Deviations(_LINES)
        self.check = Check("a.bin")

    def test_a_listed_difference_is_no_failure(self) -> None:
        self.assertFalse(self.check.same("replay", "pcrs", 1, 2))
        self.assertEqual((self.deviations.unlisted(self.check), self.deviations.gone(self.check)), ([], []))

    def test_an_unlisted_difference_is_one(self) -> None:
        self.check.same("replay", "pcrs", 1, 2)
        self.check.same("replay", "events", 1, 2)
        self.assertEqual([found.what for found in self.deviations.unlisted(self.check)], ["events"])

    def test_the_same_difference_from_another_reference_or_in_another_case_is_one(self) -> None:
        self.check.same("machine", "pcrs", 1, 2)
        other = Check("b.bin")
        other.same("replay", "pcrs", 1, 2)
        self.assertEqual((len(self.deviations.unlisted(self.check)), len(self.deviations.unlisted(other))), (1, 1))

    def test_a_listed_difference_that_is_gone_is_one(self) -> None:
        self.assertTrue(self.check.same("replay", "pcrs", 1, 1))
        self.assertEqual(self.deviations.gone(self.check), [("a.bin", "replay", "pcrs")])

    def test_a_reference_that_was_not_asked_proves_nothing(self) -> None:
        self.check.same("replay", "pcrs", 1, 2)
        self.assertEqual(self.deviations.gone(self.check), [])

    def test_every_line_needs_a_reason_and_stands_once(self) -> None:
        for bad in (["a\tb\tc\t "], ["a\tb\tc"], [_LINES[2], _LINES[2]]):
            with self.assertRaises(ValueError):
                Deviations(bad)
