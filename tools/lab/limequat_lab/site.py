"""The site of a lab: what `limequat init` makes, and the services that run on it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import UnavailableError
from .host import LOOPBACK, FreePorts, accepts_connections, run_program
from .processes import Processes, wait_until

_START_SECONDS = 20.0
Changes = Mapping[str, Mapping[str, str | int | list[str]]]  # section -> key -> value
_PROGRAMS = ("limequat", "limequat-agent", "limequat-registrar", "limequat-verifier")


@dataclass(frozen=True)
class Ports:
    """Where the services listen on the loopback."""

    registrar: int
    registrar_tls: int
    verifier: int

    @classmethod
    def choose(cls, free: FreePorts) -> "Ports":
        return cls(free.take(), free.take(), free.take())


@dataclass(frozen=True)
class Site:
    """The files of one site, and where its services listen."""

    folder: Path
    ports: Ports

    @property
    def operator_configuration(self) -> Path:
        return self.folder / "operator" / "limequat.toml"

    @property
    def ek_trust(self) -> Path:
        """The folder of the TPM manufacturers' certificates that the registrar trusts."""
        return self.folder / "registrar" / "ek-trust"

    @property
    def trusted_clients(self) -> Path:
        """The CA certificates of those who may ask an agent."""
        return self.folder / "agent" / "trusted-clients.pem"

    def agent_configuration(self, changes: Changes) -> bytes:
        """The site's template of an agent's configuration with `changes` in it."""
        return _changed(self.folder / "agent" / "limequat-agent.toml", changes)

    def configure_verifier(self, changes: Changes) -> None:
        """Puts `changes` into the verifier's configuration; it reads them when it starts."""
        file = self.folder / "verifier" / "limequat-verifier.toml"
        file.write_bytes(_changed(file, changes))


class Binaries:
    """The folder of Limequat's programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise UnavailableError(f"{path} is not there; run script/build, or name the programs' folder with --bin")
        return path

    def require_all(self) -> None:
        for name in _PROGRAMS:
            self.find(name)


def make_site(binaries: Binaries, folder: Path, ports: Ports) -> Site:
    """Makes CAs, certificates, configuration and databases of a site on this computer alone."""
    run_program(
        str(binaries.find("limequat")), "init", "--all-in-one", folder, "--lab",
        "--registrar-port", str(ports.registrar), "--registrar-tls-port", str(ports.registrar_tls),
        "--verifier-port", str(ports.verifier), "--listen", LOOPBACK,
    )
    return Site(folder, ports)


def _changed(configuration: Path, changes: Changes) -> bytes:
    sections = tomllib.loads(configuration.read_text())
    for section, values in changes.items():
        sections.setdefault(section, {}).update(values)
    return to_toml(sections).encode()


def start_services(site: Site, binaries: Binaries, processes: Processes, logs: Path) -> None:
    """Starts registrar and verifier and waits until both take connections."""
    ports = {"registrar": site.ports.registrar, "verifier": site.ports.verifier}
    for name in ports:
        configuration = site.folder / name / f"limequat-{name}.toml"
        log = logs / f"{name}.log"
        processes.start(name, [binaries.find(f"limequat-{name}"), "--config", configuration], log)
    for name, port in ports.items():
        _wait_for_service(name, port, processes, logs / f"{name}.log")


def _wait_for_service(name: str, port: int, processes: Processes, log: Path) -> None:
    wait_until(lambda: accepts_connections(port) or not processes.pid(name), _START_SECONDS)
    if not processes.pid(name) or not accepts_connections(port):
        said = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise UnavailableError(f"the {name} did not start; {log} ends with: {' / '.join(said) or '(nothing)'}")


def to_toml(sections: Mapping[str, object]) -> str:
    """TOML text of strings, numbers, booleans, lists of them and tables."""
    plain = [f"{key} = {_toml_value(value)}\n" for key, value in sections.items() if not isinstance(value, Mapping)]
    tables = _toml_tables("", sections)
    return "".join(plain + tables)


def _toml_tables(prefix: str, sections: Mapping[str, object]) -> list[str]:
    text = []
    for name, values in sections.items():
        if isinstance(values, Mapping):
            plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
            text.append(f"\n[{prefix}{name}]\n" + to_toml(plain))
            text += _toml_tables(f"{prefix}{name}.", values)
    return text


def _toml_value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list():
            return "[" + ", ".join(_toml_value(item) for item in value) + "]"
        case str():
            return '"' + "".join(_toml_character(character) for character in value) + '"'
    raise TypeError(f"no TOML for {type(value).__name__}")


def _toml_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
