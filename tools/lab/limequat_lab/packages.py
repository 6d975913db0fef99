"""Debian packages that the lab's machines boot from: unpacked into a cache, never installed.

apt runs with package lists of its own, so that neither root is needed nor this computer's choice
of packages changes.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UnavailableError
from .host import require_files, run_program
from .progress import Progress

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_DEFAULT_MIRROR = "http://deb.debian.org/debian"


class Apt:
    """The packages of one Debian release, with package lists in `cache`."""

    def __init__(self, cache: Path, release: str) -> None:
        require_files([_KEYRING])
        self.release = release
        lists = cache / "apt"
        (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (lists / "lab.sources").write_text(
            f"Types: deb\nURIs: {mirror()}\nSuites: {release}\nComponents: main\nSigned-By: {_KEYRING}\n"
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
        self._options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        run_program("apt-get", *self._options, "-qq", "update")

    def show(self, package: str) -> str:
        """What the release's list says of a package."""
        return run_program("apt-cache", *self._options, "show", f"{package}/{self.release}")

    def unpack(self, packages: list[str], tree: Path) -> None:
        """Unpacks the release's versions of these packages into the folder `tree`."""
        debs = tree.parent / "debs"
        debs.mkdir()
        run_program("apt-get", *self._options, "-qq", "download", *packages, folder=debs)
        for deb in sorted(debs.glob("*.deb")):
            run_program("dpkg-deb", "-x", deb, tree)


def ensure_tree(cache: Path, name: str, title: str, fill: Callable[[Path], str], progress: Progress) -> Path:
    """The folder `name` of the cache.  If it lacks it, `fill` gets a new folder and returns a note on what it put there."""
    tree = cache / name
    if not tree.is_dir():
        with _locked(cache):
            if not tree.is_dir():  # another command may have filled it meanwhile
                with progress.step(title) as step:
                    work = cache / f"{name}.new"
                    shutil.rmtree(work, ignore_errors=True)
                    (work / "tree").mkdir(parents=True)
                    step.note = fill(work / "tree")
                    (work / "tree").rename(tree)
                    shutil.rmtree(work)
    return tree


def ensure_packages(cache: Path, name: str, release: str, packages: list[str], progress: Progress) -> Path:
    """The folder `name` of the cache, which holds these packages of a release."""
    def fill(tree: Path) -> str:
        Apt(cache, release).unpack(packages, tree)
        return " ".join(packages)
    return ensure_tree(cache, name, f"fetching {name} of Debian {release}", fill, progress)


def mirror() -> str:
    """The mirror that this computer itself uses for Debian 12, or Debian's own."""
    found = run_program("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
                        "Origin: Debian", "Codename: bookworm").split()
    return found[0] if found else _DEFAULT_MIRROR


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
