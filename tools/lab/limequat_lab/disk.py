"""Disks made from folders, without mounting anything."""

import os
from pathlib import Path

from .host import run_program

# The guest's IMA policy names the file system of the agent's state by this.
STATE_UUID = "6c696d65-7175-4174-8000-000000000002"
_ROOT_UUID = "6c696d65-7175-4174-8000-000000000001"
_MIB = 1 << 20
_SPARE_MIB = 64


def write_root_disk(folder: Path, out: Path) -> None:
    """Writes a disk that holds `folder`'s files and some space to add more."""
    used = sum(path.lstat().st_size for path in folder.rglob("*"))
    _make_ext4(out, used // _MIB + _SPARE_MIB, _ROOT_UUID, folder)


def write_state_disk(out: Path) -> None:
    """Writes an empty disk for what the agent keeps."""
    _make_ext4(out, _SPARE_MIB, STATE_UUID, None)


def _make_ext4(out: Path, mebibytes: int, uuid: str, folder: Path | None) -> None:
    with out.open("wb") as file:
        os.truncate(file.fileno(), mebibytes * _MIB)
    source: list[str | Path] = ["-d", folder] if folder else []
    run_program("mkfs.ext4", "-q", "-F", "-U", uuid, "-J", "size=4", "-E", "root_owner=0:0", *source, out)
