"""TPM emulators: manufacturing with endorsement certificates of the lab's own CA, and starting."""

from collections.abc import Callable
from pathlib import Path

from .errors import UnavailableError
from .host import LOOPBACK, accepts_connections, find_program, run_program
from .processes import Processes, wait_until
from .tpm import Tpm

PCR_BANKS = ("sha1", "sha256")
_START_SECONDS = 10.0


class Manufacturer:
    """Makes TPMs whose endorsement keys are certified by a CA that lives in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Writes the CA's configuration; the CA itself is made with the first TPM."""
        self.folder.mkdir(mode=0o700)
        ca = self.folder
        (ca / "localca.conf").write_text(
            f"statedir = {ca}\nsigningkey = {ca}/signing-key.pem\nissuercert = {ca}/issuer.pem\ncertserial = {ca}/serial\n"
        )
        (ca / "localca.options").write_text("--platform-manufacturer Limequat\n--platform-version 1\n--platform-model Lab\n")
        (ca / "setup.conf").write_text(
            f"create_certs_tool = {find_program('swtpm_localca')}\n"
            f"create_certs_tool_config = {ca}/localca.conf\ncreate_certs_tool_options = {ca}/localca.options\n"
        )

    def make_tpm(self, state: Path, banks: tuple[str, ...] = PCR_BANKS) -> None:
        """Manufactures a TPM with an RSA and an ECC endorsement key into the new folder `state`."""
        state.mkdir(mode=0o700)
        run_program(
            "swtpm_setup", "--tpm2", "--tpm-state", state, "--config", self.folder / "setup.conf",
            "--create-ek-cert", "--create-platform-cert", "--lock-nvram", "--pcr-banks", ",".join(banks),
        )

    def trust_anchors(self) -> dict[str, bytes]:
        """The CA's certificates as PEM, by file name: root and issuer."""
        return {
            "lab-tpm-root.pem": (self.folder / "swtpm-localca-rootca-cert.pem").read_bytes(),
            "lab-tpm-issuer.pem": (self.folder / "issuer.pem").read_bytes(),
        }


def start_for_guest(processes: Processes, name: str, folder: Path) -> None:
    """Starts the emulator of a guest's TPM (state in folder/tpm), which ends when QEMU does.

    Its socket is `swtpm.sock` in `folder`, and programs use it from there: an absolute path could
    be longer than a socket's may be.
    """
    control, log = folder / "swtpm.sock", folder / "swtpm.log"
    control.unlink(missing_ok=True)
    processes.start(
        name,
        [find_program("swtpm"), "socket", "--tpm2", "--tpmstate", "dir=tpm", "--terminate",
         "--ctrl", f"type=unixio,path={control.name}"],
        log,
        folder,
    )
    _wait_for(processes, name, log, control.exists)


def start_on_port(processes: Processes, name: str, folder: Path, port: int) -> None:
    """Starts an emulator (state in folder/tpm) that takes commands on `port` and control on `port` + 1.

    Returns when it serves both.  Raises UnavailableError if it does not start, or if another program
    listens there.
    """
    if taken := [one for one in (port, port + 1) if accepts_connections(one)]:
        raise UnavailableError(f"the TPM emulator {name} cannot start: another program listens on port {taken[0]}")
    log = folder / "swtpm.log"
    processes.start(
        name,
        [find_program("swtpm"), "socket", "--tpm2", "--tpmstate", "dir=tpm", "--flags", "not-need-init",
         "--server", f"type=tcp,port={port},bindaddr={LOOPBACK}",
         "--ctrl", f"type=tcp,port={port + 1},bindaddr={LOOPBACK}"],
        log,
        folder,
    )
    _wait_for(processes, name, log, Tpm(port).powered)


def _wait_for(processes: Processes, name: str, log: Path, ready: Callable[[], bool]) -> None:
    if not wait_until(lambda: ready() or not processes.pid(name), _START_SECONDS) or not processes.pid(name):
        said = log.read_text(errors="replace").strip()[-500:] or "it said nothing"
        raise UnavailableError(f"the TPM emulator {name} did not start: {said}")
