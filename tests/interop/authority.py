"""Certificate authorities for the tests, made with the openssl command: ECDSA P-256, valid for two days."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, IP:127.0.0.1
[person]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Identity:
    certificate: Path
    key: Path


class Authority:
    """An issuing authority whose files lie in `folder`."""

    def __init__(self, folder, name):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self.folder / "cacert.crt"
        self._key = self.folder / "ca-private.pem"
        self._config = self.folder / "openssl.cnf"
        self._config.write_text(_CONFIG)
        self._request(name, "authority", self.certificate, self._key)

    def issue(self, name, stem, kind="host"):
        """An `Identity` in `STEM-cert.crt` and `STEM-private.pem`; `kind` is `host` or `person`."""
        identity = self.identity(stem)
        self._request(name, kind, identity.certificate, identity.key,
                      "-CA", self.certificate, "-CAkey", self._key)
        return identity

    def identity(self, stem):
        return Identity(self.folder / f"{stem}-cert.crt", self.folder / f"{stem}-private.pem")

    def certify_key(self, name, public_key, certificate):
        """Signs a certificate for a key of which only the public half is known."""
        request = self.folder / "certify.csr"
        throwaway = self.folder / "certify.key"
        _openssl("req", "-new", "-config", self._config, "-subj", f"/CN={name}", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-keyout", throwaway, "-out", request)
        _openssl("x509", "-req", "-in", request, "-force_pubkey", public_key, "-CA", self.certificate,
                 "-CAkey", self._key, "-days", "2", "-out", certificate)

    def _request(self, name, section, certificate, key, *signer):
        _openssl("req", "-x509", "-config", self._config, "-extensions", section, "-subj", f"/CN={name}",
                 "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-keyout", key, "-out", certificate, *signer)


def self_signed(folder, name):
    """An identity that nobody vouches for, as agents make for themselves."""
    authority = Authority(folder, name)
    identity = authority.identity("self")
    authority._request(name, "host", identity.certificate, identity.key)
    return identity


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr}")
