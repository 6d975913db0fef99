"""A light machine: a software TPM with an endorsement certificate, boot measurements in PCRs 0-9 and an
IMA list that grows as a kernel's does (the list first, then PCR 10)."""

import hashlib
import json
import struct
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools" / "lab"))

from limequat_lab import host, swtpm, tpm  # noqa: E402
from limequat_lab.errors import UnavailableError  # noqa: E402

from process import Service, Unavailable, wait_until  # noqa: E402

BANKS = swtpm.PCR_BANKS


class Manufacturer(swtpm.Manufacturer):
    """A maker of TPMs: the authority that signs endorsement certificates, in the new folder `folder`."""

    def __init__(self, folder):
        super().__init__(Path(folder))
        try:
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


class Tpm(tpm.Tpm):
    _FLUSH_CONTEXT, _GET_CAPABILITY, _CAPABILITY_HANDLES = 0x165, 0x17A, 1
    _KEYS, _SESSIONS = 0x80000000, 0x02000000

    def flush_transient(self):
        """What a resource manager does when a program dies: its keys and sessions leave the TPM's few slots."""
        for first in (self._KEYS, self._SESSIONS):
            answer = self._command(self._GET_CAPABILITY, struct.pack(">III", self._CAPABILITY_HANDLES, first, 32))
            count, = struct.unpack_from(">I", answer, 5)
            for handle in struct.unpack_from(f">{count}I", answer, 9):
                self._command(self._FLUSH_CONTEXT, struct.pack(">I", handle))


class Machine:
    """`power_on` boots it: PCRs, `boot_aggregate` and a few measured programs are there when it returns."""

    def __init__(self, folder, manufacturer):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.ima_log = self.folder / "ascii_runtime_measurements"
        self._state = self.folder / "tpm"
        manufacturer.make_tpm(self._state)
        self._port, = host.free_ports(1, neighbours=2)
        self.tcti = f"swtpm:host=127.0.0.1,port={self._port}"
        self.tpm = Tpm(self._port)
        self._swtpm = None
        self._entries = []

    def power_on(self):
        self._swtpm = Service("swtpm-machine", [
            "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self._state}",
            "--server", f"type=tcp,port={self._port}", "--ctrl", f"type=tcp,port={self._port + 1}",
            "--flags", "not-need-init,startup-clear", "--log", f"file={self.folder}/swtpm.txt,level=1",
        ], self.folder).start()
        wait_until(self._answers, "the TPM answers", services=[self._swtpm])
        for pcr in range(10):
            self.tpm.extend(pcr, {bank: hashlib.new(bank, f"boot {pcr}".encode()).digest() for bank in BANKS})
        self._entries = []
        self.ima_log.write_text("")
        aggregate = hashlib.sha256(b"".join(self.tpm.read("sha256", pcr) for pcr in range(10)))
        self.measure("boot_aggregate", aggregate.hexdigest())
        for program in ("init", "sh", "mount", "getty", "agent"):
            self.run_program(f"/usr/bin/{program}", f"{program} 1.0".encode())
        return self

    def power_off(self):
        if self._swtpm:
            self._swtpm.kill()

    def run_program(self, path, content):
        """What the kernel does before it runs a program: hash the file and measure it."""
        self.measure(path, hashlib.sha256(content).hexdigest())

    def measure(self, path, digest):
        name = path.encode()
        data = struct.pack("<I", 8 + 32) + b"sha256:\0" + bytes.fromhex(digest)
        data += struct.pack("<I", len(name) + 1) + name + b"\0"
        line = f"10 {hashlib.sha1(data).hexdigest()} ima-ng sha256:{digest} {path}\n"
        with self.ima_log.open("a") as log:
            log.write(line)
        self._entries.append((path, digest))
        self.tpm.extend(10, {bank: hashlib.new(bank, data).digest() for bank in BANKS})

    def runtime_policy(self, also):
        """A Keylime runtime policy that allows all that has run, and the paths and digests in `also`."""
        allowed = {}
        for path, digest in [*self._entries, *also.items()]:
            allowed.setdefault(path, []).append(digest)
        return {
            "meta": {"version": 1, "generator": 3}, "release": 0, "digests": allowed, "excludes": [],
            "keyrings": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None},
            "ima-buf": {}, "verification-keys": "",
        }

    def write_runtime_policy(self, also=None):
        path = self.folder / "policy.json"
        path.write_text(json.dumps(self.runtime_policy(also or {})))
        return path

    def entry_count(self):
        return len(self._entries)

    def _answers(self):
        try:
            return self.tpm.read("sha256", 0)
        except UnavailableError:   # it does not listen yet
            return None
