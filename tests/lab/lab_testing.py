"""What the lab's tests share: the package, the recordings, and when to skip."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tools" / "lab"))

from limequat_lab.errors import UnavailableError  # noqa: E402
from limequat_lab.host import find_program  # noqa: E402

DATA = REPOSITORY / "data" / "lab"
BOOT_LOG = (DATA / "shim-grub.eventlog").read_bytes()
IMA_LINES = (DATA / "shim-grub.ima").read_bytes().splitlines(keepends=True)
PCRS: dict[str, dict[str, str]] = json.loads((DATA / "shim-grub.pcrs.json").read_text())


def require_programs(*names: str) -> None:
    """Skips the test, and says what is missing, on a computer without the lab's packages."""
    try:
        for name in names:
            find_program(name)
    except UnavailableError as why:
        raise unittest.SkipTest(str(why)) from why


class FolderTest(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-lab-test-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
