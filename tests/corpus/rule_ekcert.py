"""Certificates of endorsement keys: what OpenSSL and python-cryptography say of them, and whether they lead to their vendor."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

from checking import Case, Check

_IDENTITY = {"2.23.133.2.1": "manufacturer", "2.23.133.2.2": "model", "2.23.133.2.3": "version"}
_KEY_TYPES = {"rsaEncryption": "rsa", "rsaesOaep": "rsa", "id-ecPublicKey": "ecc"}
_YEAR = datetime.timedelta(days=365)


def cases(folder: Path, name: str) -> list[Case]:
    found = [Case(f"{name}/{path.parent.name}/{path.name.removesuffix('.expected.json')}", lambda check, path=path: _check(check, folder, path))
             for path in sorted(folder.glob("leaf*/*.expected.json"))]
    return found + [Case(f"{name}/leaf-raw/{path.name}", lambda check, path=path: _check_nv_read(check, folder, path))
                    for path in sorted(folder.glob("leaf-raw/*"))]


def _time(openssl: str) -> datetime.datetime:
    return datetime.datetime.strptime(openssl, "%b %d %H:%M:%S %Y GMT")


def _rfc3339(time: datetime.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity_of(san: str) -> dict[str, str]:
    """The three attributes in OpenSSL's text of the alternative name."""
    return {_IDENTITY[oid]: value for oid, value in re.findall(r"(2\.23\.133\.2\.[123])=([^/+,]*)", san)}


def _check(check: Check, folder: Path, path: Path) -> None:
    expected = json.loads(path.read_text())
    certificate = path.with_name(expected["certificate"])
    _check_fields(check, certificate, expected)
    _check_verdict(check, folder, certificate, expected)


def _check_fields(check: Check, certificate: Path, expected: dict[str, Any]) -> None:
    done = check.run("inspect", "ekcert", certificate)
    if not check.same("openssl", "inspect", done.status, 0):
        return
    shown = done.json()
    for name in ("subject", "issuer", "aia", "signature_algorithm"):
        check.same("openssl", name, shown[name], expected[name])
    for name in ("not_before", "not_after"):
        check.same("openssl", name, shown[name], _rfc3339(_time(expected[name])))
    key = shown["key"]
    check.same("openssl", "key", (key["type"], key["algorithm"]), (_KEY_TYPES[expected["key"]], expected["key"]))
    check.same("openssl", "bits", key["bits"], expected["bits"])
    check.same("openssl", "eku", shown["eku"], expected["eku"].split(", ") if expected["eku"] else [])
    check.same("openssl", "ca", shown["ca"], False)
    check.same("openssl", "tpm", {name: shown["tpm"][name] for name in _IDENTITY.values()}, _identity_of(expected["san"]))
    ids = {note["id"] for note in shown["notes"]}
    strict = expected["strict_der_python_cryptography_38"]
    if strict is not True:
        wanted = "certificate.set_order" if "InvalidSetOrdering" in strict else "certificate.default_encoded"
        check.same("python-cryptography", wanted, wanted in ids, True)
    check.same("openssl", "usage", "ekcert.not_for_endorsement" not in ids, expected["is_ek"])


def _check_verdict(check: Check, folder: Path, certificate: Path, expected: dict[str, Any]) -> None:
    words = ["verify", "ekcert", certificate, "--at", _rfc3339(_time(expected["not_before"]) + _YEAR)]
    everything = check.run(*words, "--trust", folder / "ca").json()
    chain = [folder.parent / name for name in expected["chain"]]
    outcomes = {finding["check"]: finding["outcome"] == "passed" for finding in everything["findings"]}
    check.same("openssl", "profile", outcomes["tpm.ekcert.profile"], expected["is_ek"])
    check.same("openssl", "path", outcomes["tpm.ekcert.chain"], bool(chain))
    good = bool(chain) and expected["is_ek"]
    check.same("openssl", "verdict with all authorities", everything["verdict"], "pass" if good else "fail")
    if not chain:
        return
    words += ["--trust", chain[-1]]
    for path in chain[:-1]:
        words += ["--intermediates", path]
    done = check.run(*words)
    check.same("openssl", "verdict with its own path", (done.status == 0, done.json()["verdict"] == "pass"), (good, good))


def _check_nv_read(check: Check, folder: Path, path: Path) -> None:
    """What was read from an NV index says the same as the certificate in it."""
    done = check.run("inspect", "ekcert", path)
    if not check.same("README", "inspect", done.status, 0):
        return
    shown = done.json()
    check.same("README", "padding", "certificate.padding" in [note["id"] for note in shown["notes"]], True)
    check.same("README", "eku", shown["eku"], ["2.23.133.8.1"])
    check.same("README", "manufacturer", re.fullmatch(r"id:[0-9A-F]{8}", shown["tpm"]["manufacturer"]) is not None, True)
    check.same("README", "chain", shown["chain"], [])
    verdict = check.run("verify", "ekcert", path, "--trust", folder / "ca", "--at", "2022-01-01T00:00:00Z")
    check.same("README", "verdict", verdict.json()["verdict"], "pass")
