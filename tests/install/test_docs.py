"""The documentation of the library: made without a warning, and of every public header."""

import importlib.machinery
import importlib.util
import shutil
import sys
import unittest

from install_testing import ROOT, must, public_headers

loader = importlib.machinery.SourceFileLoader("docs", str(ROOT / "script" / "docs"))
sys.dont_write_bytecode = True
docs = importlib.util.module_from_spec(importlib.util.spec_from_loader("docs", loader))
loader.exec_module(docs)


class Pages(unittest.TestCase):
    @unittest.skipUnless(shutil.which("doxygen"), "there is no doxygen: script/setup --for test installs it")
    def test_every_header_has_its_page(self):
        self.assertIn(f"{len(public_headers())} headers", must(ROOT / "script" / "docs"))
        html = ROOT / "build" / "docs" / "html"
        self.assertIn("Three steps, three types", (html / "index.html").read_text())
        listed = (html / "files.html").read_text()
        for header in public_headers():
            self.assertIn(f">{header.rsplit('/', 1)[1]}<", listed, header)


def read(text):
    work = docs.Filter("x.h", "#pragma once\n\nnamespace x {\n\n" + text + "\n}  // namespace x\n")
    return work.text(), work.undocumented


class Filter(unittest.TestCase):
    """What Doxygen is given in the place of a header."""

    def test_a_comment_is_about_all_declarations_below_it(self):
        said, missing = read("// Both.\nint First();\nint Second(int a,\n           int b);\n\nint Third();")
        self.assertIn("/** Both. */\nint First();\n/** Both. */\nint Second(int a,\n           int b);\n\nint Third();", said)
        self.assertEqual(missing, ["x.h:10: warning: nothing is said about: int Third();"])

    def test_of_a_structure_and_its_functions(self):
        said, missing = read("// A pair, and how it is read.\nstruct Pair {\n  int a = 0;  // first\n  int b = 0;\n};\nPair Read();")
        self.assertIn("  int a = 0;  ///< first\n  int b = 0;\n};\n/** A pair, and how it is read. */\nPair Read();", said)
        self.assertEqual(missing, [])

    def test_comments_inside_functions_stay(self):
        said, _ = read("// One.\ninline int One() {\n  // a reason\n  return 1;  // another\n}")
        self.assertIn("  // a reason\n  return 1;  // another\n}", said)

    def test_a_comment_that_stands_alone_is_about_the_file(self):
        said, missing = read("// About all of it.\n\nint Nothing();")
        self.assertIn("/** @file\nAbout all of it. */", said)
        self.assertEqual(len(missing), 1)

    def test_indented_lines_are_a_table_and_signs_are_signs(self):
        said, _ = read("// Checks <all> of \\n:\n//   a.b   one\n//   c     two\n// and `a<b>`.\nint F();")
        self.assertIn("/** Checks \\<all\\> of \\\\n:\n@verbatim\n  a.b   one\n  c     two\n@endverbatim\nand `a<b>`. */", said)

    def test_a_list_is_a_list(self):
        said, _ = read("// Fails unless\n//   - one and\n//     the same;\n//   - two.\nint F();")
        self.assertIn("/** Fails unless\n- one and\n  the same;\n- two. */", said)

    def test_a_type_without_a_comment_is_noticed(self):
        self.assertEqual(len(read("struct S {\n  int a;\n};\n\nenum class E { kA };\n\nusing T = int;")[1]), 3)


if __name__ == "__main__":
    unittest.main()
