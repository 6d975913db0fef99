"""An endorsement key in software: the machine's half of Keylime's activation without a TPM.

It opens what TPM2_MakeCredential seals (TPM 2.0 Library, Part 1, 24: credential protection), so that a recorded
registration can be played to its end although the recorded machine's key is lost.
"""

import base64
import hashlib
import hmac
import struct
import subprocess
from pathlib import Path

_LABEL = b"IDENTITY\0"


class EndorsementKey:
    """An RSA-2048 key in the place of the one in `template`, a TPM2B_PUBLIC of that kind."""

    def __init__(self, folder, template):
        self._key = Path(folder) / "ek.pem"
        self.public_key = Path(folder) / "ek-public.pem"
        _openssl("genrsa", "-out", self._key, "2048")
        _openssl("rsa", "-in", self._key, "-pubout", "-out", self.public_key)
        modulus = _openssl("rsa", "-in", self._key, "-noout", "-modulus").decode().strip().partition("=")[2]
        self.public = template[:-256] + bytes.fromhex(modulus)

    def open(self, blob, ak_public):
        """The secret in a registrar's credential for the AK; ValueError if it is not for this key and that AK."""
        magic, version, size = struct.unpack_from(">IIH", blob)
        if (magic, version) != (0xBADCC0DE, 1):
            raise ValueError("not a credential blob")
        sealed, rest = blob[10:10 + size], blob[10 + size:]
        encrypted_seed = rest[2:]
        if struct.unpack_from(">H", rest) != (len(encrypted_seed),):
            raise ValueError("the seed's size is wrong")
        mac, encrypted = sealed[2:34], sealed[34:]
        seed = _openssl("pkeyutl", "-decrypt", "-inkey", self._key, "-pkeyopt", "rsa_padding_mode:oaep",
                        "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256",
                        "-pkeyopt", f"rsa_oaep_label:{_LABEL.hex()}", stdin=encrypted_seed)
        name = b"\0\x0b" + hashlib.sha256(ak_public[2:]).digest()
        mac_key = _derive(seed, b"INTEGRITY", b"", 256)
        if not hmac.compare_digest(mac, hmac.digest(mac_key, encrypted + name, "sha256")):
            raise ValueError("the credential is not for this AK")
        key = _derive(seed, b"STORAGE", name, 128)
        plain = _openssl("enc", "-d", "-aes-128-cfb", "-K", key.hex(), "-iv", "00" * 16, stdin=encrypted)
        length, = struct.unpack_from(">H", plain)
        return plain[2:2 + length]


def activation_tag(secret, agent_id):
    return hmac.new(base64.b64encode(secret), agent_id.encode(), "sha384").hexdigest()


def _derive(key, label, context, bits):
    """KDFa (Part 1, 11.4.10.2) for results of at most one block of SHA-256."""
    block = struct.pack(">I", 1) + label + b"\0" + context + struct.pack(">I", bits)
    return hmac.digest(key, block, "sha256")[:bits // 8]


def _openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True)
    if done.returncode:
        raise ValueError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout
