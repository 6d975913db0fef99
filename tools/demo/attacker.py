"""Somebody who holds an agent's TLS key and answers the verifier in its place.

The verifier takes the attacker for the machine: the key is the one that was registered. What the
attacker does not have is a TPM that signs what it wants.
"""

import contextlib
import json
import socket
import ssl
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_TIMEOUT = 5.0


class Insider:
    """Asks the machine's own agent, as somebody who is root there can."""

    def __init__(self, port: int, client_certificate: Path, client_key: Path) -> None:
        self._base = f"https://127.0.0.1:{port}"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._context.load_cert_chain(client_certificate, client_key)

    def get(self, target: str) -> dict[str, Any]:
        with urllib.request.urlopen(self._base + target, timeout=_TIMEOUT, context=self._context) as answer:
            return json.load(answer)


Answerer = Callable[[str], dict[str, Any]]


class Attacker:
    """An HTTPS server with the agent's certificate and key; `answer` makes its answers."""

    def __init__(self, port: int, certificate: Path, key: Path) -> None:
        self.answered = 0
        self.answer: Answerer | None = None
        self._links: set[socket.socket] = set()
        attacker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                attacker._links.add(self.connection)

            def finish(self) -> None:
                attacker._links.discard(self.connection)
                super().finish()

            def do_GET(self) -> None:  # noqa: N802 (the name is http.server's)
                document = attacker.answer_to(self.path)
                body = json.dumps(document).encode()
                self.send_response(document["code"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                attacker.answered += 1

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # the verifier went away

        self._server = Server(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer_to(self, target: str) -> dict[str, Any]:
        if self.answer:
            with contextlib.suppress(OSError):  # the machine's own agent has ended
                return self.answer(target)
        return {"code": 500, "status": "no", "results": {}}

    def replay(self, recorded: dict[str, Any]) -> None:
        """Answers each question with the same genuine quote."""
        self.answer = lambda _: recorded

    def shorten(self, insider: Insider) -> None:
        """Lets the TPM quote what is asked, and drops the last line of the list from the beginning on."""

        def answer(target: str) -> dict[str, Any]:
            path, _, query = target.partition("?")
            asked = dict(urllib.parse.parse_qsl(query))
            asked["ima_ml_entry"] = "0"
            document = insider.get(f"{path}?{urllib.parse.urlencode(asked)}")
            results = document["results"]
            lines = results["ima_measurement_list"].splitlines(keepends=True)
            results["ima_measurement_list"] = "".join(lines[:-1])
            results["ima_measurement_list_entry"] = 0
            return document

        self.answer = answer

    def end(self) -> None:
        """Stops listening and hangs up: a kept connection must not go on answering."""
        self._server.shutdown()
        self._server.server_close()
        for link in list(self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        self._thread.join()
