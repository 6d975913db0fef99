"""What the tests of running services share: a site, its services, and the operator's command."""

import base64
import contextlib
import http.client
import json
import resource
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cli_testing import DATA, LIMEQUAT, CliTest, Done
from limequat_lab.host import FreePorts

_SECONDS = 30


class SiteTest(CliTest):
    """A site of its own for each test."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-services-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.site = self.folder / "site"
        registrar, registrar_tls, self.verifier_port = (FreePorts().take() for _ in range(3))
        self.assertEqual(self.run_limequat("init", "--all-in-one", self.site, "--lab", "--registrar-port", registrar,
                                           "--registrar-tls-port", registrar_tls, "--verifier-port", self.verifier_port).status, 0)

    def log(self, service: str) -> Path:
        return self.site / f"{service}.log"

    @contextlib.contextmanager
    def started(self, service: str, descriptors: tuple[int, int] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """A service that serves, under these soft and hard limits of descriptors; ended afterwards."""
        def limit() -> None:
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, descriptors)

        program = LIMEQUAT.with_name(f"limequat-{service}")
        log = self.log(service)
        with log.open("wb") as out:
            process = subprocess.Popen([program, "--config", self.site / service / f"limequat-{service}.toml"],
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=limit)
        try:
            end = time.monotonic() + _SECONDS
            while f"{service}.started" not in log.read_text():
                self.assertIsNone(process.poll(), log.read_text())
                self.assertLess(time.monotonic(), end, log.read_text())
                time.sleep(0.01)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_SECONDS)

    def operator(self, *words: object) -> Done:
        return self.run_limequat("--config", self.site / "operator" / "limequat.toml", *words)

    def enrol(self, name: str, **members: object) -> None:
        """Puts a machine into the running verifier, as Keylime's tenant would. Nobody answers for it."""
        context = ssl.create_default_context(cafile=self.site / "operator" / "servers-ca.pem")
        context.load_cert_chain(self.site / "operator" / "operator.pem", self.site / "operator" / "operator.key")
        quote = DATA / "quote" / "vm_tcb-ng-61_rsassa-sha256_0_1_2_3_4_5_6_7_8_9_10"
        body = {
            "cloudagent_ip": "127.0.0.1", "cloudagent_port": FreePorts().take(), "tpm_policy": "{}", "metadata": "{}", "mb_policy": None,
            "mb_policy_name": "", "runtime_policy": "", "ima_sign_verification_keys": "", "revocation_key": "",
            "accept_tpm_hash_algs": ["sha256"], "accept_tpm_encryption_algs": ["rsa"], "accept_tpm_signing_algs": ["rsassa"],
            "ak_tpm": base64.b64encode((quote / "ak.tpm2b_public").read_bytes()).decode(),
            "mtls_cert": (self.site / "verifier" / "server.pem").read_text(), "supported_version": "2.5", **members,
        }
        connection = http.client.HTTPSConnection("127.0.0.1", self.verifier_port, context=context, timeout=_SECONDS)
        connection.request("POST", f"/v2.5/agents/{name}", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200, answer.read())
        connection.close()
