"""OVMF as Debian builds it, with three sets of Secure Boot keys."""

from dataclasses import dataclass
from pathlib import Path

_OVMF = Path("/usr/share/OVMF")
PLAIN, MICROSOFT, SNAKEOIL = "plain", "microsoft", "snakeoil"


@dataclass(frozen=True)
class Firmware:
    """A code image and the variables that a machine begins with."""

    code: Path
    variables: Path
    smm: bool = False  # only firmware in system management mode may write its variables

    def arguments(self, variables: str) -> list[str]:
        """QEMU's, with the machine's own copy of the variables."""
        switch = "on" if self.smm else "off"
        return ["-machine", f"q35,smm={switch}", "-global", f"driver=cfi.pflash01,property=secure,value={switch}",
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={self.code}",
                "-drive", f"if=pflash,unit=1,format=raw,file={variables}"]


_SECURE_CODE = _OVMF / "OVMF_CODE_4M.secboot.fd"
FIRMWARE = {
    PLAIN: Firmware(_OVMF / "OVMF_CODE_4M.fd", _OVMF / "OVMF_VARS_4M.fd"),
    MICROSOFT: Firmware(_SECURE_CODE, _OVMF / "OVMF_VARS_4M.ms.fd", smm=True),
    # The key whose secret half is public: /usr/share/ovmf/PkKek-1-snakeoil.key.
    SNAKEOIL: Firmware(_SECURE_CODE, _OVMF / "OVMF_VARS_4M.snakeoil.fd", smm=True),
}
