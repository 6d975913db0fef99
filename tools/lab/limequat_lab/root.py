"""The folder that becomes a guest's root disk; it stays on this computer.

What the guest has from its makers is here, file for file, so that `limequat policy create runtime
--root FOLDER` hashes exactly that.  What an intruder adds in the guest is not.
"""

import re
import secrets
import shutil
from pathlib import Path

from .disk import STATE_UUID
from .host import find_busybox, is_dynamic, run_program

FILES = Path(__file__).parent / "guest_files"
AGENT = Path("/usr/bin/limequat-agent")
AGENT_CONFIGURATION = "/etc/limequat"
STATE = "/var/lib/limequat"
_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
_FOLDERS = ("dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64",
            "usr/local/bin", "var/log", "var/lib/limequat")
_SCRIPTS = {"init": "usr/sbin", "lab-serve": "usr/sbin", "lab-agent": "usr/sbin", "inventory": "usr/local/bin"}
_SYSTEM_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n10.0.2.2 host\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
}


class RootFolder:
    """A guest's root file system as a folder of this computer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def token(self) -> str:
        """What a command must show to be carried out in the guest."""
        return self.host_path("/etc/lab/token").read_text().strip()

    def create(self) -> None:
        """Makes a system that is nobody's yet, without agent: busybox, scripts, the IMA policy."""
        for place in _FOLDERS:
            (self.folder / place).mkdir(parents=True)
        for link in ("bin", "sbin", "lib", "lib64"):
            (self.folder / link).symlink_to(f"usr/{link}")
        self.write("/usr/bin/busybox", find_busybox().read_bytes(), 0o755)
        for applet in run_program("busybox", "--list").split():
            if applet != "busybox":
                (self.folder / "usr/bin" / applet).symlink_to("busybox")
        for script, place in _SCRIPTS.items():
            self.write(f"/{place}/{script}", (FILES / script).read_bytes(), 0o755)
        policy = (FILES / "ima-policy").read_text().replace("@STATE_UUID@", STATE_UUID)
        self.write("/etc/ima/ima-policy", policy.encode())
        for path, content in _SYSTEM_FILES.items():
            self.write(f"/{path}", content.encode())

    def copy_for(self, name: str, folder: Path) -> "RootFolder":
        """A copy of this system in `folder` that belongs to the machine `name`."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = RootFolder(folder)
        copy.write("/etc/hostname", f"{name}\n".encode())
        copy.write("/etc/lab/token", f"{secrets.token_hex(16)}\n".encode(), 0o600)
        return copy

    def add_agent(self, program: Path) -> None:
        """Adds the agent and the TPM library's module for the kernel's device."""
        self.add_program(program, AGENT)
        _strip(self.host_path(AGENT))
        self.add_program(_LIBRARIES / "libtss2-tcti-device.so.0")
        openssl = Path("/etc/ssl/openssl.cnf")
        if openssl.exists():
            self.write("/etc/ssl/openssl.cnf", openssl.read_bytes())
            (self.folder / "usr/lib/ssl").mkdir()
            (self.folder / "usr/lib/ssl/openssl.cnf").symlink_to("/etc/ssl/openssl.cnf")

    def add_program(self, program: Path, place: Path | None = None) -> None:
        """Adds a program or library of this computer with the libraries that it needs."""
        self._copy(program, place)
        for library in shared_libraries(program):
            self._copy(library)

    def write(self, path: str | Path, content: bytes, mode: int = 0o644) -> None:
        """Writes the file that the guest knows as `path`."""
        target = self.host_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)

    def files(self) -> list[str]:
        """The paths of all regular files as the guest knows them."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())
        return sorted("/" + str(path.relative_to(self.folder)) for path in found)

    def host_path(self, path: str | Path) -> Path:
        return self.folder / str(path).lstrip("/")

    def _copy(self, source: Path, place: Path | None = None) -> None:
        """Copies a file and, if `source` is a link to it, the link, under the names of this computer."""
        real = source.resolve(strict=True)
        target = self.host_path(place or _merged(real))
        if target.is_symlink():  # busybox has a program of this name
            target.unlink()
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(real, target)
            target.chmod(0o755)
        if place is None:
            link = self.host_path(_merged(source))
            if not link.exists():
                link.symlink_to(Path("/") / target.relative_to(self.folder))


def _merged(path: Path) -> Path:
    """The path with /usr in front of /bin, /lib and the like, as in the guest."""
    return path if path.parts[1] not in ("bin", "sbin", "lib", "lib64") else Path("/usr") / path.relative_to("/")


def shared_libraries(program: Path) -> list[Path]:
    """The libraries and the loader that `ldd` names for a program of this computer."""
    listed = run_program("ldd", program) if is_dynamic(program) else ""
    return [Path(found) for found in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", listed, re.M)]


def _strip(program: Path) -> None:
    """Drops debug information, which would cost the guest's kernel a second to hash."""
    if shutil.which("strip"):
        run_program("strip", program)
