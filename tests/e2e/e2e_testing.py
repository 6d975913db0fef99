"""What the end-to-end tests share: a lab for each class, and the operator's command."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tools" / "lab"))

from limequat_lab.assembly import Plan, default_binaries  # noqa: E402
from limequat_lab.errors import UnavailableError  # noqa: E402
from limequat_lab.lab import Lab  # noqa: E402

BINARIES = default_binaries()
SOON = 60.0   # only a failure takes it: the machines of a test may be shared


class LabTest(unittest.TestCase):
    """A lab of `light` machines, enrolled under the policy "base" unless `enrol` is False."""

    light = 1
    enrol = True
    verifier_toml = ""   # added to the verifier's configuration
    lab: Lab
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="limequat-e2e-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.lab = Lab(cls.folder / "lab")
        cls.addClassCleanup(cls.lab.down)
        try:
            cls.lab.up(Plan(0, cls.light, BINARIES))
        except UnavailableError as why:
            if "not installed" in str(why):
                raise unittest.SkipTest(str(why)) from why
            raise
        if cls.verifier_toml:
            cls.configure_verifier(cls.verifier_toml)
        if cls.enrol:
            root = cls.lab.root_of(cls.lab.machine("light-1")).folder
            cls.operator("policy", "create", "runtime", "--root", root, "--output", cls.folder / "policy.json")
            cls.operator("policy", "push", "base", cls.folder / "policy.json")
            for number in range(1, cls.light + 1):
                cls.add(f"light-{number}")
                cls.wait_for(f"light-{number}", "pass")

    # The operator

    @classmethod
    def operator(cls, *words: object, expect: int = 0) -> Any:
        """The command's JSON result.  Fails the test if it ends otherwise."""
        done = cls.command(*words)
        if done.returncode != expect:
            raise AssertionError(f"limequat {' '.join(map(str, words))}: {done.returncode}, not {expect}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    @classmethod
    def command(cls, *words: object, shown: str = "json") -> subprocess.CompletedProcess[str]:
        configuration = cls.lab.site().operator_configuration
        return subprocess.run([BINARIES / "limequat", "--config", configuration, *map(str, words), "-o", shown],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    @classmethod
    def add(cls, name: str) -> None:
        cls.operator("agent", "add", name, "--policy", "base", "--approve-current-boot")

    @classmethod
    def machine(cls, name: str) -> dict[str, Any]:
        shown: dict[str, Any] = cls.operator("agent", "show", name)
        return shown

    @classmethod
    def wait_for(cls, name: str, integrity: str) -> None:
        cls.wait(lambda: cls.machine(name)["integrity"] == integrity, f"{name} is {integrity}", lambda: cls.machine(name))

    @staticmethod
    def wait(condition: Callable[[], object], what: str, shown: Callable[[], object] = lambda: "", seconds: float = SOON) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {seconds} s; {shown()}")
            time.sleep(0.05)

    @classmethod
    def failed_checks(cls, name: str) -> set[str]:
        """What fails now: kept failures of the past are no answer to what was just tried."""
        explained = json.loads(cls.command("explain", name).stdout)
        current = explained["current"] or {"findings": []}
        return {f["check"] for f in current["findings"] if f["outcome"] == "failed"}

    # The services

    @classmethod
    def configure_verifier(cls, toml: str) -> None:
        """Adds to its configuration and starts it again."""
        cls.lab.processes.end("verifier")
        configuration = cls.lab.site().folder / "verifier" / "limequat-verifier.toml"
        configuration.write_text(configuration.read_text() + toml)
        cls.start_service("verifier")

    @classmethod
    def start_service(cls, name: str) -> None:
        site = cls.lab.site()
        log = cls.lab.folder / f"{name}.log"
        cls.lab.processes.start(name, [BINARIES / f"limequat-{name}", "--config", site.folder / name / f"limequat-{name}.toml"], log)
        ports = [site.ports.verifier] if name == "verifier" else [site.ports.registrar, site.ports.registrar_tls]
        cls.wait(lambda: all(answers(port) for port in ports), f"the {name} listens", lambda: log.read_text()[-2000:])

    @classmethod
    def kill(cls, process: str) -> None:
        """SIGKILL: nothing is tidied up."""
        pid = cls.lab.processes.pid(process)
        assert pid
        os.kill(pid, signal.SIGKILL)
        cls.wait(lambda: cls.lab.processes.pid(process) is None, f"{process} has ended")

    # The wire

    @classmethod
    def tls(cls, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(cls.lab.site().folder / "operator" / "servers-ca.pem"))
        if certificate:
            context.load_cert_chain(certificate, key)
        return context

    @classmethod
    def operator_tls(cls) -> ssl.SSLContext:
        folder = cls.lab.site().folder / "operator"
        return cls.tls(folder / "operator.pem", folder / "operator.key")

    @staticmethod
    def ask(port: int, method: str, target: str, context: ssl.SSLContext | None, body: bytes | None = None,
            headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        link: http.client.HTTPConnection = (http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
                                            if context else http.client.HTTPConnection("127.0.0.1", port, timeout=10))
        try:
            link.request(method, target, body, headers or {})
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


__all__ = ["BINARIES", "REPOSITORY", "SOON", "LabTest", "answers"]
