"""`limequat verify quote` against tpm2_checkquote of Debian (tpm2-tools 5.4): the same verdict, or a reason.

Every quote of data/quote and of the corpus, and hostile variants that are signed anew, so that nothing but the one
fault is wrong with them.
"""

import json
import shutil
import struct
import subprocess
import tempfile
import unittest
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import quote_bytes as tpm
from cli_testing import CORPUS, DATA, CliTest
from quote_bytes import ECDSA, RSAPSS, RSASSA, SHA1, SHA256, SHA384, SHA512, SM2, SM3

_CHECKQUOTE = shutil.which("tpm2_checkquote")
_NONCE = bytes.fromhex("00112233")
_BASE: tpm.Selection = [(SHA256, [0, 10])]
_VALUES = tpm.values_of(_BASE)


@dataclass
class Quote:
    """Files of a quote; nothing is wrong with it until a test changes something."""

    selection: tpm.Selection = field(default_factory=lambda: _BASE)
    values: tpm.Values | None = None        # what was hashed; default: values_of(selection)
    sent: tpm.Selection | None = None       # what the PCR file selects; default: selection
    sent_values: tpm.Values | None = None
    nonce: bytes = _NONCE
    kind: int = tpm.QUOTE
    magic: int = 0xFF544347
    scheme: int = RSASSA
    name: int = SHA256                      # of the signature
    digest_name: int | None = None          # of the PCR digest; default: name
    info: Callable[[bytes], bytes] | None = None    # of the PCR digest; default: TPMS_QUOTE_INFO
    message: Callable[[bytes], bytes] = lambda message: message     # before it is signed
    signature: Callable[[bytes], bytes] = lambda signature: signature
    pcrs: Callable[[bytes], bytes] = lambda file: file
    plain: bool = False                     # the bare signature
    without_pcrs: bool = False
    require: str = ""

    def files(self, key: tpm.Key) -> tuple[bytes, bytes, bytes | None]:
        values = tpm.values_of(self.selection) if self.values is None else self.values
        digest = tpm.digest_of(self.selection, values, tpm.OPENSSL_NAME[self.digest_name or self.name])
        info = tpm.quote_info(self.selection, digest) if self.info is None else self.info(digest)
        message = self.message(tpm.attest(info, self.nonce, self.kind, self.magic))
        made = (key.bare if self.plain else key.sign)(message, self.scheme, self.name)
        sent = self.selection if self.sent is None else self.sent
        file = tpm.serialized(sent, values if self.sent_values is None else self.sent_values)
        return message, self.signature(made), None if self.without_pcrs else self.pcrs(file)


_OTHER = [(SHA256, [16, 23])]
_RELABELLED = {(SHA256, 0): tpm.values_of(_OTHER)[SHA256, 16], (SHA256, 10): tpm.values_of(_OTHER)[SHA256, 23]}
_TWO_BANKS: tpm.Selection = [(SHA1, [1, 2]), (SHA256, [0, 10])]
_BANK_TWICE: tpm.Selection = [(SHA256, [10]), (SHA256, [0])]


def _selecting(size: int) -> Callable[[bytes], bytes]:
    return lambda digest: tpm.selection_bytes(_BASE, size) + tpm.sized(digest)


def _creation(digest: bytes) -> bytes:
    return tpm.sized(b"\x00\x0b" + bytes(32)) + tpm.sized(digest)


