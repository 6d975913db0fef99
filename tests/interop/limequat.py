"""Our own programs as peers of Keylime's: $LIMEQUAT_BIN names the folder they are in."""

import os
from pathlib import Path

from authority import Authority
from process import ROOT, Service, Unavailable, free_port, wait_until
from wire import Endpoint

POLL_SECONDS = 0.5
CORPUS = ROOT.parent / "shared" / "corpus"


def program(name):
    path = Path(os.environ.get("LIMEQUAT_BIN") or ROOT / "build" / "dev" / "apps") / name
    if not path.exists():
        raise Unavailable(f"{path} is not built (LIMEQUAT_BIN names another folder)")
    return path.resolve()


def write_toml(path, sections):
    """Strings, numbers and lists of strings are all that a configuration holds."""
    lines = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        for name, value in options.items():
            if isinstance(value, (list, tuple)):
                value = "[" + ", ".join(f'"{element}"' for element in value) + "]"
            elif not isinstance(value, (int, float)):
                value = f'"{value}"'
            lines.append(f"{name} = {value}")
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


class LimequatServers:
    """A running registrar and verifier, with one authority for servers and one for operators."""

    def __init__(self, folder, ek_trust):
        folder = Path(folder)
        self.registrar_port, self.registrar_tls_port, self.verifier_port = free_port(), free_port(), free_port()
        self._servers = Authority(folder / "servers-ca", "Servers of the site")
        self._operators = Authority(folder / "operators-ca", "Operators of the site")
        self.identity = self._operators.issue("operator", "operator", "person")
        self.server_ca = self._servers.certificate
        self.client_cas = [self._servers.certificate, self._operators.certificate]
        self.registrar = self._make_registrar(folder / "registrar", ek_trust)
        self.verifier = self._make_verifier(folder / "verifier")

    def _make_registrar(self, work, ek_trust):
        work.mkdir()
        identity = self._servers.issue("registrar", "registrar")
        configuration = write_toml(work / "registrar.toml", {
            "server": {"listen": "127.0.0.1", "port": self.registrar_port, "tls_port": self.registrar_tls_port},
            "tls": {"certificate": identity.certificate, "key": identity.key,
                    "operator_ca": [self._operators.certificate], "service_ca": [self._servers.certificate]},
            "database": {"url": f"sqlite:{work}/registrar.db"},
            "identity": {"ek_trust": ek_trust}})
        return Service("limequat-registrar", [program("limequat-registrar"), "--config", configuration], work)

    def _make_verifier(self, work):
        work.mkdir()
        identity = self._servers.issue("verifier", "verifier")
        configuration = write_toml(work / "verifier.toml", {
            "server": {"listen": "127.0.0.1", "port": self.verifier_port},
            "tls": {"certificate": identity.certificate, "key": identity.key,
                    "operator_ca": [self._operators.certificate], "client_certificate": identity.certificate,
                    "client_key": identity.key},
            "database": {"url": f"sqlite:{work}/verifier.db"},
            "attestation": {"interval": "500ms"},
            # The recorded boot is of a GRUB that `example` refuses, here as in Keylime.
            "policy": {"measured_boot": "measured-only"}})
        return Service("limequat-verifier", [program("limequat-verifier"), "--config", configuration], work)

    @property
    def services(self):
        return [self.registrar, self.verifier]

    def registrar_api(self):
        return Endpoint(self.registrar_tls_port, self.server_ca, self.identity)

    def verifier_api(self):
        return Endpoint(self.verifier_port, self.server_ca, self.identity)

    def start(self):
        for service in self.services:
            service.start()
        wait_until(Endpoint(self.registrar_port).answers, "the registrar answers", 20, self.services)
        wait_until(self.verifier_api().answers, "the verifier answers", 20, self.services)
        return self

    def clean(self):
        """Nothing is left outside the test's folder."""


class LimequatAgent(Service):
    """`limequat-agent` on a machine; what it keeps stays in its folder over restarts."""

    def __init__(self, folder, machine, servers, agent_id, port, contact_port):
        work = Path(folder) / "limequat-agent"
        work.mkdir()
        self.agent_id = agent_id
        trusted = work / "clients.pem"
        trusted.write_text("".join(Path(authority).read_text() for authority in servers.client_cas))
        configuration = write_toml(work / "agent.toml", {
            "agent": {"id": agent_id, "listen": "127.0.0.1", "port": port, "contact_ip": "127.0.0.1",
                      "contact_port": contact_port, "state_dir": work / "state"},
            "registrar": {"host": "127.0.0.1", "port": servers.registrar_port},
            "tls": {"trusted_client_ca": [trusted]},
            "tpm": {"tcti": machine.tcti},
            "evidence": {"ima_log": machine.ima_log, "boot_log": machine.boot_log}})
        super().__init__("limequat-agent", [program("limequat-agent"), "--config", configuration], work)
