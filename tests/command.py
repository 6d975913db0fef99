"""What every tier that runs the command shares: where it and the data are, and what a run leaves."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
CORPUS = ROOT.parent / "shared" / "corpus"
LIMEQUAT = Path(os.environ.get("LIMEQUAT_BIN") or ROOT / "build" / "dev" / "apps") / "limequat"


@dataclass(frozen=True)
class Done:
    """What a run of the command left."""

    status: int
    out: bytes
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def run(*words: object, seconds: int, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Done:
    """Runs the command; without `stdin` there is nothing to read."""
    done = subprocess.run([LIMEQUAT, *map(str, words)], input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
                          capture_output=True, timeout=seconds, check=False, env={**os.environ, **(env or {})})
    return Done(done.returncode, done.stdout, done.stderr.decode())
