"""The guests' kernels: Debian packages, unpacked into a cache and never installed.

apt runs with package lists of its own, so that neither root is needed nor this computer's choice
of packages changes.
"""

import fcntl
import lzma
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import UnavailableError
from .host import require_files, run_program
from .progress import Progress

RELEASES = ("bookworm", "bookworm-backports")  # Linux 6.1 and 6.12
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_DEFAULT_MIRROR = "http://deb.debian.org/debian"


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "limequat" / "lab"


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package."""

    tree: Path

    @property
    def image(self) -> Path:
        return next((self.tree / "boot").glob("vmlinuz-*"))

    @property
    def version(self) -> str:
        return self.image.name.removeprefix("vmlinuz-")

    def modules(self, wanted: tuple[str, ...]) -> list[tuple[str, bytes]]:
        """Name and content of the `wanted` modules and of what they need, in the order to load them.

        What is built into this kernel is left out.  Raises UnavailableError for an unknown module.
        """
        folder = self.tree / "lib" / "modules" / self.version
        files = {_module_name(path.name): path for path in folder.rglob("*.ko*")}
        builtin = {_module_name(Path(line).name) for line in (folder / "modules.builtin").read_text().splitlines()}
        loaded: dict[str, bytes] = {}

        def load(name: str) -> None:
            name = name.replace("-", "_")
            if name in loaded or name in builtin:
                return
            if name not in files:
                raise UnavailableError(f"kernel {self.version} has no module {name}")
            content = files[name].read_bytes()
            if files[name].suffix == ".xz":
                content = lzma.decompress(content)
            for needed in _dependencies(content):
                load(needed)
            loaded[name] = content

        for name in wanted:
            load(name)
        return list(loaded.items())


def ensure_kernel(cache: Path, release: str, progress: Progress) -> Kernel:
    """The newest cloud kernel of `release` when it was first asked for; fetched if the cache lacks it."""
    tree = cache / f"kernel-{release}"
    if not tree.is_dir():
        with _locked(cache):
            if not tree.is_dir():  # another command may have fetched it meanwhile
                with progress.step(f"fetching the kernel of Debian {release}") as step:
                    step.note = _fetch(cache, release, tree)
    return Kernel(tree)


def _fetch(cache: Path, release: str, tree: Path) -> str:
    """Downloads and unpacks; returns the package's name."""
    options = _apt_options(cache, release)
    run_program("apt-get", *options, "-qq", "update")
    shown = run_program("apt-cache", *options, "show", f"linux-image-cloud-amd64/{release}")
    depends = re.search(r"^Depends:.*?\b(linux-image-[0-9][^ ,]*)", shown, re.M)
    if not depends:
        raise UnavailableError(f"Debian {release} names no cloud kernel")
    package = depends.group(1)
    work = cache / f"kernel-{release}.new"
    shutil.rmtree(work, ignore_errors=True)
    (work / "tree").mkdir(parents=True)
    run_program("apt-get", *options, "-qq", "download", package, folder=work)
    run_program("dpkg-deb", "-x", next(work.glob("*.deb")), work / "tree")
    (work / "tree").rename(tree)
    shutil.rmtree(work)
    return package


def _apt_options(cache: Path, release: str) -> list[str]:
    require_files([_KEYRING])
    lists = cache / "apt"
    (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (lists / "lab.sources").write_text(
        f"Types: deb\nURIs: {_mirror()}\nSuites: {release}\nComponents: main\nSigned-By: {_KEYRING}\n"
    )
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(lists),
        "Dir::State::lists": str(lists / "lists"),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Acquire::Languages": "none",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _mirror() -> str:
    """The mirror that this computer itself uses for Debian 12, or Debian's own."""
    found = run_program("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
                        "Origin: Debian", "Codename: bookworm").split()
    return found[0] if found else _DEFAULT_MIRROR


def _module_name(file_name: str) -> str:
    return file_name.partition(".")[0].replace("-", "_")


def _dependencies(module: bytes) -> list[str]:
    """The modules that a module names in its .modinfo section."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in found.group(1).decode("ascii").split(",") if name] if found else []


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
