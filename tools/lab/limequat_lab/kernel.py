"""The guests' kernels: Debian packages, unpacked into a cache and never installed."""

import lzma
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import UnavailableError
from .packages import Apt, ensure_tree
from .progress import Progress

RELEASES = ("bookworm", "bookworm-backports")  # Linux 6.1 and 6.12


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
    def fill(tree: Path) -> str:
        apt = Apt(cache, release)
        depends = re.search(r"^Depends:.*?\b(linux-image-[0-9][^ ,]*)", apt.show("linux-image-cloud-amd64"), re.M)
        if not depends:
            raise UnavailableError(f"Debian {release} names no cloud kernel")
        apt.unpack([depends.group(1)], tree)
        return depends.group(1)
    return Kernel(ensure_tree(cache, f"kernel-{release}", f"fetching the kernel of Debian {release}", fill, progress))


def _module_name(file_name: str) -> str:
    return file_name.partition(".")[0].replace("-", "_")


def _dependencies(module: bytes) -> list[str]:
    """The modules that a module names in its .modinfo section."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in found.group(1).decode("ascii").split(",") if name] if found else []
