"""A light machine with a TPM emulator: to be taken for a real one it must have the real one's PCRs."""

import hashlib
import os
import socket
import subprocess
import unittest

from lab_testing import BOOT_LOG, IMA_LINES, PCRS, FolderTest, require_programs
from limequat_lab import tamper
from limequat_lab.errors import UnavailableError, UsageError
from limequat_lab.host import LOOPBACK, FreePorts
from limequat_lab.light import IMA_LIST, LightMachine, Settings
from limequat_lab.processes import Processes, identify
from limequat_lab.swtpm import Manufacturer
from limequat_lab.tpm import TpmError

_SOFTWARE = {f"/usr/bin/program{n}": hashlib.sha256(b"%d" % n).hexdigest() for n in range(3)}


class LightMachineTest(FolderTest):
    def setUp(self) -> None:
        super().setUp()
        require_programs("swtpm", "swtpm_setup", "swtpm_localca", "tpm2")
        self.manufacturer = Manufacturer(self.folder / "ca")
        self.manufacturer.prepare()
        self.processes = Processes(self.folder / "run")
        self.addCleanup(self.processes.end_all)
        settings = Settings("light-1", FreePorts().take(neighbours=2), 0, dict(_SOFTWARE))
        self.machine = LightMachine.create(self.folder / "light-1", self.processes, settings, BOOT_LOG)
        self.machine.finish(self.manufacturer)
        self.machine.start()

    def paths(self) -> list[str]:
        return [line.split()[4] for line in (self.machine.folder / IMA_LIST).read_text().splitlines()]

    def tpm2(self, *words: str) -> str:
        environment = {**os.environ, "TPM2TOOLS_TCTI": self.machine.tcti}
        return subprocess.run(["tpm2", *words], cwd=self.folder, env=environment, capture_output=True, text=True, check=True).stdout

    def assert_list_explains_pcr_10(self) -> None:
        """The template hashes of the list lead to the TPM's PCR 10 of the SHA-1 bank."""
        value = bytes(20)
        for line in (self.machine.folder / IMA_LIST).read_text().splitlines():
            value = hashlib.sha1(value + bytes.fromhex(line.split()[1])).digest()
        self.assertEqual(self.machine.tpm.read("sha1", 10), value)

    def test_life_of_a_light_machine(self) -> None:
        machine = self.machine
        with self.subTest("boots like the recorded machine"):
            self.assertEqual(machine.tpm.banks(), ["sha1", "sha256"])
            for pcr in range(10):
                self.assertEqual(machine.tpm.read("sha256", pcr).hex(), PCRS["sha256"][str(pcr)], pcr)
            self.assertEqual((machine.folder / IMA_LIST).read_bytes().splitlines(keepends=True)[0], IMA_LINES[0])
            self.assertEqual(self.paths(), ["boot_aggregate", *_SOFTWARE])
            self.assert_list_explains_pcr_10()

        with self.subTest("an unknown program is measured"):
            done = tamper.tamper(machine, tamper.UNKNOWN_PROGRAM)
            self.assertEqual(self.paths()[-1], done.path)
            self.assert_list_explains_pcr_10()
            self.assertEqual([entry.kind for entry in tamper.tamperings(machine)], [tamper.UNKNOWN_PROGRAM])

        with self.subTest("repair leaves the list as it is"):
            tamper.repair(machine)
            self.assertEqual(self.paths()[-1], done.path)

        with self.subTest("a reboot resets the list and counts once"):
            before = machine.tpm.clock()
            machine.reboot()
            tamper.forget_repaired(machine)
            self.assertEqual(machine.tpm.clock().resets, before.resets + 1)
            self.assertEqual(self.paths(), ["boot_aggregate", *_SOFTWARE])
            self.assertEqual(tamper.tamperings(machine), [])
            self.assert_list_explains_pcr_10()

        with self.subTest("another boot has another PCR 9, until it is repaired"):
            tamper.tamper(machine, tamper.CHANGED_BOOT)
            self.assertNotEqual(machine.tpm.read("sha256", 9).hex(), PCRS["sha256"]["9"])
            self.assertEqual(machine.tpm.read("sha256", 4).hex(), PCRS["sha256"]["4"])
            self.assert_list_explains_pcr_10()
            tamper.repair(machine)
            self.assertEqual(machine.tpm.read("sha256", 9).hex(), PCRS["sha256"]["9"])

        with self.subTest("what cannot be done is refused"):
            with self.assertRaises(UsageError):
                tamper.tamper(machine, "nonsense")
            with self.assertRaises(TpmError):
                machine.tpm.read("sha512", 0)
            with self.assertRaises(TpmError):
                machine.tpm.extend(99, {"sha256": bytes(32)})

        with self.subTest("what a program left in the TPM goes with the agent"):
            self.tpm2("createprimary", "-Q", "-c", "key.context")
            self.assertIn("0x80", self.tpm2("getcap", "handles-transient"))
            machine.stop_agent()
            self.assertNotIn("0x80", self.tpm2("getcap", "handles-transient"))

        with self.subTest("another command finds it, and stops it"):
            pid = self.processes.pid("light-1-swtpm")
            assert pid is not None
            again = LightMachine.open(machine.folder, Processes(self.folder / "run"))
            self.assertEqual(again.settings, machine.settings)
            again.stop()
            self.assertIsNone(identify(pid))
            self.assertFalse(machine.running)

        with self.subTest("a port that somebody else took meanwhile is named"):
            port = machine.settings.tpm_port + 1
            with socket.create_server((LOOPBACK, port)), self.assertRaisesRegex(UnavailableError, f"on port {port}"):
                machine.start()
            self.assertFalse(machine.running)

        with self.subTest("an emulator that ends at once is reported with its last words"):
            (machine.folder / "tpm" / "tpm2-00.permall").write_bytes(b"no state")
            with self.assertRaisesRegex(UnavailableError, "did not start: .*libtpms"):
                machine.start()

        with self.subTest("the manufacturer's certificates are there for the registrar"):
            for certificate in self.manufacturer.trust_anchors().values():
                self.assertTrue(certificate.startswith(b"-----BEGIN CERTIFICATE-----"))


if __name__ == "__main__":
    unittest.main()
