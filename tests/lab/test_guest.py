"""A real kernel: what it measures is what its root folder holds, and what an intruder adds."""

import hashlib
import unittest
from pathlib import Path

from lab_testing import FolderTest, require_programs
from limequat_lab import tamper
from limequat_lab.bootlog import parse_boot_log
from limequat_lab.guest import AGENT_PORT, BOOT_LOG, IMA_LIST, Guest, Settings
from limequat_lab.host import FreePorts, find_program
from limequat_lab.initramfs import write_initramfs
from limequat_lab.kernel import default_cache, ensure_kernel
from limequat_lab.processes import Processes, identify
from limequat_lab.progress import Progress
from limequat_lab.root import STATE, RootFolder
from limequat_lab.software import apply_update, prepare_update
from limequat_lab.swtpm import Manufacturer

_LIST_LIMIT = 60
_TCTI = Path("/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0")
_TPM2 = "TPM2TOOLS_TCTI=device:/dev/tpmrm0 tpm2 "


class GuestTest(FolderTest):
    def setUp(self) -> None:
        super().setUp()
        require_programs("qemu-system-x86_64", "swtpm", "swtpm_setup", "mkfs.ext4", "busybox", "tpm2")
        self.processes = Processes(self.folder / "run")
        self.addCleanup(self.processes.end_all)
        kernel = ensure_kernel(default_cache(), "bookworm", Progress(quiet=True))
        write_initramfs(kernel, self.folder / "initramfs")
        manufacturer = Manufacturer(self.folder / "ca")
        manufacturer.prepare()
        system = RootFolder(self.folder / "system")
        system.folder.mkdir()
        system.create()
        system.add_program(find_program("tpm2"))
        system.add_program(_TCTI)
        ports = FreePorts()
        settings = Settings(
            "guest-1", str(kernel.image), str(self.folder / "initramfs"), ports.take(), {ports.take(): AGENT_PORT})
        self.guest = Guest.create(self.folder / "guest-1", self.processes, settings, system)
        self.guest.finish(manufacturer)
        self.guest.start()

    def measured(self) -> dict[str, str]:
        """Path and digest of every entry; boot_aggregate too."""
        lines = self.guest.read(IMA_LIST).decode().splitlines()
        return {line.split()[4]: line.split()[3].removeprefix("sha256:") for line in lines}

    def unexplained(self) -> dict[str, str]:
        """What was measured and is not in the root folder with this content."""
        known = {path: hashlib.sha256(self.guest.root.host_path(path).read_bytes()).hexdigest()
                 for path in self.guest.root.files()}
        return {path: digest for path, digest in self.measured().items() if known.get(path) != digest}

    def pcrs(self) -> list[str]:
        script = "cd /sys/class/tpm/tpm0/pcr-sha256; for n in 0 1 2 3 4 5 6 7 8 9; do cat $n; done"
        return self.guest.check(script).decode().split()

    def resets(self) -> int:
        said = self.guest.check(_TPM2 + "readclock").decode()
        return int(said.partition("reset_count:")[2].split()[0])

    def test_life_of_a_guest(self) -> None:
        guest = self.guest
        with self.subTest("the list is short and explained by the root folder"):
            resets, pcrs = self.resets(), self.pcrs()
            boot_aggregate = hashlib.sha256(bytes.fromhex("".join(pcrs))).hexdigest()
            self.assertEqual(self.unexplained(), {"boot_aggregate": boot_aggregate})
            self.assertIn("/etc/ima/ima-policy", self.measured())
            self.assertLess(len(self.measured()), _LIST_LIMIT)

        with self.subTest("the firmware's log leads to the PCRs"):
            replayed = [bytes(32)] * 24
            for event in parse_boot_log(guest.read(BOOT_LOG)):
                if event.extends:
                    replayed[event.pcr] = hashlib.sha256(replayed[event.pcr] + event.digests["sha256"]).digest()
            self.assertEqual([value.hex().upper() for value in replayed[:10]], pcrs)

        with self.subTest("data that changes is not measured, wherever programs are it is"):
            before = self.measured()
            guest.check(f"date > {STATE}/data; cat {STATE}/data; date > /tmp/data; cat /tmp/data")
            self.assertEqual(self.measured(), before)
            self.assertNotEqual(guest.run(f"cp /usr/bin/busybox {STATE}/sh && {STATE}/sh -c true").status, 0)
            guest.check("echo 'echo hidden' > /tmp/program; chmod +x /tmp/program; /tmp/program")
            self.assertIn("/tmp/program", self.unexplained())

        with self.subTest("an update is explained by the folder once it was prepared there"):
            self.assertEqual(prepare_update(guest.root), apply_update(guest, guest.root))
            self.assertNotIn(tamper.KNOWN_PROGRAM, self.unexplained())

        with self.subTest("tampering is measured"):
            done = [tamper.tamper(guest, kind) for kind in (tamper.UNKNOWN_PROGRAM, tamper.CHANGED_PROGRAM)]
            for entry in done:
                self.assertEqual(self.unexplained()[entry.path], entry.digest)

        with self.subTest("after repair and reboot nothing is unexplained, and the state is still there"):
            tamper.repair(guest)
            self.assertIn(tamper.INTRUDER, self.measured())
            guest.reboot()
            self.assertEqual(list(self.unexplained()), ["boot_aggregate"])
            self.assertEqual(self.resets(), resets + 1)
            self.assertEqual(self.pcrs(), pcrs)
            guest.check(f"test -s {STATE}/data")
            guest.check("! test -e /usr/local/bin/intruder && inventory | grep -q 2.0")

        with self.subTest("another command finds it; nothing is left after its end"):
            pids = [pid for name in self.processes.names() if (pid := self.processes.pid(name))]
            again = Guest.open(guest.folder, Processes(self.folder / "run"))
            self.assertEqual(again.settings, guest.settings)
            self.assertEqual(len(pids), 2)
            again.shut_down()
            self.assertEqual([pid for pid in pids if identify(pid)], [])


if __name__ == "__main__":
    unittest.main()
