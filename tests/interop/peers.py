"""Keylime as a peer: the registrar, verifier and tenant of 7.14.3 and the last Python agent, 6.6.0.

They come from PyPI into a cache ($XDG_CACHE_HOME/limequat/peers), once.  A test starts them on loopback ports,
with everything set by environment over their own default configuration.
"""

import configparser
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from process import Service, Unavailable, free_port, wait_until, without_settings
from wire import Endpoint

PYTHON = "/usr/bin/python3"   # Debian's own: its `gpg` module, which Keylime imports, fits no other
KEYLIME = "7.14.3"
# Keylime's packages name no dependencies.
SERVER_PACKAGES = [
    f"keylime=={KEYLIME}", "cryptography==50.0.2", "tornado==6.6.1", "pyzmq==27.3.0", "pyyaml==6.0.4",
    "requests==2.34.2", "sqlalchemy==2.1.9", "alembic==1.20.1", "packaging==26.3", "psutil==7.2.2", "lark==1.3.1",
    "pyasn1==0.6.5", "pyasn1-modules==0.4.2", "jinja2==3.1.6", "jsonschema==4.26.0"]
AGENT_PACKAGES = [
    "keylime==6.6.0", "cryptography==39.0.2", "sqlalchemy==1.4.54", "tornado==6.6.1", "pyzmq==27.3.0",
    "pyyaml==6.0.4", "requests==2.34.2", "alembic==1.19.2", "packaging==26.3", "psutil==7.2.2", "lark==1.3.1",
    "pyasn1==0.6.5", "pyasn1-modules==0.4.2", "jinja2==3.1.6", "jsonschema==4.26.0"]
HERE = Path(__file__).resolve().parent
RUNTIME = Path("/run/keylime")   # where Keylime's servers, run by root, put a socket named for their process


class Installation:
    """Where the peers are; `Installation.ensure()` installs them if they are not there yet."""

    def __init__(self, folder):
        self.servers = folder / "servers"
        self.agent = folder / "agent"
        self.defaults = folder / "defaults"
        self._templates = folder / "templates"

    @classmethod
    def ensure(cls):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "limequat" / "peers"
        wanted = hashlib.sha256("\n".join([*SERVER_PACKAGES, "", *AGENT_PACKAGES]).encode()).hexdigest()[:12]
        folder = cache / wanted
        done = folder / "complete"
        if done.exists():
            return cls(folder)
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)   # what an interrupted installation left
                folder.mkdir()
                cls(folder)._install()
                done.touch()
        return cls(folder)

    def _install(self):
        gpg = Path("/usr/lib/python3/dist-packages/gpg")
        if not gpg.exists():
            raise Unavailable("Keylime needs the Debian package python3-gpg")
        for environment in (self.servers, self.agent):
            _run(PYTHON, "-m", "venv", environment)
            (environment / "lib/python3.11/site-packages/gpg").symlink_to(gpg)
        with ThreadPoolExecutor() as pool:
            work = [pool.submit(_pip, self.servers, "install", *SERVER_PACKAGES),
                    pool.submit(_pip, self.agent, "install", *AGENT_PACKAGES),
                    pool.submit(self._fetch_templates)]
            for part in work:
                part.result()
        self.defaults.mkdir()
        _run(self.servers / "bin/keylime_upgrade_config", "--defaults", "--out", self.defaults,
             "--templates", self._templates)

    def _fetch_templates(self):
        """The templates of the configuration files are in the source archive only."""
        with tempfile.TemporaryDirectory() as scratch:
            _pip(self.servers, "download", "--no-deps", "--no-binary", ":all:", "--dest", scratch,
                 f"keylime=={KEYLIME}")
            prefix = f"keylime-{KEYLIME}/templates/"
            with tarfile.open(Path(scratch) / f"keylime-{KEYLIME}.tar.gz") as archive:
                for member in archive:
                    if member.isfile() and member.name.startswith(prefix):
                        target = self._templates / member.name.removeprefix(prefix)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(archive.extractfile(member).read())

    def environment(self, folder):
        """For every Keylime program: its default configuration, and `folder` as its working directory."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {f"KEYLIME_{name.upper()}_CONFIG": self.defaults / f"{name}.conf"
                 for name in ("verifier", "registrar", "tenant", "ca", "logging")}
        return {**files, "KEYLIME_DIR": folder, "PYTHONWARNINGS": "ignore"}


class KeylimeServers:
    """A running registrar and verifier of one site.

    `authority` has issued, under Keylime's own file names, what they need: server-cert.crt, client-cert.crt
    and the keys.  `options` are more settings of the verifier.
    """

    def __init__(self, installation, folder, authority, **options):
        self.registrar_port, self.registrar_tls_port, self.verifier_port = free_port(), free_port(), free_port()
        self.identity = authority.identity("client")
        self.server_ca = authority.certificate
        self.client_cas = [authority.certificate]
        folder = Path(folder)
        common = {"IP": "127.0.0.1", "TLS_DIR": authority.folder, "MAX_WORKERS": 1}
        for option in ("SERVER_CERT", "SERVER_KEY", "CLIENT_CERT", "CLIENT_KEY"):
            common[option] = "default"
        for option in ("TRUSTED_CLIENT_CA", "TRUSTED_SERVER_CA"):
            common[option] = f"['{authority.certificate}']"
        registrar = {**common, "PORT": self.registrar_port, "TLS_PORT": self.registrar_tls_port}
        verifier = {**common, "PORT": self.verifier_port, "QUOTE_INTERVAL": "0.5", "RETRY_INTERVAL": 1,
                    "EXPONENTIAL_BACKOFF": False, "MAX_RETRIES": 20, **options}
        self.registrar = self._service(installation, folder, "registrar", registrar)
        self.verifier = self._service(installation, folder, "verifier", verifier)

    @staticmethod
    def _service(installation, folder, name, options):
        work = folder / name
        environment = installation.environment(work)
        environment.update({f"KEYLIME_{name.upper()}_{option}": value for option, value in options.items()})
        return Service(f"keylime-{name}", [installation.servers / f"bin/keylime_{name}"], work, environment)

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
        wait_until(Endpoint(self.registrar_port).answers, "the registrar answers", 30, self.services)
        wait_until(self.verifier_api().answers, "the verifier answers", 30, self.services)
        return self

    def clean(self):
        """Removes what the servers leave outside the test's folder; call it when they have ended."""
        for service in (service for service in self.services if service.process):
            (RUNTIME / f"shared_data.{service.pid}.sock").unlink(missing_ok=True)
        try:
            RUNTIME.rmdir()
        except OSError:   # other servers are using it
            pass


