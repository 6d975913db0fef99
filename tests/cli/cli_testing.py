"""What the tests of the command share: running it, and where data is."""

import json
import os
import subprocess
import unittest
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
CORPUS = ROOT.parent / "shared" / "corpus"
LIMEQUAT = Path(os.environ.get("LIMEQUAT_BIN") or ROOT / "build" / "dev" / "apps") / "limequat"
_SECONDS = 60


@dataclass(frozen=True)
class Done:
    """What a run of the command left."""

    status: int
    out: bytes
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class CliTest(unittest.TestCase):
    """A test that runs the command.  It fails, not skips, if the command is not built."""

    @classmethod
    def setUpClass(cls) -> None:
        if not LIMEQUAT.exists():
            raise AssertionError(f"{LIMEQUAT} is not built (LIMEQUAT_BIN names another folder)")

    def run_limequat(self, *words: object, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Done:
        done = subprocess.run(
            [LIMEQUAT, *map(str, words)], input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True, timeout=_SECONDS, check=False, env={**os.environ, **(env or {})},
        )
        err = done.stderr.decode()
        self.assertGreaterEqual(done.returncode, 0, err)
        self.assertNotIn("Sanitizer", err)
        return Done(done.returncode, done.stdout, err)

    def assert_error(self, done: Done, status: int, identifier: str) -> None:
        """One line on standard error with the identifier, and this exit status."""
        self.assertEqual(done.status, status, done.err)
        self.assertRegex(done.err, r"\Alimequat: [^\n]*\[" + identifier.replace(".", r"\.") + r"\]\n\Z")
