"""`limequat inspect ekcert` and `verify ekcert` on every certificate of the corpus.

Where the expected values differ from ours: the corpus gives no size for keys that are marked as RSAES-OAEP, since the tool
it was made with cannot read them; we read them.  A certificate without the usage of endorsement keys (`is_ek` false) does not
verify, whatever it leads to.
"""

import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import CORPUS, CliTest

_EKCERT = CORPUS / "ekcert"
_IDENTITY = {"2.23.133.2.1": "manufacturer", "2.23.133.2.2": "model", "2.23.133.2.3": "version"}
_KEY_TYPES = {"rsaEncryption": "rsa", "rsaesOaep": "rsa", "id-ecPublicKey": "ecc"}


def rfc3339(openssl: str) -> str:
    return datetime.datetime.strptime(openssl, "%b %d %H:%M:%S %Y GMT").strftime("%Y-%m-%dT%H:%M:%SZ")


def identity_of(san: str) -> dict[str, str]:
    """The three attributes in OpenSSL's text of the alternative name."""
    return {_IDENTITY[oid]: value for oid, value in re.findall(r"(2\.23\.133\.2\.[123])=([^/+,]*)", san)}


class EkcertCorpusTest(CliTest):
    """One test for each certificate, added below."""

    def check(self, path: Path) -> None:
        expected = json.loads(path.with_suffix("").with_suffix(".expected.json").read_text())
        certificate = path.with_name(expected["certificate"])
        self.check_fields(certificate, expected)
        self.check_verdict(certificate, expected)

    def check_fields(self, certificate: Path, expected: dict[str, Any]) -> None:
        done = self.run_limequat("inspect", "ekcert", certificate)
        self.assertEqual(done.status, 0, done.err)
        shown = done.json()
        self.assertEqual({name: shown[name] for name in ("subject", "issuer", "aia", "signature_algorithm")},
                         {name: expected[name] for name in ("subject", "issuer", "aia", "signature_algorithm")})
        self.assertEqual(shown["not_before"], rfc3339(expected["not_before"]))
        self.assertEqual(shown["not_after"], rfc3339(expected["not_after"]))
        self.assertEqual(shown["key"]["type"], _KEY_TYPES[expected["key"]])
        self.assertEqual(shown["key"]["algorithm"], expected["key"])
        self.assertEqual(shown["key"]["bits"], expected["bits"] or 2048)
        self.assertEqual(shown["eku"], expected["eku"].split(", ") if expected["eku"] else [])
        self.assertEqual(shown["ca"], False)
        self.assertEqual({name: shown["tpm"][name] for name in _IDENTITY.values()}, identity_of(expected["san"]))
        ids = {note["id"] for note in shown["notes"]}
        strict = expected["strict_der_python_cryptography_38"]
        if strict is not True:
            wanted = "certificate.set_order" if "InvalidSetOrdering" in strict else "certificate.default_encoded"
            self.assertIn(wanted, ids)
        self.assertEqual("ekcert.not_for_endorsement" not in ids, expected["is_ek"])

    def check_verdict(self, certificate: Path, expected: dict[str, Any]) -> None:
        at = (datetime.datetime.strptime(expected["not_before"], "%b %d %H:%M:%S %Y GMT")
              + datetime.timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")
        words = ["verify", "ekcert", certificate, "--at", at]
        everything = self.run_limequat(*words, "--trust", _EKCERT / "ca").json()
        chain = [CORPUS / name for name in expected["chain"]]
        outcomes = {finding["check"]: finding["outcome"] for finding in everything["findings"]}
        self.assertEqual(outcomes["tpm.ekcert.profile"] == "passed", expected["is_ek"], everything)
        self.assertEqual(outcomes["tpm.ekcert.chain"] == "passed", bool(chain), everything)
        if not chain:
            self.assertEqual(everything["verdict"], "fail")
            return
        words += ["--trust", chain[-1]]
        for path in chain[:-1]:
            words += ["--intermediates", path]
        done = self.run_limequat(*words)
        self.assertEqual((done.status == 0, done.json()["verdict"] == "pass"), (expected["is_ek"],) * 2, done.out.decode())
        self.assertEqual(everything["verdict"], done.json()["verdict"])


class NvReadTest(CliTest):
    """What was read from an NV index says the same as the certificate in it."""

    def check(self, path: Path) -> None:
        done = self.run_limequat("inspect", "ekcert", path)
        self.assertEqual(done.status, 0, done.err)
        shown = done.json()
        self.assertIn("certificate.padding", [note["id"] for note in shown["notes"]])
        self.assertEqual(shown["eku"], ["2.23.133.8.1"])
        self.assertRegex(shown["tpm"]["manufacturer"], r"\Aid:[0-9A-F]{8}\Z")
        self.assertEqual(shown["chain"], [])
        verdict = self.run_limequat("verify", "ekcert", path, "--trust", _EKCERT / "ca", "--at", "2022-01-01T00:00:00Z")
        self.assertEqual(verdict.json()["verdict"], "pass", verdict.out.decode())


def _test_of(path: Path) -> Callable[[Any], None]:
    return lambda self: self.check(path)


for _path in sorted(_EKCERT.glob("leaf*/*.expected.json")):
    setattr(EkcertCorpusTest, f"test_{_path.parent.name}_{_path.name}", _test_of(_path))
for _path in sorted(_EKCERT.glob("leaf-raw/*")):
    setattr(NvReadTest, f"test_{_path.name}", _test_of(_path))
if not _EKCERT.exists():
    for _class, _count in ((EkcertCorpusTest, 22), (NvReadTest, 3)):
        setattr(_class, "test_corpus", lambda self, count=_count: self.skipTest(f"no corpus at {_EKCERT}: {count} cases"))
