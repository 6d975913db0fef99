"""The lab's light machine, for tests: a software TPM, a recorded boot log in PCRs 0-9, an IMA list that grows."""

import atexit
import hashlib
import json
from pathlib import Path

from process import ROOT, Unavailable  # which finds the lab, too

from limequat_lab import light, swtpm
from limequat_lab.bootlog import parse_boot_log
from limequat_lab.errors import UnavailableError
from limequat_lab.host import FreePorts, find_program
from limequat_lab.processes import Processes

_SOFTWARE = ("init", "sh", "mount", "getty", "agent")


class Manufacturer(swtpm.Manufacturer):
    """A maker of TPMs: the authority that signs endorsement certificates, in the new folder `folder`."""

    def __init__(self, folder):
        super().__init__(Path(folder))
        try:
            for name in ("swtpm", "swtpm_setup"):
                find_program(name)
            self.prepare()
        except UnavailableError as reason:
            raise Unavailable(str(reason)) from None

    def trust_folder(self):
        """A folder of PEM files, as Keylime's `tpm_cert_store` and our `ek_trust` want it."""
        folder = self.folder / "trust"
        folder.mkdir()
        for name, certificate in self.trust_anchors().items():
            (folder / name).write_bytes(certificate)
        return folder


class Machine:
    """One machine in the new folder `folder`.  `power_on` boots it: its PCRs and first measurements are there then."""

    def __init__(self, folder, manufacturer, boot_log=None):
        software = {f"/usr/bin/{name}": hashlib.sha256(name.encode()).hexdigest() for name in _SOFTWARE}
        settings = light.Settings("machine", FreePorts().take(neighbours=2), 0, software)
        processes = Processes(Path(folder) / "processes")
        atexit.register(processes.end_all)
        recorded = (ROOT / "data" / "lab" / "shim-grub.eventlog").read_bytes()
        self._light = light.LightMachine.create(Path(folder) / "machine", processes, settings, boot_log or recorded)
        self._light.finish(manufacturer)
        self.tpm = self._light.tpm
        self.tcti = self._light.tcti
        self.ima_log = self._light.folder / light.IMA_LIST
        self.boot_log = self._light.folder / light.BOOT_LOG

    def power_on(self):
        self._light.start()

    def power_off(self):
        self._light.stop()

    def run_program(self, path, content):
        """What the kernel does before it runs a program: hash the file and measure it."""
        self._light.measure(path, content)

    def entry_count(self):
        return len(self.ima_log.read_text().splitlines())

    def write_runtime_policy(self, also=None):
        """The file of a Keylime runtime policy that allows all that has run, and the paths and digests in `also`."""
        allowed = {}
        for line in self.ima_log.read_text().splitlines():
            _, _, _, digest, path = line.rstrip(" ").split(" ")
            allowed.setdefault(path, []).append(digest.removeprefix("sha256:"))
        for path, digest in (also or {}).items():
            allowed.setdefault(path, []).append(digest)
        file = self._light.folder / "policy.json"
        file.write_text(json.dumps({
            "meta": {"version": 1, "generator": 3}, "release": 0, "digests": allowed, "excludes": [],
            "keyrings": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None},
            "ima-buf": {}, "verification-keys": ""}))
        return file


def boot_that_example_accepts():
    """A recorded boot of Debian's shim and GRUB as Keylime's policy `example` takes it: GRUB reads the kernel once.

    In the recording it reads it a second time, to search for its file system.
    """
    log = (ROOT / "data" / "lab" / "boots" / "shim-grub-sb-6.1" / "eventlog").read_bytes()
    events = parse_boot_log(log)
    searched = next(number for number, event in enumerate(events) if event.pcr == 9 and event.data.endswith(b"/vmlinuz\0"))
    return log[:events[searched].offset] + log[events[searched + 1].offset:]