# name: the quote, whether both accept it.
SAME: dict[str, tuple[Quote, bool]] = {
    "good": (Quote(), True),
    "plain_rsassa": (Quote(plain=True), True),
    "sha1": (Quote(name=SHA1), True),
    "sha384": (Quote(name=SHA384), True),
    "sha512": (Quote(name=SHA512), True),
    "plain_sha384": (Quote(name=SHA384, plain=True), True),
    "two_banks": (Quote(selection=_TWO_BANKS), True),
    "without_pcrs": (Quote(without_pcrs=True), True),
    "bank_twice": (Quote(selection=_BANK_TWICE), True),
    "select_of_2_bytes": (Quote(info=_selecting(2)), True),
    "select_of_4_bytes": (Quote(info=_selecting(4)), True),
    "nonce_longer": (Quote(nonce=_NONCE + b"\0"), False),
    "nonce_prefix": (Quote(nonce=_NONCE[:-1]), False),
    "nonce_empty": (Quote(nonce=b""), False),
    "nonce_other": (Quote(nonce=b"\1" + _NONCE[1:]), False),
    "value_missing": (Quote(sent=[(SHA256, [0])]), False),
    "value_wrong": (Quote(sent_values={**_VALUES, (SHA256, 10): bytes(32)}), False),
    "values_swapped": (Quote(sent_values={(SHA256, 0): _VALUES[SHA256, 10], (SHA256, 10): _VALUES[SHA256, 0]}), False),
    "value_not_signed": (Quote(sent=[(SHA256, [0, 10, 11])], sent_values={**_VALUES, (SHA256, 11): bytes(32)}), False),
    "bank_not_signed": (Quote(sent=[*_BASE, (SHA1, [1])], sent_values={**_VALUES, (SHA1, 1): bytes(20)}), False),
    "digest_longer": (Quote(info=lambda digest: tpm.quote_info(_BASE, digest + b"\0")), False),
    "digest_shorter": (Quote(info=lambda digest: tpm.quote_info(_BASE, digest[:-1])), False),
    "digest_of_another_hash": (Quote(name=SHA384, digest_name=SHA256), False),
    "plain_of_another_scheme": (Quote(scheme=RSAPSS, plain=True, signature=lambda made: made[:-1] + bytes([made[-1] ^ 1])), False),
    "signature_bit": (Quote(signature=lambda made: made[:-1] + bytes([made[-1] ^ 1])), False),
    "signature_under_sha1": (Quote(signature=lambda made: made[:2] + struct.pack(">H", SHA1) + made[4:]), False),
    "signature_short": (Quote(signature=lambda made: made[:-1]), False),
    "signature_empty": (Quote(signature=lambda made: b""), False),
    "creation_with_pcrs": (Quote(kind=0x801A, info=_creation), False),
    "session_audit": (Quote(kind=0x8016, info=lambda digest: b"\1" + tpm.sized(digest)), False),
    "pcr_file_short": (Quote(pcrs=lambda file: file[:-1]), False),
    "select_of_8_bytes_with_pcr_63": (Quote(info=lambda digest: struct.pack(">IH", 1, SHA256) + tpm.select([0, 63], 8)
                                            + tpm.sized(digest)), False),
}

# name: the quote, whether limequat accepts it, why tpm2_checkquote says the opposite.
DIFFERENT: dict[str, tuple[Quote, bool, str]] = {
    "rsapss": (Quote(scheme=RSAPSS), True, "tpm2_checkquote 5.4 checks every RSA signature as RSASSA"),
    "plain_rsapss": (Quote(scheme=RSAPSS, plain=True), True, "the same"),
    "rsassa_called_rsapss": (Quote(signature=lambda made: struct.pack(">H", RSAPSS) + made[2:]), False,
                             "the same: it does not look at the scheme"),
    "magic": (Quote(magic=0xFF544348), False, "tpm2_checkquote 5.4 does not look at TPM_GENERATED_VALUE"),
    "creation": (Quote(kind=0x801A, info=_creation, without_pcrs=True), False,
                 "tpm2_checkquote 5.4 does not look at the type unless PCR values are given"),
    "session_audit_without_pcrs": (Quote(kind=0x8016, info=lambda digest: b"\1" + tpm.sized(digest), without_pcrs=True), False,
                                   "the same"),
    "relabelled": (Quote(selection=_OTHER, sent=_BASE, sent_values=_RELABELLED), False,
                   "CVE-2024-29039: it takes the PCR numbers from the file, not from what is signed"),
    "no_pcr": (Quote(selection=[(SHA256, [])], values={}), False, "a quote that covers no PCR proves nothing of the machine"),
    "no_bank": (Quote(selection=[], values={}), False, "the same"),
    "no_pcr_without_pcrs": (Quote(selection=[], values={}, without_pcrs=True), False, "the same"),
    "bytes_behind_the_message": (Quote(message=lambda message: message + b"\0"), False,
                                 "bytes that nothing explains are not ignored"),
    "bytes_behind_the_signature": (Quote(signature=lambda made: made + b"\0"), False, "the same"),
    "bytes_behind_the_pcr_file": (Quote(pcrs=lambda file: file + b"\0"), False, "the same"),
    "safe_is_2": (Quote(message=lambda message: message.replace(struct.pack(">QIIB", 1000, 3, 1, 1), struct.pack(">QIIB", 1000, 3, 1, 2))),
                  False, "TPMI_YES_NO is 0 or 1 (part 2, 9.2)"),
    "pcr_twice": (Quote(selection=[(SHA256, [0, 10]), (SHA256, [10])]), False, "one PCR would have two values"),
    "other_order": (Quote(selection=_TWO_BANKS, sent=_TWO_BANKS[::-1]), True,
                    "the signed selection decides the order, not that of the file"),
    "select_of_8_bytes": (Quote(info=_selecting(8)), True, "tpm2-tss has room for 4 bytes; the standard allows more (part 2, 10.6.1)"),
    "marshaled": (Quote(pcrs=lambda file: tpm.marshaled(_BASE, _VALUES)), True, "the format is newer than tpm2-tools 5.4"),
}

