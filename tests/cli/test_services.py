"""What the services do with the limits that they are started under."""

import re
import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cli_testing import LIMEQUAT, CliTest

_SECONDS = 30


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class DescriptorsTest(CliTest):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-services-")
        self.addCleanup(holder.cleanup)
        self.site = Path(holder.name) / "site"
        registrar, registrar_tls, verifier = free_ports(3)
        self.assertEqual(self.run_limequat("init", "--all-in-one", self.site, "--lab", "--registrar-port", registrar,
                                           "--registrar-tls-port", registrar_tls, "--verifier-port", verifier).status, 0)

    def start(self, service: str, soft: int, hard: int) -> str:
        """The log of a service that was started under these limits, and ended when it was up."""
        log = self.site / f"{service}.log"
        program = LIMEQUAT.with_name(f"limequat-{service}")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [program, "--config", self.site / service / f"limequat-{service}.toml"], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
            )
        try:
            end = time.monotonic() + _SECONDS
            while f"{service}.started" not in log.read_text():
                self.assertIsNone(process.poll(), log.read_text())
                self.assertLess(time.monotonic(), end, log.read_text())
                time.sleep(0.01)
            limits = Path(f"/proc/{process.pid}/limits").read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_SECONDS)
        self.assertRegex(limits, rf"Max open files\s+{hard}\s+{hard}\s")
        return log.read_text()

    def test_the_soft_limit_becomes_the_hard_one(self) -> None:
        for service in ("registrar", "verifier"):
            said = self.start(service, 256, 512)
            self.assertRegex(said, r"program\.descriptors .*limit=512 .*before=256")
            self.assertNotIn("program.few_descriptors", said)

    def test_too_few_are_told(self) -> None:
        for service in ("registrar", "verifier"):
            said = self.start(service, 256, 511)
            self.assertTrue(re.search(r"WARN\s+program\.few_descriptors .*limit=511 .*needed=512", said), said)


if __name__ == "__main__":
    unittest.main()
