"""Which mutants a text has."""

import textwrap
import unittest

from cpp import Code
from mutants import Mutant, mutants_of


def changes(text: str, kind: str | None = None) -> set[str]:
    """The changed lines of all mutants of a function body."""
    return {mutant.after for mutant in mutants_of(f"void F() {{\n{text}\n}}\n", "f.cc") if kind in (None, mutant.kind)}


class ConditionTest(unittest.TestCase):
    def test_if_is_negated_and_dropped(self) -> None:
        self.assertEqual(changes("if (!ok) return 1;"), {"if (!(!ok)) return 1;", "if ((!ok) && false) return 1;"})

    def test_equality_is_replaced_and_not_negated_too(self) -> None:
        self.assertEqual(changes("if (a == b) return 1;"), {"if (a != b) return 1;", "if ((a == b) && false) return 1;"})
        self.assertEqual(changes("if (a != b) return 1;"), {"if (a == b) return 1;", "if ((a != b) && false) return 1;"})

    def test_declaration_in_a_condition(self) -> None:
        self.assertEqual(changes("if (const auto x = Find(a)) Use(*x);"),
                         {"if (const auto x = Find(a); !(x)) Use(*x);", "if (const auto x = Find(a); (x) && false) Use(*x);"})

    def test_what_stands_in_front_of_the_condition_stays(self) -> None:
        self.assertEqual(changes("if (Status end = Get(); !end) return end;"),
                         {"if (Status end = Get(); !(!end)) return end;", "if (Status end = Get(); (!end) && false) return end;"})

    def test_else_if(self) -> None:
        self.assertIn("else if ((b) && false) y();", {line.strip() for line in changes("if (a) x();\nelse if (b) y();")})

    def test_while_and_choice_are_negated(self) -> None:
        self.assertEqual(changes("while (Next()) Use();"), {"while (!(Next())) Use();"})
        self.assertEqual(changes("x = (y + z, ok) ? 1 : 2;"), {"x = !((y + z, ok)) ? 1 : 2;"})
        self.assertEqual(changes("return ok ? 1 : 2;"), {"return !(ok) ? 1 : 2;"})

    def test_predicate_is_negated(self) -> None:
        self.assertEqual(changes("return !a.empty();"), {"return !(!a.empty());"})
        self.assertIn("return !(a && b);", changes("return a && b;"))
        self.assertEqual(changes("return a;"), set())

    def test_condition_over_several_lines(self) -> None:
        found = mutants_of("if (a &&\n    b) return 1;\n", "f.cc")
        dropped = [mutant for mutant in found if mutant.kind == "dropped"]
        self.assertEqual([(one.before, one.after) for one in dropped], [("if (a && b) return 1;", "if ((a && b) && false) return 1;")])


class ComparisonTest(unittest.TestCase):
    def test_neighbours(self) -> None:
        for before, after in (("<", "<="), ("<=", "<"), (">", ">="), (">=", ">"), ("==", "!="), ("!=", "==")):
            self.assertEqual(changes(f"x = Use(a {before} b);", "compared"), {f"x = Use(a {after} b);"})

    def test_templates_shifts_and_arrows_are_no_comparisons(self) -> None:
        self.assertEqual(changes("std::vector<int> x = a->b << 1 >> 2; auto c = a <=> b;"), set())

    def test_bounds_move(self) -> None:
        self.assertEqual(changes("x = Use(a > 24U);", "bound"), {"x = Use(a > 23U);", "x = Use(a > 25U);"})
        self.assertEqual(changes("constexpr int kMax = 0x10;"), {"constexpr int kMax = 0xf;", "constexpr int kMax = 0x11;"})
        self.assertEqual(changes("static constexpr std::size_t kMax = 1'000;"), {f"static constexpr std::size_t kMax = {n};" for n in (999, 1001)})

    def test_a_number_does_not_become_negative(self) -> None:
        self.assertEqual(changes("x = Use(a > 0);", "bound"), {"x = Use(a > 1);"})

    def test_other_numbers_stay(self) -> None:
        self.assertEqual(changes("int x = 5; F(3); a[2] = 1.5;"), set())


class TermTest(unittest.TestCase):
    def test_each_term_is_dropped_once(self) -> None:
        self.assertEqual(changes("x = Use(a && b && c);", "term"), {"x = Use(b && c);", "x = Use(a && c);", "x = Use(a && b);"})

    def test_and_binds_tighter_than_or(self) -> None:
        self.assertEqual(changes("x = Use(a && b || c);", "term"), {"x = Use(b || c);", "x = Use(a || c);", "x = Use(c);", "x = Use(a && b);"})

    def test_terms_end_where_the_expression_does(self) -> None:
        self.assertEqual(changes("const bool x = F(a, b) || c;", "term"), {"const bool x = c;", "const bool x = F(a, b);"})
        self.assertEqual(changes("return a || b ? c : d;", "term"), {"return b ? c : d;", "return a ? c : d;"})

    def test_references_to_temporaries_are_no_terms(self) -> None:
        self.assertEqual(changes("void G(Bytes&& x, auto&& y);"), set())


class MacroTest(unittest.TestCase):
    def test_errors_are_ignored(self) -> None:
        self.assertEqual(changes("LQ_RETURN_IF_ERROR(Read(in));"), {"static_cast<void>(Read(in));"})

    def test_own_assertions_are_left_alone(self) -> None:
        self.assertEqual(changes("LQ_CHECK(a == b && c < 3);\nstatic_assert(a == 2);"), set())


class TextTest(unittest.TestCase):
    def test_what_is_no_code_is_left_alone(self) -> None:
        text = textwrap.dedent('''
            // if (a == b) return;
            /* if (a == b) return; */
            #if A == 1 && \\
                B == 2
            #endif
            const char* s = "if (a == b) \\" && c"; char c = '"'; const char* r = R"x(if (a == b))x";
            ''')
        self.assertEqual(mutants_of(text, "f.cc"), [])

    def test_no_text_twice_and_in_order(self) -> None:
        found = mutants_of("void F() {\nif (a && b) x();\nif (c < 1) y();\n}\n", "f.cc")
        self.assertEqual(len({mutant.text for mutant in found}), len(found))
        self.assertEqual([mutant.line for mutant in found], sorted(mutant.line for mutant in found))

    def test_what_a_mutant_says(self) -> None:
        mutant = next(one for one in mutants_of("\n  if (!a) b();\n", "f.cc") if one.kind == "dropped")
        self.assertEqual(mutant, Mutant("dropped", 2, "if (!a) b();", "if ((!a) && false) b();", mutant.diff, "\n  if ((!a) && false) b();\n"))
        self.assertEqual(mutant.diff.splitlines()[1:], ["-  if (!a) b();", "+  if ((!a) && false) b();"])

    def test_brackets_that_do_not_fit(self) -> None:
        for text in ("(", ")", "(]", "{ ( }"):
            with self.assertRaises(ValueError):
                Code(text)
