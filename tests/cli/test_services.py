"""What the services do with the limits that they are started under."""

import base64
import http.client
import json
import re
import resource
import signal
import ssl
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from cli_testing import DATA, LIMEQUAT, CliTest
from limequat_lab.host import FreePorts

_SECONDS = 30


class DescriptorsTest(CliTest):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-services-")
        self.addCleanup(holder.cleanup)
        self.site = Path(holder.name) / "site"
        registrar, registrar_tls, self.verifier_port = (FreePorts().take() for _ in range(3))
        self.assertEqual(self.run_limequat("init", "--all-in-one", self.site, "--lab", "--registrar-port", registrar,
                                           "--registrar-tls-port", registrar_tls, "--verifier-port", self.verifier_port).status, 0)

    def start(self, service: str, soft: int, hard: int, up: Callable[[], None] = lambda: None) -> str:
        """The log of a service that was started under these limits, and ended after `up`, which is called when it serves."""
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
            up()
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

    def enrol(self) -> None:
        """Puts a machine into the running verifier, as Keylime's tenant would. Nobody answers for it."""
        context = ssl.create_default_context(cafile=self.site / "operator" / "servers-ca.pem")
        context.load_cert_chain(self.site / "operator" / "operator.pem", self.site / "operator" / "operator.key")
        quote = DATA / "quote" / "vm_tcb-ng-61_rsassa-sha256_0_1_2_3_4_5_6_7_8_9_10"
        body = {
            "cloudagent_ip": "127.0.0.1", "cloudagent_port": FreePorts().take(), "tpm_policy": "{}", "metadata": "{}", "mb_policy": None,
            "mb_policy_name": "", "runtime_policy": "", "ima_sign_verification_keys": "", "revocation_key": "",
            "accept_tpm_hash_algs": ["sha256"], "accept_tpm_encryption_algs": ["rsa"], "accept_tpm_signing_algs": ["rsassa"],
            "ak_tpm": base64.b64encode((quote / "ak.tpm2b_public").read_bytes()).decode(),
            "mtls_cert": (self.site / "verifier" / "server.pem").read_text(), "supported_version": "2.5",
        }
        connection = http.client.HTTPSConnection("127.0.0.1", self.verifier_port, context=context, timeout=_SECONDS)
        connection.request("POST", "/v2.5/agents/machine-1", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200, answer.read())
        connection.close()

    def test_each_machine_needs_one(self) -> None:
        self.assertNotIn("program.few_descriptors", self.start("verifier", 256, 512, self.enrol))
        said = self.start("verifier", 256, 512)
        self.assertTrue(re.search(r"WARN\s+program\.few_descriptors .*limit=512 .*needed=513 machines=1 ", said), said)
        self.assertNotIn("program.few_descriptors", self.start("verifier", 256, 513))


if __name__ == "__main__":
    unittest.main()
