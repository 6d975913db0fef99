"""What the lab asks of `limequat init`, and the agents' configuration that it makes of the answer."""

import tomllib
import unittest
from pathlib import Path

from lab_testing import FolderTest
from limequat_lab.errors import UnavailableError
from limequat_lab.host import FreePorts, accepts_connections
from limequat_lab.processes import Processes
from limequat_lab.site import Binaries, Ports, Site, make_site, start_services, to_toml

_INIT = """#!/bin/sh
printf '%s\\n' "$@" > "$(dirname "$0")/arguments"
"""
_SERVICE = """#!/usr/bin/env python3
import socket, sys
server = socket.create_server(("127.0.0.1", int(open(sys.argv[2]).read())))
while True:
    server.accept()[0].close()
"""
_FAILING_SERVICE = "#!/bin/sh\necho 'the database is unwritable'\nexit 6\n"


class SiteTest(FolderTest):
    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def binaries(self) -> Binaries:
        return Binaries(self.folder / "bin")

    def test_init_is_called_as_agreed(self) -> None:
        self.program("limequat", _INIT)
        site = make_site(self.binaries(), self.folder / "site", Ports(1, 2, 3))
        said = (self.folder / "bin" / "arguments").read_text().split()
        self.assertEqual(said, ["init", "--all-in-one", str(site.folder), "--lab", "--registrar-port", "1",
                                "--registrar-tls-port", "2", "--verifier-port", "3", "--listen", "127.0.0.1"])

    def test_a_failing_init_is_reported_with_its_words(self) -> None:
        self.program("limequat", "#!/bin/sh\necho 'no space' >&2\nexit 6\n")
        with self.assertRaisesRegex(UnavailableError, "no space"):
            make_site(self.binaries(), self.folder / "site", Ports(1, 2, 3))

    def test_an_absent_program_is_named(self) -> None:
        with self.assertRaisesRegex(UnavailableError, "limequat is not there; run script/build"):
            self.binaries().require_all()

    def services(self, verifier: str) -> tuple[Site, Processes]:
        site = Site(self.folder / "site", Ports.choose(FreePorts()))
        for name, text, port in (("registrar", _SERVICE, site.ports.registrar), ("verifier", verifier, site.ports.verifier)):
            self.program(f"limequat-{name}", text)
            (site.folder / name).mkdir(parents=True)
            (site.folder / name / f"limequat-{name}.toml").write_text(str(port))
        processes = Processes(self.folder / "run")
        self.addCleanup(processes.end_all)
        return site, processes

    def test_services_are_up_when_start_returns(self) -> None:
        site, processes = self.services(_SERVICE)
        start_services(site, self.binaries(), processes, self.folder)
        self.assertTrue(accepts_connections(site.ports.registrar) and accepts_connections(site.ports.verifier))

    def test_a_service_that_ends_is_reported_with_its_last_words(self) -> None:
        site, processes = self.services(_FAILING_SERVICE)
        with self.assertRaisesRegex(UnavailableError, "verifier did not start.*database is unwritable"):
            start_services(site, self.binaries(), processes, self.folder)

    def test_an_agents_configuration_is_the_template_with_changes(self) -> None:
        site = Site(self.folder, Ports(1, 2, 3))
        (self.folder / "agent").mkdir()
        (self.folder / "agent" / "limequat-agent.toml").write_text(
            'kept = 1\n[agent]\nid = "template"\nlisten = "::"\n[tls]\nnames = ["a", "b"]\n')
        made = tomllib.loads(site.agent_configuration({"agent": {"id": "guest-1"}, "tpm": {"tcti": "x"}}).decode())
        self.assertEqual(made, {"kept": 1, "agent": {"id": "guest-1", "listen": "::"}, "tls": {"names": ["a", "b"]},
                                "tpm": {"tcti": "x"}})


class TomlTest(unittest.TestCase):
    def test_everything_written_is_read_back(self) -> None:
        sections = {"top": True, "a": {"text": 'quote " backslash \\ line\nend ü', "number": -3, "part": 0.5, "no": False,
                                       "list": [1, 2], "b": {"c": {"deep": "x"}}}}
        self.assertEqual(tomllib.loads(to_toml(sections)), sections)

    def test_what_toml_lacks_is_refused(self) -> None:
        with self.assertRaises(TypeError):
            to_toml({"a": Path("/")})


if __name__ == "__main__":
    unittest.main()
