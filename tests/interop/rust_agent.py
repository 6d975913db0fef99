"""Keylime's pull agent in Rust as a peer: $RUST_AGENT names its program."""

import os
import subprocess
from pathlib import Path

from process import Service, Unavailable


class RustAgent(Service):
    @staticmethod
    def program():
        path = os.environ.get("RUST_AGENT")
        if not path:
            raise Unavailable("RUST_AGENT does not name Keylime's Rust agent (pull)")
        return path

    def __init__(self, folder, machine, servers, agent_id, port, contact_port):
        work = Path(folder) / "rust-agent"
        work.mkdir()
        self._secure = work / "secure"
        trusted = work / "clients.pem"
        trusted.write_text("".join(Path(authority).read_text() for authority in servers.client_cas))
        configuration = work / "agent.conf"
        configuration.write_text('[agent]\nversion = "2.4"\n')
        options = {
            "CONFIG": configuration, "KEYLIME_DIR": work, "UUID": agent_id, "IP": "127.0.0.1", "PORT": port,
            "CONTACT_IP": "127.0.0.1", "CONTACT_PORT": contact_port, "REGISTRAR_IP": "127.0.0.1",
            "REGISTRAR_PORT": servers.registrar_port, "TRUSTED_CLIENT_CA": trusted, "RUN_AS": "",
            "IMA_ML_PATH": machine.ima_log, "MEASUREDBOOT_ML_PATH": machine.boot_log,
            "ENABLE_REVOCATION_NOTIFICATIONS": "false", "EXPONENTIAL_BACKOFF_INITIAL_DELAY": 500}
        environment = {f"KEYLIME_AGENT_{option}": value for option, value in options.items()}
        environment.update({"TCTI": machine.tcti, "RUST_LOG": "keylime_agent=info,keylime=info"})
        super().__init__("rust-agent", [self.program()], work, environment)

    def kill(self):
        super().kill()
        if os.path.ismount(self._secure):   # run by root, it mounts memory there and leaves it
            subprocess.run(["umount", self._secure], check=True)
