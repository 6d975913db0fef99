"""The agents of machines, seen from this computer."""

import socket
import ssl

from .errors import UnavailableError
from .guest import Guest
from .host import LOOPBACK
from .processes import wait_until
from .root import STATE
from .tamper import Machine

_START_SECONDS = 120.0  # a guest without hardware help makes its keys slowly
_POLL_SECONDS = 0.1
_LOG_LINES = 5


def agent_port(machine: Machine) -> int:
    """The port of this computer on which the machine's agent is reached."""
    return next(iter(machine.settings.forwards)) if isinstance(machine, Guest) else machine.settings.agent_port


def wait_for_agent(machine: Machine) -> None:
    """Returns when the agent takes TLS connections.  Raises UnavailableError, with the end of its log, if it ends."""
    port = agent_port(machine)
    wait_until(lambda: _speaks_tls(port) or not machine.agent_running(), _START_SECONDS, _POLL_SECONDS)
    if not _speaks_tls(port):
        name, log = machine.settings.name, agent_log(machine)
        raise UnavailableError(f"the agent of {name} does not answer; its log ends with:\n{log}")


def agent_log(machine: Machine) -> str:
    """The last lines that the agent wrote."""
    if isinstance(machine, Guest):
        return machine.run(f"tail -n {_LOG_LINES} {STATE}/agent.log").output.decode(errors="replace")
    log = machine.folder / "agent.log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:]) if log.exists() else "(nothing)"


def _speaks_tls(port: int) -> bool:
    """Whether a TLS server answers; who it is does not matter here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((LOOPBACK, port), 2) as link, context.wrap_socket(link):
            return True
    except OSError:
        return False
