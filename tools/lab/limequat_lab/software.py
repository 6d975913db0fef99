"""An update of software, as an administrator does it: first where policies are made from, then on the machine."""

import hashlib
import re

from .guest import Guest
from .root import RootFolder
from .tamper import KNOWN_PROGRAM, Machine

_VERSION = re.compile(rb"inventory (\d+)\.0")


def prepare_update(root: RootFolder) -> str:
    """Puts the next version of the example program into the folder that policies are made from; returns its digest."""
    content = root.host_path(KNOWN_PROGRAM).read_bytes()
    content = _VERSION.sub(lambda found: b"inventory %d.0" % (int(found.group(1)) + 1), content)
    root.write(KNOWN_PROGRAM, content, 0o755)
    return hashlib.sha256(content).hexdigest()


def apply_update(machine: Machine, root: RootFolder) -> str:
    """Replaces the program on the machine by the folder's version and runs it; returns its digest."""
    content = root.host_path(KNOWN_PROGRAM).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if isinstance(machine, Guest):
        machine.deploy(KNOWN_PROGRAM)
        machine.check(KNOWN_PROGRAM)
    else:
        machine.measure(KNOWN_PROGRAM, content)
        machine.settings.software[KNOWN_PROGRAM] = digest  # what the next boot measures
        machine.save()
    return digest
