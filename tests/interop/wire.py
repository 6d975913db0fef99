"""Plain HTTP/1.1 calls, and comparison of answers with recorded ones by shape."""

import base64
import binascii
import http.client
import json
import ssl
from dataclasses import dataclass, field


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def results(self):
        return self.json["results"]


@dataclass
class Endpoint:
    """A server on loopback.  With `authority` it is TLS; `identity` is the client's certificate.

    `pinned` is for agents: the server's certificate is the trust anchor and its names do not count.
    """

    port: int
    authority: object = None
    identity: object = None
    pinned: str = None
    timeout: float = 10
    headers: dict = field(default_factory=dict)

    def call(self, method, path, body=None, headers=None):
        connection = self._connect()
        try:
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path):
        return self.call("GET", path)

    def answers(self, path="/version"):
        """Whether the server is up; for waiting."""
        try:
            return self.get(path).status < 500
        except (OSError, http.client.HTTPException):
            return False

    def _connect(self):
        if self.authority is None and self.pinned is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        context = ssl.create_default_context(cafile=self.authority, cadata=self.pinned)
        context.check_hostname = self.pinned is None
        if self.identity:
            context.load_cert_chain(self.identity.certificate, self.identity.key)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=self.timeout, context=context)


def shape(value):
    """What can be compared between two runs: members, types, and what kind of text a string holds.

    Lists are compared by the set of shapes of their elements, so order and length do not matter.
    """
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(element), sort_keys=True) for element in value})
    if isinstance(value, str):
        return _text_kind(value)
    return type(value).__name__


def _text_kind(text):
    if not text:
        return "empty"
    if text.startswith("-----BEGIN "):
        return text.splitlines()[0]
    if text[0] in "{[":
        try:
            return {"text of JSON": shape(json.loads(text))}
        except ValueError:
            pass
    if text[0] == "r" and text.count(":") == 2:
        return {"quote": [_text_kind(part) for part in text[1:].split(":")]}
    if len(text) >= 40:
        try:
            base64.b64decode(text, validate=True)
            return "base64"
        except binascii.Error:
            pass
    return "text"


def differences(expected, actual, where=""):
    """Where two shapes differ, one line each."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        lines = [f"{where}/{name}: missing" for name in expected.keys() - actual.keys()]
        lines += [f"{where}/{name}: not in the recording" for name in actual.keys() - expected.keys()]
        for name in expected.keys() & actual.keys():
            lines += differences(expected[name], actual[name], f"{where}/{name}")
        return sorted(lines)
    return [] if expected == actual else [f"{where}: recorded {expected}, got {actual}"]
