"""Commands in a guest, over a loopback port that QEMU forwards to it.

One connection is one command: the lab's token and the script go out with the script's input after
them; its output comes back with the exit status on the last line.
"""

import base64
import socket
import time
from dataclasses import dataclass

from .errors import LabError, UnavailableError
from .host import LOOPBACK

GUEST_PORT = 7
_CHUNK = 1 << 16


class CommandError(LabError):
    """A command in the guest ended with another exit status than 0."""


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it wrote to its output and its error output together."""

    status: int
    output: bytes


@dataclass(frozen=True)
class Channel:
    """A way to run commands in one guest."""

    port: int
    token: str

    def run(self, script: str, stdin: bytes = b"", timeout: float = 60) -> Result:
        """Runs a shell script as root.  Raises UnavailableError if no whole answer comes in `timeout` seconds."""
        end = time.monotonic() + timeout
        request = f"{self.token} {base64.b64encode(script.encode()).decode()}\n".encode() + stdin
        answer = bytearray()
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout) as link:
                link.sendall(request)
                link.shutdown(socket.SHUT_WR)
                while chunk := link.recv(_CHUNK):
                    answer += chunk
                    link.settimeout(max(0.01, end - time.monotonic()))
        except OSError as why:
            raise UnavailableError(f"the guest did not answer: {why}") from why
        output, _, status = bytes(answer).removesuffix(b"\n").rpartition(b"\n")
        if not answer.endswith(b"\n") or not status.isdigit():
            raise UnavailableError("the guest's answer has no end")
        return Result(int(status), output)

    def check(self, script: str, stdin: bytes = b"", timeout: float = 60) -> bytes:
        """The output of a script that must succeed.  Raises CommandError if it does not."""
        result = self.run(script, stdin, timeout)
        if result.status != 0:
            said = result.output.decode(errors="replace").strip()
            raise CommandError(f"exit status {result.status} in the guest from: {script}\n{said}")
        return result.output
