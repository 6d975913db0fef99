"""The recorded conversations of real Keylime peers (corpus/wire) and an agent that plays its part from them."""

import http.server
import json
import ssl
import threading
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from limequat import CORPUS
from process import Unavailable
from wire import differences, shape

# What belongs to the connection and not to the message.
_OF_THE_CONNECTION = {"host", "content-length", "connection", "accept-encoding"}


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    path: str
    query: str
    request_headers: dict
    request_body: str
    status: int
    content_type: str
    answer: str

    @property
    def target(self):
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def document(self):
        return json.loads(self.answer)

    @property
    def results(self):
        return self.document["results"]

    def replay(self, endpoint, target=None, body=None):
        """Sends the request again, with another target or body if given; the Answer."""
        if body is None:
            body = self.request_body or None
        return endpoint.call(self.method, target or self.target, body, self.request_headers)

    def compare(self, answer):
        """How an answer differs from the recorded one in status, kind and shape: a list of lines."""
        lines = []
        if answer.status != self.status:
            lines.append(f"status: recorded {self.status}, got {answer.status}")
        kind = _media_type(answer.headers)
        if kind != self.content_type:
            lines.append(f"content type: recorded {self.content_type}, got {kind}")
        try:
            document = answer.json
        except ValueError:
            return [*lines, f"not JSON: {answer.body[:200]!r}"]
        for member in ("code", "status"):
            if document.get(member) != self.document[member]:
                lines.append(f"/{member}: recorded {self.document[member]!r}, got {document.get(member)!r}")
        return lines + differences(shape(self.document), shape(document))


class Recording:
    """One scenario of the corpus."""

    def __init__(self, scenario):
        self._folder = CORPUS / "wire" / scenario
        if not self._folder.exists():
            raise Unavailable("the recorded conversations (shared/corpus/wire beside the repository) are not there")

    def flow(self, name):
        exchanges = []
        for line in (self._folder / f"{name}.jsonl").read_text().splitlines():
            record = json.loads(line)
            if "method" in record:   # else a connection that failed
                headers = {name: value for name, value in record["request_headers"]
                           if name.lower() not in _OF_THE_CONNECTION}
                answered = {name.lower(): value for name, value in record["response_headers"]}
                exchanges.append(Exchange(
                    record["method"], record["path"], record["query"], headers, record["request_body"]["text"],
                    record["status"], _media_type(answered), record["response_body"]["text"]))
        return exchanges

    def find(self, flow, method, path_end, status=200, query=""):
        """The first exchange whose path ends so and whose query begins so."""
        for exchange in self.flow(flow):
            if (exchange.method == method and exchange.path.endswith(path_end) and exchange.status == status
                    and exchange.query.startswith(query)):
                return exchange
        raise KeyError(f"no {method} …{path_end} {status} in {self._folder.name}/{flow}")


class StandInAgent:
    """Answers an integrity quote as recorded, whatever the nonce, once `release` is set."""

    def __init__(self, identity, client_cas, exchange):
        self.requests = []   # target and the subject of the client's certificate
        self.release = threading.Event()
        agent = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                agent.requests.append((self.path, self.connection.getpeercert().get("subject")))
                agent.release.wait(30)
                body = exchange.answer.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        context.verify_mode = ssl.CERT_REQUIRED
        for authority in client_cas:
            context.load_verify_locations(authority)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.certificate = identity.certificate.read_text()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def quote_queries(self):
        """The parameters of the integrity quotes that were asked for, as lists of pairs."""
        return [parse_qsl(urlsplit(target).query) for target, _ in self.requests
                if urlsplit(target).path.endswith("/quotes/integrity")]


def _media_type(headers):
    return headers.get("content-type", "").partition(";")[0]
