"""The few TPM 2.0 commands that the lab sends itself, to an emulator on a TCP port.

Every command has a connection of its own, so that an agent can use the same TPM meanwhile.
Clauses are of the TCG's TPM 2.0 Library, Part 3 (commands) and Part 2 (structures).
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import LabError, UnavailableError
from .host import LOOPBACK

ALGORITHMS = {"sha1": 0x0004, "sha256": 0x000B, "sha384": 0x000C, "sha512": 0x000D}
DIGEST_SIZES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
_NAMES = {number: name for name, number in ALGORITHMS.items()}

_NO_SESSIONS, _SESSIONS = 0x8001, 0x8002
_STARTUP, _SHUTDOWN, _FLUSH_CONTEXT = 0x144, 0x145, 0x165
_GET_CAPABILITY, _PCR_READ, _READ_CLOCK, _PCR_EXTEND = 0x17A, 0x17E, 0x181, 0x182
_CLEAR = b"\0\0"
_CAPABILITY_HANDLES, _CAPABILITY_PCRS = 1, 5
_TRANSIENT_OBJECTS, _LOADED_SESSIONS = 0x80000000, 0x02000000  # the first handle of each kind
_MOST_HANDLES = 64
# TPM_RS_PW with an empty password: PCRs need an authorization session, and have no secret.
_EMPTY_PASSWORD = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
# swtpm's control commands: what it can do; power off and on
_CONTROL_GET_CAPABILITY, _CONTROL_INIT = 1, 2
_TIMEOUT_SECONDS = 10.0


class TpmError(LabError):
    """The TPM answered a command with an error code."""


@dataclass(frozen=True)
class Clock:
    """What TPM2_ReadClock tells of resets (orderly or not) and of resumes."""

    resets: int
    restarts: int


class Tpm:
    """A TPM emulator that takes commands on `port` and control on `port` + 1."""

    def __init__(self, port: int) -> None:
        self.port = port

    def powered(self) -> bool:
        """Whether the emulator serves: it listens on both ports before it has a TPM, and answers only then."""
        try:
            _exchange(self.port + 1, struct.pack(">I", _CONTROL_GET_CAPABILITY), 8)
        except UnavailableError:
            return False
        return True

    def startup(self) -> None:
        """TPM2_Startup(CLEAR) (9.3)."""
        self._command(_STARTUP, _CLEAR)

    def reset(self) -> None:
        """What a machine's reboot does: an orderly shutdown (9.4), power off and on, startup."""
        self._command(_SHUTDOWN, _CLEAR)
        answer = _exchange(self.port + 1, struct.pack(">II", _CONTROL_INIT, 0), 4)
        if answer != bytes(4):
            raise TpmError(f"the emulator did not restart the TPM: {answer.hex()}")
        self.startup()

    def flush_transient(self) -> None:
        """What a resource manager does when a program ends: its keys and sessions leave the TPM (28.4)."""
        for kind in (_TRANSIENT_OBJECTS, _LOADED_SESSIONS):
            answer = self._command(_GET_CAPABILITY, struct.pack(">III", _CAPABILITY_HANDLES, kind, _MOST_HANDLES))
            (count,) = struct.unpack_from(">I", answer, 5)
            for handle in struct.unpack_from(f">{count}I", answer, 9):
                self._command(_FLUSH_CONTEXT, struct.pack(">I", handle))

    def clock(self) -> Clock:
        """TPM2_ReadClock (29.1)."""
        return Clock(*struct.unpack_from(">II", self._command(_READ_CLOCK, b""), 16))

    def banks(self) -> list[str]:
        """The names of the active banks (TPM2_GetCapability, 30.2), in the TPM's order."""
        answer = self._command(_GET_CAPABILITY, struct.pack(">III", _CAPABILITY_PCRS, 0, 1))
        (count,) = struct.unpack_from(">I", answer, 5)
        found, at = [], 9
        for _ in range(count):
            algorithm, size = struct.unpack_from(">HB", answer, at)
            if any(answer[at + 3 : at + 3 + size]):
                found.append(_NAMES[algorithm])
            at += 3 + size
        return found

    def read(self, bank: str, pcr: int) -> bytes:
        """The value of one PCR (TPM2_PCR_Read, 22.4)."""
        bitmap = (1 << pcr).to_bytes(3, "little")
        answer = self._command(_PCR_READ, struct.pack(">IHB", 1, ALGORITHMS[bank], 3) + bitmap)
        if answer[-DIGEST_SIZES[bank] - 6 : -DIGEST_SIZES[bank]] != struct.pack(">IH", 1, DIGEST_SIZES[bank]):
            raise TpmError(f"bank {bank} is not active")
        return answer[-DIGEST_SIZES[bank] :]

    def extend(self, pcr: int, digests: Mapping[str, bytes]) -> None:
        """Extends one PCR with a digest for each bank (TPM2_PCR_Extend, 22.2)."""
        values = struct.pack(">I", len(digests)) + b"".join(
            struct.pack(">H", ALGORITHMS[bank]) + digest for bank, digest in digests.items()
        )
        authorization = struct.pack(">I", len(_EMPTY_PASSWORD)) + _EMPTY_PASSWORD
        self._command(_PCR_EXTEND, struct.pack(">I", pcr) + authorization + values, _SESSIONS)

    def _command(self, code: int, parameters: bytes, tag: int = _NO_SESSIONS) -> bytes:
        """Sends one command; returns what follows the answer's header."""
        command = struct.pack(">HII", tag, 10 + len(parameters), code) + parameters
        answer = _exchange(self.port, command, None)
        (response,) = struct.unpack_from(">I", answer, 6)
        if response != 0:
            raise TpmError(f"TPM command {code:#x} was answered with {response:#x}")
        return answer[10:]


def _exchange(port: int, message: bytes, size: int | None) -> bytes:
    """Sends a message; returns `size` bytes, or as many as the header of a TPM's answer announces."""
    try:
        with socket.create_connection((LOOPBACK, port), _TIMEOUT_SECONDS) as link:
            link.sendall(message)
            answer = b""
            while size is None or len(answer) < size:
                chunk = link.recv(4096)
                if not chunk:
                    raise UnavailableError(f"the TPM emulator on port {port} broke off its answer")
                answer += chunk
                if size is None and len(answer) >= 10:
                    size = struct.unpack_from(">I", answer, 2)[0]
            return answer
    except OSError as why:
        raise UnavailableError(f"no TPM emulator answers on port {port}: {why}") from why
