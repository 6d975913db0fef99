"""What the tests of the installed tree share: building it once, and the compilers that it must serve."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("base", "crypto", "json", "tpm", "ima", "eventlog", "policy", "appraise")
# The library is built by one of these and used by both.
COMPILERS = ("clang++-19", "g++")
PRESETS = {"clang++-19": "dev", "g++": "gcc"}


def run(*words, **options):
    """The finished process; its output is text. A failure is not an exception."""
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **options)


def must(*words, **options):
    done = run(*words, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout[-8000:]}")
    return done.stdout


def build(preset, *targets):
    """The folder of a build with those targets made; nothing is made that is there already."""
    must(ROOT / "script" / "build", preset, "--", *targets)
    must("cmake", ROOT / "build" / preset)  # install rules may be newer than what was built
    return ROOT / "build" / preset


def public_headers():
    """Paths below the root, by the rule that cmake/internal_headers.txt states."""
    internal = {line for line in (ROOT / "cmake" / "internal_headers.txt").read_text().splitlines() if line and line[0] != "#"}
    return sorted(path for module in MODULES for path in (str(found.relative_to(ROOT)) for found in (ROOT / "limequat" / module).glob("*.h"))
                  if path not in internal and not path.endswith(("_internal.h", "_testing.h")))


class InstalledTree(unittest.TestCase):
    """An installed tree in a temporary folder that is not the one it was installed to."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(tempfile.mkdtemp(prefix="limequat-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch)

    @classmethod
    def install(cls, compiler, component="library"):
        """Installs what `compiler` built and moves it: whatever names the first place is of no use."""
        first, moved = cls.scratch / "first" / compiler, cls.scratch / "moved" / compiler
        target = ["limequat_library"] if component == "library" else ["limequat", "limequat-agent", "limequat-registrar",
                                                                      "limequat-verifier", "limequat_completions"]
        folder = build(PRESETS[compiler], *target)
        must("cmake", "--install", folder, "--prefix", first, "--component", component)
        moved.parent.mkdir(exist_ok=True)
        first.rename(moved)
        return moved

    @classmethod
    def configure(cls, source, prefix, compiler, *options):
        """Configures a project against the tree at `prefix`; returns the process and the build folder."""
        folder = Path(tempfile.mkdtemp(dir=cls.scratch))
        done = run("cmake", "-S", source, "-B", folder, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_PREFIX_PATH={prefix}",
                   "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF", *options, env={**os.environ, "CXXFLAGS": "", "LDFLAGS": ""})
        return done, folder
