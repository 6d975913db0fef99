"""What the tests of the command share: running it, and where data is."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import unittest
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from command import CORPUS, DATA, LIMEQUAT, ROOT, Done, run  # noqa: E402, F401

_SECONDS = 60


class CliTest(unittest.TestCase):
    """A test that runs the command.  It fails, not skips, if the command is not built."""

    @classmethod
    def setUpClass(cls) -> None:
        if not LIMEQUAT.exists():
            raise AssertionError(f"{LIMEQUAT} is not built (LIMEQUAT_BIN names another folder)")

    def run_limequat(self, *words: object, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Done:
        done = run(*words, seconds=_SECONDS, stdin=stdin, env=env)
        self.assertGreaterEqual(done.status, 0, done.err)
        self.assertNotIn("Sanitizer", done.err)
        return done

    def run_on_terminal(self, *words: object, environment: Mapping[str, str], rows: int | None = None) -> tuple[int, str]:
        """Exit status and what a terminal gets: one of `rows` rows, or one that does not know its size."""
        master, slave = pty.openpty()
        if rows is not None:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 120, 0, 0))
        with subprocess.Popen([LIMEQUAT, *map(str, words)], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environment) as child:
            os.close(slave)
            said = b""
            while True:
                try:
                    piece = os.read(master, 4096)
                except OSError:   # the other end is closed
                    break
                if not piece:
                    break
                said += piece
            status = child.wait(_SECONDS)
        os.close(master)
        return status, said.decode().replace("\r\n", "\n")

    def assert_error(self, done: Done, status: int, identifier: str) -> None:
        """One line on standard error with the identifier, and this exit status."""
        self.assertEqual(done.status, status, done.err)
        self.assertRegex(done.err, r"\Alimequat: [^\n]*\[" + identifier.replace(".", r"\.") + r"\]\n\Z")
