"""Every installed header compiles alone, without a warning, and brings nothing but the standard library."""

import os
import unittest
from concurrent.futures import ThreadPoolExecutor

from install_testing import COMPILERS, InstalledTree, run

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wold-style-cast", "-Werror")
THIRD_PARTY = ("fmt", "openssl", "boost", "pcre2", "spdlog", "sqlite3", "tss2", "gtest")


def alone(compiler, include, header, scratch):
    """What is wrong with a header that is all of a source file; empty if nothing is."""
    source = scratch / f"{compiler}-{header.relative_to(include)}".replace("/", "-")
    source = source.with_suffix(".cc")
    # Twice: it guards itself against that, too.
    source.write_text(f'#include "{header.relative_to(include)}"\n' * 2)
    needs = source.with_suffix(".d")
    done = run(compiler, "-std=c++23", *WARNINGS, "-fsyntax-only", "-I", include, "-MD", "-MF", needs, source)
    if done.returncode != 0:
        return f"{compiler} {header}:\n{done.stdout}"
    foreign = [name for name in needs.read_text().split() if any(f"/{part}" in name.removeprefix(str(include)) for part in THIRD_PARTY)]
    return f"{compiler} {header} includes {foreign}" if foreign else ""


class Headers(InstalledTree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.include = cls.install("g++") / "include"

    def test_each_compiles_alone(self):
        headers = sorted(self.include.rglob("*.h"))
        self.assertGreater(len(headers), 40)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = [text for compiler in COMPILERS
                     for text in pool.map(lambda header, by=compiler: alone(by, self.include, header, self.scratch), headers) if text]
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_a_header_that_needs_another_is_found(self):
        bad = self.include / "bad.h"
        bad.write_text("#pragma once\ninline std::size_t Size() { return 1; }\n")
        self.addCleanup(bad.unlink)
        self.assertIn("bad.h", alone("g++", self.include, bad, self.scratch))

    def test_a_header_that_shows_a_third_party_is_found(self):
        bad = self.include / "bad.h"
        bad.write_text("#pragma once\n#include <openssl/evp.h>\n")
        self.addCleanup(bad.unlink)
        self.assertIn("openssl", alone("g++", self.include, bad, self.scratch))


if __name__ == "__main__":
    unittest.main()
