"""Programs that are killed, restarted, starved or started wrongly: nothing is lost, and nothing old is shown as good."""

import json
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from e2e_testing import BINARIES, LabTest


class FaultTest(LabTest):
    light = 2

    def registered(self, name):
        status, body = self.ask(self.lab.site().ports.registrar_tls, "GET", f"/v2.6/agents/{name}", self.operator_tls())
        self.assertEqual(status, 200)
        return json.loads(body)["results"]

    def test_killed_agent_keeps_its_ak_and_attestation_goes_on(self):
        before = self.registered("light-1")
        count = self.machine("light-1")["attestations"]
        self.kill("light-1-agent")
        self.lab.machine("light-1").start_agent()
        self.wait(lambda: self.machine("light-1")["attestations"] > count, "attestation goes on", lambda: self.machine("light-1"))
        after = self.registered("light-1")
        self.assertEqual(after["aik_tpm"], before["aik_tpm"])
        self.assertEqual(after["regcount"], before["regcount"] + 1)
        self.assertEqual(self.machine("light-1")["integrity"], "pass")

    def test_killed_verifier_shows_nothing_good_on_old_evidence(self):
        self.kill("verifier")
        # Nobody answers any more, so whatever is shown after the restart is old.
        self.lab.set_agent("light-1", running=False)
        try:
            self.start_service("verifier")
            for _ in range(20):
                self.assertIn(self.machine("light-1")["integrity"], ("pending", "late"))
                time.sleep(0.1)
        finally:
            self.lab.set_agent("light-1", running=True)
        self.wait_for("light-1", "pass")
        self.wait_for("light-2", "pass")

    def test_killed_registrar_keeps_what_it_acknowledged(self):
        before = self.registered("light-2")
        self.kill("registrar")
        self.start_service("registrar")
        self.assertEqual(self.registered("light-2"), before)

    def test_slow_client_holds_nobody_up(self):
        """CVE-2023-38200 of Keylime: one open connection blocked the registrar."""
        ports = self.lab.site().ports
        slow = [socket.create_connection(("127.0.0.1", port)) for port in (ports.registrar, ports.registrar_tls, ports.verifier) * 20]
        try:
            for link in slow[::3]:
                link.sendall(b"POST /v2.6/agents/x HTTP/1.1\r\nHost: x\r\nContent-Len")
            self.assertEqual(self.ask(ports.registrar, "GET", "/version", None)[0], 200)
            self.assertEqual(self.ask(ports.verifier, "GET", "/version", self.operator_tls())[0], 200)
            count = self.machine("light-1")["attestations"]
            self.wait(lambda: self.machine("light-1")["attestations"] > count, "attestation goes on")
            # Each of them is closed at its deadline.
            for link in slow:
                link.settimeout(20)
                self.assertIn(link.recv(1000)[:12], (b"", b"HTTP/1.1 408", b"HTTP/1.1 400"))
        finally:
            for link in slow:
                link.close()

    def test_body_over_its_limit_is_413(self):
        port = self.lab.site().ports.registrar
        status, _ = self.ask(port, "POST", "/v2.6/agents/x", None, b"{" + b" " * (1 << 20), {"Content-Type": "application/json"})
        self.assertEqual(status, 413)


class StartTest(LabTest):
    light = 0
    enrol = False

    def start_with(self, program, changes):
        """Starts a copy of the configuration with (old, new) replaced in it."""
        folder = self.lab.site().folder / program
        text = (folder / f"limequat-{program}.toml").read_text()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        configuration = folder / "changed.toml"
        configuration.write_text(text)
        self.addCleanup(configuration.unlink, missing_ok=True)
        return subprocess.run([BINARIES / f"limequat-{program}", "--config", configuration], capture_output=True, text=True, timeout=30, check=False)

    def test_database_that_cannot_be_written_is_exit_6(self):
        for program in ("registrar", "verifier"):
            done = self.start_with(program, [(f"sqlite:{program}.db", "sqlite:/proc/none/x.db")])
            self.assertEqual(done.returncode, 6, done.stderr)
            self.assertIn("/proc/none", done.stderr)

    def test_port_in_use_is_exit_6(self):
        done = self.start_with("verifier", [("sqlite:verifier.db", "sqlite:other.db")])
        self.assertEqual(done.returncode, 6, done.stderr)

    def test_attack_a17_lab_authority_needs_a_lab(self):
        for program in ("registrar", "verifier"):
            done = self.start_with(program, [("lab = true", "lab = false")])
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("lab", done.stderr)

    def test_cve_2022_23952_key_that_others_can_read_is_refused(self):
        key = self.lab.site().folder / "verifier" / "server.key"
        os.chmod(key, 0o644)
        try:
            done = self.start_with("verifier", [])
        finally:
            os.chmod(key, 0o600)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("server.key", done.stderr)

    def test_unknown_key_names_file_line_and_key(self):
        done = self.start_with("verifier", [("[attestation]", "[attestation]\nintervall = \"1s\"")])
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr, r"changed\.toml:\d+")
        self.assertIn("intervall", done.stderr)

    def test_files_are_private(self):
        for path in self.lab.site().folder.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)


class WebhookTest(LabTest):
    """Failure and recovery are told, also to a receiver that was away."""

    enrol = False

    def setUp(self):
        self.received = []
        self.refuse = 2
        test = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if test.refuse > 0:
                    test.refuse -= 1
                    self.send_response(503)
                else:
                    test.received.append((self.headers["Limequat-Notice"], json.loads(body)))
                    self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.lab.processes.end("verifier")
        configuration = self.lab.site().folder / "verifier" / "limequat-verifier.toml"
        configuration.write_text(configuration.read_text() + f'\n[notify]\nwebhook = "http://127.0.0.1:{server.server_port}/hook"\n')
        self.start_service("verifier")

    def told(self, event):
        """The first notice of this event; others, as that a machine is late on a busy computer, may come between."""
        return next((notice for _, notice in self.received if notice["event"] == event), None)

    def test_failure_and_recovery(self):
        root = self.lab.root_of(self.lab.machine("light-1")).folder
        self.operator("policy", "create", "runtime", "--root", root, "--output", self.folder / "policy.json")
        self.operator("policy", "push", "base", self.folder / "policy.json")
        self.add("light-1")
        self.wait_for("light-1", "pass")
        self.lab.tamper("light-1", "unknown-program")
        self.wait_for("light-1", "fail")
        self.wait(lambda: self.told("machine.failed"), "the failure was told", lambda: self.received)
        self.lab.repair("light-1")
        self.lab.reboot("light-1")
        self.wait_for("light-1", "pass")
        self.wait(lambda: self.told("machine.recovered"), "the recovery was told", lambda: self.received)
        numbers = [number for number, _ in self.received]
        events = [notice["event"] for _, notice in self.received if notice["event"] != "machine.late"]
        self.assertEqual(events, ["machine.failed", "machine.recovered"])
        self.assertEqual(len(numbers), len(set(numbers)), "each notice was taken once")
        failure = self.told("machine.failed")
        self.assertEqual(failure["agent_id"], "light-1")
        self.assertTrue(any(f["check"] == "ima.path" for f in failure["result"]["findings"]))