_EC = {"p256": ("P-256", SHA256), "p384": ("P-384", SHA384), "p521": ("P-521", SHA512), "p256_sha1": ("P-256", SHA1)}


@unittest.skipUnless(_CHECKQUOTE, "tpm2_checkquote is not installed")
class CheckquoteTest(CliTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.scratch = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.rsa = tpm.Key(cls.folder("rsa"), "RSA", "rsa_keygen_bits:2048")

    @classmethod
    def folder(cls, name: str) -> Path:
        folder = cls.scratch / name
        folder.mkdir()
        return folder

    def checkquote(self, ak: Path, message: Path, signature: Path, pcrs: Path | None, nonce: str, *more: str) -> bool:
        words = [_CHECKQUOTE, "-u", ak, "-m", message, "-s", signature, *more]
        words += ["-q", nonce] if nonce else []
        words += ["-f", pcrs] if pcrs else []
        done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        return done.returncode == 0

    def limequat(self, ak: Path, message: Path, signature: Path, pcrs: Path | None, nonce: str) -> bool:
        words = ["verify", "quote", "--allow-sha1", "--ak", ak, "--message", message, "--signature", signature]
        words += ["--nonce", nonce] if nonce else []
        words += ["--pcrs", pcrs] if pcrs else []
        done = self.run_limequat(*words)
        self.assertIn(done.status, (0, 1, 3), done.err)
        return done.status == 0

    def verdicts(self, quote: Quote, key: tpm.Key) -> tuple[bool, bool]:
        """Of limequat and of tpm2_checkquote."""
        files: list[Path | None] = []
        for name, content in zip(("msg", "sig", "pcr"), quote.files(key), strict=True):
            files.append(key.folder / name if content is not None else None)
            if content is not None:
                (key.folder / name).write_bytes(content)
        message, signature, pcrs = files
        assert message and signature
        return (self.limequat(key.pem, message, signature, pcrs, _NONCE.hex()),
                self.checkquote(key.pem, message, signature, pcrs, _NONCE.hex(), "-g", tpm.NAME[quote.name]))

    def test_same(self) -> None:
        for name, (quote, accepted) in SAME.items():
            with self.subTest(name):
                self.assertEqual(self.verdicts(quote, self.rsa), (accepted, accepted))

    def test_different(self) -> None:
        for name, (quote, accepted, reason) in DIFFERENT.items():
            with self.subTest(name):
                self.assertEqual(self.verdicts(quote, self.rsa), (accepted, not accepted), reason)

    def test_ecdsa(self) -> None:
        for name, (curve, digest) in _EC.items():
            key = tpm.Key(self.folder(name), "EC", f"ec_paramgen_curve:{curve}")
            for plain in (False, True):
                with self.subTest(name, plain=plain):
                    good = Quote(scheme=ECDSA, name=digest, plain=plain)
                    self.assertEqual(self.verdicts(good, key), (True, True))
                    bad = Quote(scheme=ECDSA, name=digest, plain=plain, signature=lambda made: made[:-1] + bytes([made[-1] ^ 1]))
                    self.assertEqual(self.verdicts(bad, key), (False, False))

    def test_sm2(self) -> None:
        try:
            key = tpm.Key(self.folder("sm2"), "EC", "ec_paramgen_curve:SM2")
        except subprocess.CalledProcessError:
            self.skipTest("OpenSSL was built without SM2")
        for plain in (False, True):
            with self.subTest(plain=plain):
                self.assertEqual(self.verdicts(Quote(scheme=SM2, name=SM3, plain=plain), key)[0], True)
        self.assertEqual(self.verdicts(Quote(scheme=SM2, name=SM3), key), (True, True))

    def test_forms_of_the_key(self) -> None:
        """What `--ak` takes: checkquote has PEM and TPM2B_PUBLIC only."""
        message, signature, pcrs = Quote().files(self.rsa)
        folder = self.rsa.folder
        for name, content in (("msg", message), ("sig", signature), ("pcr", pcrs)):
            (folder / name).write_bytes(content or b"")
        certificate = self.rsa.certificate()
        der = folder / "ak.crt.der"
        subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER", "-out", der], check=True)
        commented = folder / "commented.pem"
        commented.write_text("# the AK of machine 7\r\n" + self.rsa.pem.read_text().replace("\n", "\r\n"))
        for ak in (self.rsa.pem, self.rsa.der, certificate, der, commented):
            with self.subTest(ak.name):
                self.assertTrue(self.limequat(ak, folder / "msg", folder / "sig", folder / "pcr", _NONCE.hex()))
        for name, content in (("trailing.der", self.rsa.der.read_bytes() + b"\0"), ("cut.der", self.rsa.der.read_bytes()[:-1]),
                              ("private.pem", self.rsa.private.read_bytes()), ("nothing", b"")):
            with self.subTest(name):
                (folder / name).write_bytes(content)
                self.assertFalse(self.limequat(folder / name, folder / "msg", folder / "sig", folder / "pcr", _NONCE.hex()))


class CorpusTest(CheckquoteTest):
    """One test for each folder with all files, added below."""

    test_same = test_different = test_ecdsa = test_sm2 = test_forms_of_the_key = None  # type: ignore[assignment]

    def check(self, folder: Path) -> None:
        expected = json.loads((folder / "expected.json").read_text())["independent"]
        pcrs = None
        if (folder / "pcrs.json").exists() and expected["parse"] == "ok":
            selection = [(next(number for number, name in tpm.NAME.items() if name == bank), list(numbers))
                         for bank, numbers in expected["attest"]["select"]]
            given = json.loads((folder / "pcrs.json").read_text())
            try:
                values = {(bank, pcr): bytes.fromhex(given[tpm.NAME[bank]][str(pcr)]) for bank, pcrs in selection for pcr in pcrs}
            except KeyError:
                self.assertIn("missing", folder.name)
                selection = [(bank, [pcr for pcr in numbers if str(pcr) in given[tpm.NAME[bank]]]) for bank, numbers in selection]
                values = {(bank, pcr): bytes.fromhex(given[tpm.NAME[bank]][str(pcr)]) for bank, pcrs in selection for pcr in pcrs}
            pcrs = self.scratch / "pcr"
            pcrs.write_bytes(tpm.serialized(selection, values))
        nonce = (folder / "nonce.hex").read_text().strip()
        files = (folder / "ak.pem", folder / "quote.msg", folder / "quote.sig", pcrs, nonce)
        ours, theirs = self.limequat(*files), self.checkquote(*files)
        self.assertEqual(ours, expected["verify"])
        is_pss = (expected.get("signature") or {}).get("scheme") == "rsapss"
        if is_pss or (expected["parse"] == "ok" and not any(numbers for _, numbers in expected["attest"]["select"])):
            # DIFFERENT["rsapss"] and DIFFERENT["no_pcr"].
            self.assertEqual(theirs, not ours)
        else:
            self.assertEqual(theirs, ours)


def _test_of(folder: Path) -> Callable[[Any], None]:
    return lambda self: self.check(folder)


for _cases in (DATA / "quote", CORPUS / "quote"):
    for _folder in sorted(_cases.glob("*/")):
        if all((_folder / name).exists() for name in ("ak.pem", "quote.sig", "nonce.hex", "expected.json")):
            setattr(CorpusTest, f"test_{_cases.parent.name}_{_folder.name}", _test_of(_folder))
if not CORPUS.exists():
    setattr(CorpusTest, "test_corpus", lambda self: self.skipTest(f"no corpus at {CORPUS}"))
