"""Policies at a URL: `policy convert`, `check` and `push` and `agent add` fetch them, and take only what was meant."""

import hashlib
import http.server
import json
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from cli_testing import CliTest
from service_testing import SiteTest

_POLICY = json.dumps({"meta": {"version": 1, "generator": 3, "timestamp": "2026-11-25 09:00:00.000000"}, "release": 0,
                      "digests": {"/usr/bin/a": ["1" * 64]}, "excludes": [], "keyrings": {},
                      "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None},
                      "ima-buf": {}, "verification-keys": ""}).encode()
_SHA256 = hashlib.sha256(_POLICY).hexdigest()
_TOO_LONG = (64 << 20) + 1


class _Pages(http.server.BaseHTTPRequestHandler):
    """A web server with a policy, and with what web servers say instead of one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802
        match self.path:
            case "/policy.json?v=2":
                self._answer(200, _POLICY)
            case "/moved":
                self._answer(302, b"", Location="/policy.json?v=2")
            case "/long":
                self.send_response(200)
                self.send_header("Content-Length", str(_TOO_LONG))
                self.end_headers()
                self.close_connection = True
            case "/cut":
                self.send_response(200)
                self.send_header("Content-Length", str(len(_POLICY) + 1))
                self.end_headers()
                self.wfile.write(_POLICY)
                self.close_connection = True
            case _:
                self._answer(404, b"no such page")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve(test: unittest.TestCase, certificate: Path | None = None) -> str:
    """The address of a web server that runs until the test ends."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None   # a client that does not trust it hangs up  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    test.addCleanup(thread.join)
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    return f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"


class UrlTest(CliTest):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-url-test-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def certificate(self, name: str, address: str) -> tuple[Path, Path]:
        """A certificate with its key, and the certificate alone, of a server at `address`."""
        both, alone = self.folder / f"{name}.both.pem", self.folder / f"{name}.pem"
        key = self.folder / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}", "-keyout", key, "-out", alone],
                       check=True, capture_output=True)
        both.write_bytes(key.read_bytes() + alone.read_bytes())
        return both, alone

    def test_convert_and_check(self) -> None:
        url = serve(self) + "/policy.json?v=2"
        converted = self.run_limequat("policy", "convert", url, "--checksum", _SHA256)
        self.assertEqual(converted.status, 0, converted.err)
        self.assertEqual(converted.json()["digests"], {"/usr/bin/a": ["1" * 64]})
        checked = self.run_limequat("policy", "check", url, "--checksum", _SHA256, "-o", "json")
        self.assertEqual(checked.status, 0, checked.out)

    def test_what_has_another_checksum_is_not_taken(self) -> None:
        url = serve(self) + "/policy.json?v=2"
        output = self.folder / "policy.json"
        done = self.run_limequat("policy", "convert", url, "--checksum", "0" * 64, "--output", output)
        self.assert_error(done, 1, "cli.checksum")
        self.assertIn(_SHA256, done.err)
        self.assertFalse(output.exists())

    def test_a_url_needs_a_checksum(self) -> None:
        # Nothing listens there: it is refused before anything is asked.
        for command in (("policy", "convert"), ("policy", "check"), ("policy", "push", "web"), ("agent", "add", "m1", "--policy-file")):
            for scheme in ("http", "https"):
                done = self.run_limequat(*command, f"{scheme}://127.0.0.1:1/policy.json")
                self.assertEqual(done.status, 2, done.err)
                self.assertIn("SHA-256", done.err)
        diff = self.run_limequat("policy", "diff", "http://127.0.0.1:1/policy.json", "http://127.0.0.1:1/other.json")
        self.assertEqual(diff.status, 2, diff.err)
        self.assertIn("policy convert", diff.err)

    def test_answers_that_are_no_policy(self) -> None:
        server = serve(self)
        for page, status, identifier, says in (("/absent", 6, "cli.policy_input.status", "404"),
                                               ("/moved", 6, "cli.policy_input.status", "/policy.json?v=2"),
                                               ("/long", 3, "http.client.too_long", ""),
                                               ("/cut", 6, "http.client.closed", "")):
            with self.subTest(page):
                done = self.run_limequat("policy", "convert", server + page, "--checksum", _SHA256)
                self.assert_error(done, status, identifier)
                self.assertIn(says, done.err)
                self.assertIn(page, done.err)
        nobody = self.run_limequat("policy", "convert", "http://127.0.0.1:1/", "--checksum", _SHA256)
        self.assert_error(nobody, 6, "http.client.connect")
        for url in ("http://", "https://user:secret@127.0.0.1/policy.json", "http://127.0.0.1:1/policy.json#part"):
            done = self.run_limequat("policy", "convert", url, "--checksum", _SHA256)
            self.assert_error(done, 3, "http.url")
            self.assertNotIn("secret", done.err)

    def test_https_server_is_the_one_that_is_trusted(self) -> None:
        both, alone = self.certificate("right", "127.0.0.1")
        _, other = self.certificate("other", "127.0.0.1")
        url = serve(self, both) + "/policy.json?v=2"
        words = ("policy", "convert", url, "--checksum", _SHA256)
        self.assertEqual(self.run_limequat(*words, "--url-ca", alone).status, 0)
        self.assertEqual(self.run_limequat(*words, env={"SSL_CERT_FILE": str(alone)}).status, 0)
        self.assert_error(self.run_limequat(*words, "--url-ca", other), 1, "http.client.certificate")
        # The authorities of the system do not know it.
        self.assert_error(self.run_limequat(*words), 1, "http.client.certificate")

    def test_https_server_has_the_name_that_was_asked_for(self) -> None:
        both, alone = self.certificate("elsewhere", "192.0.2.1")
        url = serve(self, both) + "/policy.json?v=2"
        done = self.run_limequat("policy", "convert", url, "--checksum", _SHA256, "--url-ca", alone)
        self.assert_error(done, 1, "http.client.certificate")

    def test_authorities_are_for_https(self) -> None:
        file = self.folder / "policy.json"
        file.write_bytes(_POLICY)
        for place in (str(file), "http://127.0.0.1:1/policy.json"):
            done = self.run_limequat("policy", "check", place, "--checksum", _SHA256, "--url-ca", file)
            self.assertEqual(done.status, 2, done.err)
        self.assertEqual(self.run_limequat("agent", "add", "m1", "--url-ca", file).status, 2)


class PushTest(SiteTest):
    def test_push(self) -> None:
        url = serve(self) + "/policy.json?v=2"
        with self.started("registrar"), self.started("verifier"):
            refused = self.operator("policy", "push", "web", url, "--checksum", "0" * 64)
            self.assert_error(refused, 1, "cli.checksum")
            self.assertEqual(self.operator("policy", "list", "-o", "json").json()["policies"], [])
            pushed = self.operator("policy", "push", "web", url, "--checksum", _SHA256)
            self.assertEqual(pushed.status, 0, pushed.err)
            self.assertEqual(self.operator("policy", "show", "web").out, _POLICY)


if __name__ == "__main__":
    unittest.main()
