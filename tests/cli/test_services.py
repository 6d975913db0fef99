"""What the services do with the limits that they are started under."""

import re
import unittest
from collections.abc import Callable
from pathlib import Path

from service_testing import SiteTest


class DescriptorsTest(SiteTest):
    def start(self, service: str, soft: int, hard: int, up: Callable[[], None] = lambda: None) -> str:
        """The log of a service that was started under these limits, and ended after `up`, which is called when it serves."""
        with self.started(service, (soft, hard)) as process:
            up()
            limits = Path(f"/proc/{process.pid}/limits").read_text()
        self.assertRegex(limits, rf"Max open files\s+{hard}\s+{hard}\s")
        return self.log(service).read_text()

    def test_the_soft_limit_becomes_the_hard_one(self) -> None:
        for service in ("registrar", "verifier"):
            said = self.start(service, 256, 512)
            self.assertRegex(said, r"program\.descriptors .*limit=512 .*before=256")
            self.assertNotIn("program.few_descriptors", said)

    def test_too_few_are_told(self) -> None:
        for service in ("registrar", "verifier"):
            said = self.start(service, 256, 511)
            self.assertTrue(re.search(r"WARN\s+program\.few_descriptors .*limit=511 .*needed=512", said), said)

    def test_each_machine_needs_one(self) -> None:
        self.assertNotIn("program.few_descriptors", self.start("verifier", 256, 512, lambda: self.enrol("machine-1")))
        said = self.start("verifier", 256, 512)
        self.assertTrue(re.search(r"WARN\s+program\.few_descriptors .*limit=512 .*needed=513 machines=1 ", said), said)
        self.assertNotIn("program.few_descriptors", self.start("verifier", 256, 513))


if __name__ == "__main__":
    unittest.main()
