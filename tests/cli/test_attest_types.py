"""Attestations that are no quotes: shown by `inspect quote`, refused by `verify quote`."""

import struct
import tempfile
from pathlib import Path

import quote_bytes as tpm
from cli_testing import CliTest

_NAME = b"\x00\x0b" + bytes(range(32))
_DIGEST = bytes(range(32, 64))
_CLOCK = {"clock": 9, "reset_count": 8, "restart_count": 7, "safe": False}

# type: number, what it is about, how it is shown.
_TYPES = {
    "nv": (0x8014, tpm.sized(_NAME) + struct.pack(">H", 5) + tpm.sized(b"nv"),
           {"index_name": _NAME.hex(), "offset": 5, "contents": "6e76"}),
    "command-audit": (0x8015, struct.pack(">QH", 2**63, tpm.SHA256) + tpm.sized(_DIGEST) + tpm.sized(_NAME),
                      {"audit_counter": 2**63, "digest_algorithm": "sha256", "audit_digest": _DIGEST.hex(),
                       "command_digest": _NAME.hex()}),
    "session-audit": (0x8016, b"\1" + tpm.sized(_DIGEST), {"exclusive_session": True, "session_digest": _DIGEST.hex()}),
    "certify": (0x8017, tpm.sized(_NAME) + tpm.sized(_NAME), {"name": _NAME.hex(), "qualified_name": _NAME.hex()}),
    "time": (0x8019, struct.pack(">QQIIBQ", 4, 9, 8, 7, 0, 6),
             {"time": {"time": 4, "clock_info": _CLOCK, "firmware_version": "0000000000000006"}}),
    "creation": (0x801A, tpm.sized(_NAME) + tpm.sized(_DIGEST), {"object_name": _NAME.hex(), "creation_hash": _DIGEST.hex()}),
    "nv-digest": (0x801C, tpm.sized(_NAME) + tpm.sized(_DIGEST), {"index_name": _NAME.hex(), "nv_digest": _DIGEST.hex()}),
}


class AttestTypesTest(CliTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.key = tpm.Key(cls.folder, "EC", "ec_paramgen_curve:P-256")

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_every_type_is_shown(self) -> None:
        for name, (number, info, shown) in _TYPES.items():
            with self.subTest(name):
                message = self.write("msg", tpm.attest(info, b"nonce", number))
                signature = self.write("sig", self.key.sign(message.read_bytes(), tpm.ECDSA))
                done = self.run_limequat("inspect", "quote", message, "--signature", signature)
                self.assertEqual(done.status, 0, done.err)
                self.assertEqual(done.json(), {
                    "type": name, "qualified_signer": (b"\x00\x0b" + bytes(32)).hex(), "extra_data": b"nonce".hex(),
                    "clock_info": {"clock": 1000, "reset_count": 3, "restart_count": 1, "safe": True},
                    "firmware_version": "0000000000000007", **shown, "signature": {"scheme": "ecdsa", "hash": "sha256"}})
                table = self.run_limequat("inspect", "quote", message, "-o", "table").out.decode()
                self.assertIn(f"{name}: not a quote", table)

    def test_every_type_is_refused_as_a_quote(self) -> None:
        for name, (number, info, _) in _TYPES.items():
            with self.subTest(name):
                message = self.write("msg", tpm.attest(info, b"nonce", number))
                signature = self.write("sig", self.key.sign(message.read_bytes(), tpm.ECDSA))
                done = self.run_limequat("verify", "quote", "--ak", self.key.pem, "--message", message, "--signature", signature)
                self.assert_error(done, 3, "tpm.attest.type")
                self.assertIn(f"an attestation of type {name} (0x{number:04x}), not a quote", done.err)

    def test_damaged_ones_are_malformed(self) -> None:
        for name, (number, info, _) in _TYPES.items():
            with self.subTest(name):
                message = self.write("msg", tpm.attest(info[:-1], b"nonce", number))
                self.assert_error(self.run_limequat("inspect", "quote", message), 3, "tpm.attest.short")

    def test_unknown_type(self) -> None:
        message = self.write("msg", tpm.attest(b"", b"nonce", 0x801B))
        self.assert_error(self.run_limequat("inspect", "quote", message), 3, "tpm.attest.type")

    def test_pcr_values_in_every_format(self) -> None:
        selection: tpm.Selection = [(tpm.SHA1, [3]), (tpm.SHA256, [0, 10])]
        values = tpm.values_of(selection)
        message = self.write("msg", tpm.attest(tpm.quote_info(selection, tpm.digest_of(selection, values)), b"nonce"))
        signature = self.write("sig", self.key.sign(message.read_bytes(), tpm.ECDSA))
        words = ["verify", "quote", "--ak", self.key.pem, "--message", message, "--signature", signature, "--pcrs"]
        for form in (tpm.serialized, tpm.bare, tpm.marshaled):
            with self.subTest(form.__name__):
                self.assertEqual(self.run_limequat(*words, self.write("pcr", form(selection, values))).status, 0)
                wrong = {**values, (tpm.SHA256, 10): bytes(32)}
                self.assertEqual(self.run_limequat(*words, self.write("pcr", form(selection, wrong))).status, 1)

    def test_binary_values_that_begin_like_json(self) -> None:
        selection: tpm.Selection = [(tpm.SHA256, [10])]
        values = {(tpm.SHA256, 10): b"{" * 32}
        message = self.write("msg", tpm.attest(tpm.quote_info(selection, tpm.digest_of(selection, values)), b"nonce"))
        signature = self.write("sig", self.key.sign(message.read_bytes(), tpm.ECDSA))
        words = ["verify", "quote", "--ak", self.key.pem, "--message", message, "--signature", signature, "--pcrs"]
        self.assertEqual(self.run_limequat(*words, self.write("pcr", b"{" * 32)).status, 0)
        self.assert_error(self.run_limequat(*words, self.write("pcr", b"{" * 31)), 3, "json.syntax")
