"""What is installed, and where."""

import re
import unittest

from install_testing import MODULES, ROOT, InstalledTree, must, public_headers


def files_of(tree):
    return sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())


class Library(InstalledTree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree = cls.install("g++")
        cls.files = files_of(cls.tree)

    def test_headers_are_the_public_ones(self):
        headers = [name.removeprefix("include/") for name in self.files if name.startswith("include/")]
        self.assertEqual(headers, public_headers())
        self.assertGreater(len(headers), 40)
        for header in headers:
            self.assertNotRegex(header, "internal|testing")

    def test_no_header_says_that_it_is_internal(self):
        for header in (self.tree / "include").rglob("*.h"):
            self.assertNotRegex(header.read_text().lower(), r"internal to this module|sources of this module|for this module's\s+(// )?sources",
                                f"{header.name}: to be listed in cmake/internal_headers.txt")

    def test_headers_define_no_macros(self):
        for header in (self.tree / "include").rglob("*.h"):
            self.assertNotRegex(header.read_text(), r"(?m)^\s*#\s*define|LQ_[A-Z]", header.name)

    def test_everything_else_is_where_it_belongs(self):
        others = [name for name in self.files if not name.startswith(("include/", "share/doc/limequat/examples/"))]
        self.assertEqual(others, sorted(
            [f"lib/liblimequat_{module}.a" for module in MODULES]
            + [f"lib/cmake/limequat/limequat{name}.cmake" for name in ("Config", "ConfigVersion", "Targets", "Targets-debug")]
            + [f"share/doc/limequat/{name}" for name in ("CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "library.md")]))

    def test_examples_come_with_all_their_files(self):
        source = must("git", "-C", ROOT, "ls-files", "examples").split()
        self.assertEqual([name.removeprefix("share/doc/limequat/") for name in self.files if "/examples/" in name], sorted(source))

    def test_no_file_names_the_place_of_the_sources(self):
        for name in self.files:
            if not name.endswith(".a"):
                self.assertNotIn(str(ROOT), (self.tree / name).read_text(), name)


class Programs(InstalledTree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree = cls.install("clang++-19", "programs")

    def test_files(self):
        self.assertEqual(files_of(self.tree), [
            "bin/limequat", "bin/limequat-agent", "bin/limequat-registrar", "bin/limequat-verifier",
            "share/bash-completion/completions/limequat",
            "share/doc/limequat/CHANGELOG.md", "share/doc/limequat/LICENSE", "share/doc/limequat/README.md", "share/doc/limequat/SECURITY.md",
            "share/fish/vendor_completions.d/limequat.fish",
            "share/man/man1/limequat.1",
            "share/man/man8/limequat-agent.8", "share/man/man8/limequat-registrar.8", "share/man/man8/limequat-verifier.8",
            "share/zsh/site-functions/_limequat"])

    def test_programs_run(self):
        version = re.search(r"project\(limequat\s+VERSION ([0-9.]+)\n", (ROOT / "CMakeLists.txt").read_text())[1]
        for name in ("limequat", "limequat-agent", "limequat-registrar", "limequat-verifier"):
            self.assertIn(version, must(self.tree / "bin" / name, "--version"), name)

    def test_completions_are_those_of_the_command(self):
        share = self.tree / "share"
        for shell, path in (("bash", "bash-completion/completions/limequat"), ("fish", "fish/vendor_completions.d/limequat.fish")):
            self.assertEqual((share / path).read_text(), must(self.tree / "bin" / "limequat", "completion", shell))

    def test_bash_completes_with_the_file(self):
        completions = self.tree / "share" / "bash-completion" / "completions" / "limequat"
        said = must("bash", "-c", f"source {completions}; COMP_WORDS=(limequat agent li) COMP_CWORD=2; _limequat; echo ${{COMPREPLY[@]}}")
        self.assertEqual(said, "list\n")

    def test_zsh_is_told_the_command(self):
        text = (self.tree / "share" / "zsh" / "site-functions" / "_limequat").read_text()
        self.assertTrue(text.startswith("#compdef limequat\n"))
        self.assertTrue(text.endswith("_bash_complete -o default -F _limequat\n"))


if __name__ == "__main__":
    unittest.main()