class Tenant:
    """`keylime_tenant` for one pair of servers."""

    def __init__(self, installation, folder, *, registrar_port, verifier_port, identity, server_ca, ek_trust):
        options = {
            "REGISTRAR_IP": "127.0.0.1", "REGISTRAR_PORT": registrar_port,
            "VERIFIER_IP": "127.0.0.1", "VERIFIER_PORT": verifier_port,
            "TLS_DIR": folder, "CLIENT_CERT": identity.certificate, "CLIENT_KEY": identity.key,
            "TRUSTED_SERVER_CA": f"['{server_ca}']", "TPM_CERT_STORE": ek_trust, "REQUIRE_EK_CERT": True,
            "RETRY_INTERVAL": 0.5, "EXPONENTIAL_BACKOFF": False}
        environment = installation.environment(Path(folder))
        environment.update({f"KEYLIME_TENANT_{option}": value for option, value in options.items()})
        self._environment = {**os.environ, **{name: str(value) for name, value in environment.items()}}
        self._command = str(installation.servers / "bin/keylime_tenant")

    def run(self, command, *arguments):
        """(exit status, output)."""
        done = subprocess.run([self._command, "-c", command, *map(str, arguments)], env=self._environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60)
        return done.returncode, done.stdout

    def check(self, command, *arguments):
        """The output of a command that must succeed."""
        status, output = self.run(command, *arguments)
        if status:
            raise AssertionError(f"keylime_tenant -c {command} exits {status}:\n{without_settings(output)}")
        return output

    def status(self, agent):
        """What the verifier knows of a machine, as `cvstatus` shows it."""
        return last_json(self.check("cvstatus", "-u", agent))[agent]


def last_json(output):
    """The JSON object on the last line that is one."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise AssertionError(f"no JSON in the output:\n{output}")


class PythonAgent(Service):
    """The agent of Keylime 6.6.0 on `machine`; `repair` for Keylime's new registrar, see python_agent.py."""

    def __init__(self, installation, folder, machine, servers, agent_id, port, contact_port, repair):
        options = {
            "uuid": agent_id, "ip": "127.0.0.1", "port": port, "contact_ip": "127.0.0.1",
            "contact_port": contact_port, "registrar_ip": "127.0.0.1", "registrar_port": servers.registrar_port,
            "trusted_client_ca": [str(authority) for authority in servers.client_cas],
            "enable_revocation_notifications": "false", "run_as": "", "payload_script": "",
            "measure_payload_pcr": "-1", "max_retries": 4, "retry_interval": 1, "exponential_backoff": "false",
            "tpm_ownerpassword": "interop"}
        work = Path(folder) / "python-agent"
        environment = installation.environment(work)
        environment.update({
            "KEYLIME_AGENT_CONFIG": self._write_configuration(installation, work / "agent.conf", options),
            "INTEROP_IMA_LOG": machine.ima_log, "INTEROP_BOOT_LOG": machine.boot_log, "INTEROP_REPAIR": int(repair),
            "TPM2TOOLS_TCTI": machine.tcti})
        super().__init__("python-agent", [installation.agent / "bin/python3", HERE / "python_agent.py"], work,
                         environment)

    @staticmethod
    def _write_configuration(installation, path, options):
        """7.14.3's defaults without their quotes, and what 6.6.0 wants besides."""
        configuration = configparser.RawConfigParser()
        configuration.read(installation.defaults / "agent.conf")
        for name, value in configuration["agent"].items():
            configuration["agent"][name] = value.strip().strip('"')
        configuration["agent"].update({name: str(value) for name, value in options.items()})
        with path.open("w") as file:
            configuration.write(file)
        return path


def _pip(environment, *arguments):
    _run(environment / "bin/pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments)


def _run(*command):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Unavailable(f"{Path(str(command[0])).name} failed: {done.stdout[-2000:]}")
