"""A guest's root file system with systemd, from a Debian release that is newer than this computer's.

systemd 255 was the first to log what it measures itself (boot phases into PCR 11, machine and file systems into
PCR 15); Debian 12 and its backports have 252 and 254.
"""

import shutil
from pathlib import Path

from .bootpaths import Loaders
from .host import find_busybox, run_program
from .packages import mirror
from .root import FILES, RootFolder

SUITE = "trixie"
LOG = "/run/log/systemd/tpm2-measure.log"
_PACKAGES = ("systemd", "systemd-sysv", "systemd-boot-efi", "udev", "tpm2-tools", "libtss2-rc0t64")
_BUSYBOX = "/usr/local/bin/busybox"
_NETWORK = """#!/bin/sh
for place in /sys/class/net/e*; do
    device=${place##*/}
    busybox ip link set "$device" up
    busybox ip addr add 10.0.2.15/24 dev "$device"
    busybox ip route add default via 10.0.2.2
done
"""
_SERVICE = f"""[Unit]
Description=Command channel of the lab
[Service]
ExecStartPre=/usr/local/bin/lab-network
ExecStart={_BUSYBOX} nc -ll -p 7 -e /usr/sbin/lab-serve
[Install]
WantedBy=multi-user.target
"""
_READY = """[Unit]
Description=Says that the lab's guest is ready
After=multi-user.target lab.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "lab: ready after $(cut -d" " -f1 /proc/uptime) s" > /dev/console'
[Install]
WantedBy=multi-user.target
"""
_UNITS = "etc/systemd/system"


def write_systemd_root(folder: Path) -> RootFolder:
    """Makes the folder with mmdebstrap, as root.  Raises UnavailableError if it fails."""
    run_program("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(_PACKAGES)}", SUITE, folder, mirror())
    root = RootFolder(folder)
    for place in ("dev", "var/lib/apt/lists", "var/cache/apt", "usr/share/doc", "usr/share/locale", "usr/share/man"):
        shutil.rmtree(folder / place, ignore_errors=True)
    for place in ("dev", "var/lib/limequat"):
        (folder / place).mkdir(parents=True)
    root.write(_BUSYBOX, find_busybox().read_bytes(), 0o755)
    root.write("/usr/local/bin/lab-network", _NETWORK.encode(), 0o755)
    root.write("/usr/sbin/lab-serve", (FILES / "lab-serve").read_bytes(), 0o755)
    for name, text in (("lab", _SERVICE), ("lab-ready", _READY)):
        root.write(f"/{_UNITS}/{name}.service", text.encode())
        wants = folder / _UNITS / "multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / f"{name}.service").symlink_to(f"../{name}.service")
    root.write("/etc/machine-id", b"")
    return root


def loaders_of(root: RootFolder, others: Loaders) -> Loaders:
    """systemd's boot loader and stub of that release."""
    efi = root.folder / "usr/lib/systemd/boot/efi"
    return Loaders(others.shim, others.grub, others.grub_net, efi / "systemd-bootx64.efi", efi / "linuxx64.efi.stub", others.sbsign)
