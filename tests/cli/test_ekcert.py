"""`limequat inspect ekcert` and `verify ekcert` on the certificates of data/ekcert/made, and on those of swtpm."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import DATA, CliTest

_MADE = DATA / "ekcert" / "made"
_CASES: dict[str, dict[str, Any]] = json.loads((_MADE / "cases.json").read_text())
_AT = ("--at", "2026-01-01T00:00:00Z")
_GOOD = _MADE / "profile_ecc.der"


class EkcertTest(CliTest):
    """One test for each case, added below."""

    def check(self, label: str, case: dict[str, Any]) -> None:
        path = _MADE / label
        if "reject" in case:
            self.assert_error(self.run_limequat("inspect", "ekcert", path), 3, case["reject"])
            done = self.run_limequat("verify", "ekcert", path, *_AT, "--trust", _MADE / "root.der")
            self.assert_error(done, 3, case["reject"])
            self.assertEqual(done.json()["verdict"], "error")
            return
        done = self.run_limequat("inspect", "ekcert", path)
        self.assertEqual(done.status, 0, done.err)
        shown = done.json()
        self.assertEqual({name: shown[name] for name in case["fields"]}, case["fields"])
        ids = sorted({note["id"] for note in shown["notes"]})
        if case["only"]:
            self.assertEqual(ids, case["notes"])
        else:
            self.assertLessEqual(set(case["notes"]), set(ids))
        self.assertEqual(self.run_limequat("inspect", "ekcert", path, "-o", "table").status, 0)
        self.check_verdict(path, case)

    def check_verdict(self, path: Path, case: dict[str, Any]) -> None:
        words: list[object] = ["verify", "ekcert", path, *_AT, "--trust", _MADE / case.get("trust", "root.der")]
        if not case.get("alone"):
            words += ["--intermediates", _MADE / "intermediate.der"]
        done = self.run_limequat(*words)
        verdict = done.json()
        failed = sorted(finding["check"] for finding in verdict["findings"] if finding["outcome"] != "passed")
        self.assertEqual(failed, case["failed"], verdict)
        self.assertEqual((done.status, verdict["verdict"]), (1, "fail") if failed else (0, "pass"))
        self.assertEqual(verdict["not_required"], ["tpm.ekcert.revocation", "tpm.ekcert.key"])
        if case.get("allow_expired"):
            self.assertEqual(self.run_limequat(*words, "--allow-expired").status, 0)


class TrustTest(CliTest):
    """What the options of `verify ekcert` do."""

    def verify(self, *words: object, file: object = _GOOD, trust: object = _MADE / "root.der") -> Any:
        return self.run_limequat("verify", "ekcert", file, *_AT, "--trust", trust, *words)

    def outcome(self, check: str, *words: object, **more: Any) -> tuple[int, str]:
        done = self.verify(*words, **more)
        return done.status, {finding["check"]: finding["outcome"] for finding in done.json()["findings"]}[check]

    def test_trust_is_in_anchors_only(self) -> None:
        helper = ("--intermediates", _MADE / "intermediate.der")
        self.assertEqual(self.verify(*helper).status, 0)
        self.assertEqual(self.outcome("tpm.ekcert.chain"), (1, "failed"))
        self.assertEqual(self.outcome("tpm.ekcert.chain", *helper, trust=_MADE / "other_root.der"), (1, "failed"))
        everything = ("--intermediates", _MADE / "intermediate.der", "--intermediates", _MADE / "root.der")
        self.assertEqual(self.outcome("tpm.ekcert.chain", *everything, trust=_MADE / "other_root.der"), (1, "failed"))
        self.assertEqual(self.verify(trust=_MADE / "intermediate.der").status, 0)

    def test_several_paths_behind_one_option(self) -> None:
        done = self.run_limequat("verify", "ekcert", *_AT, "--trust", _MADE / "other_root.der", _MADE / "root.der",
                                 "--intermediates", _MADE / "old_authority.der", _MADE / "intermediate.der", "-o", "json", _GOOD)
        self.assertEqual(done.status, 0, done.err)

    def test_an_authority_with_a_padded_serial_number(self) -> None:
        self.assertEqual(self.verify("--intermediates", _MADE / "intermediate_padded_serial.der").status, 0)
        self.assertEqual(self.verify(trust=_MADE / "intermediate_padded_serial.der").status, 0)

    def test_a_chain_read_from_nv_indices(self) -> None:
        """Intel's On-Die CA keeps it in 0x01c00100 and up; each index may be padded."""
        self.assertEqual(self.verify("--intermediates", _MADE / "chain_padded.bin").status, 0)
        self.assertEqual(self.verify("--intermediates", _MADE / "chain_padded.bin", trust=_MADE / "other_root.der").status, 1)

    def test_folders(self) -> None:
        with tempfile.TemporaryDirectory(prefix="limequat-cli-test-") as name:
            folder = Path(name)
            self.assert_error(self.verify(trust=folder), 3, "cli.certificates")
            shutil.copy(_MADE / "root.der", folder)
            shutil.copy(_MADE / "intermediate.der", folder)
            (folder / "README").write_text("not a certificate\n")
            done = self.verify(trust=folder)
            self.assertEqual(done.status, 0)
            self.assertIn("left out: ", done.err)
            (folder / "below").mkdir()
            shutil.move(folder / "root.der", folder / "below")
            shutil.move(folder / "intermediate.der", folder / "below")
            self.assertEqual(self.verify(trust=folder).status, 3)

    def test_files_that_are_none(self) -> None:
        self.assert_error(self.verify(trust=_MADE / "absent"), 4, "config.file")
        self.assert_error(self.verify(trust=_MADE / "cases.json"), 3, "crypto.certificate.der")
        self.assert_error(self.verify("--intermediates", _MADE / "cases.json"), 3, "crypto.certificate.der")
        self.assert_error(self.verify("--crl", _MADE / "root.der"), 3, "crypto.crl.der")
        self.assert_error(self.verify("--ek-public", _MADE / "root.der"), 3, "tpm.public.type")
        self.assert_error(self.run_limequat("verify", "ekcert", _GOOD), 2, "cli.usage")
        self.assert_error(self.run_limequat("verify", "ekcert", "-", "--trust", _MADE / "root.der", "--ek-public", "-"), 2, "cli.usage")

    def test_attack_a12_the_key_it_must_be_for(self) -> None:
        helper = ("--intermediates", _MADE / "intermediate.der", "--ek-public")
        self.assertEqual(self.outcome("tpm.ekcert.key", *helper, _MADE / "ek.pem"), (0, "passed"))
        self.assertEqual(self.verify(*helper, _MADE / "ek.pem").json()["not_required"], ["tpm.ekcert.revocation"])
        self.assertEqual(self.outcome("tpm.ekcert.key", *helper, _MADE / "other.pem"), (1, "failed"))

    def test_attack_a12_public_areas(self) -> None:
        """A TPM2B_PUBLIC says too whether the key is one that only a TPM can use."""
        point = bytes.fromhex(self._point())
        for attributes, status in ((0x000300b2, 0), (0x000200b2, 1)):
            area = (bytes.fromhex("0023000b") + attributes.to_bytes(4, "big") + bytes.fromhex("0000000600800043") + bytes.fromhex("001000030010")
                    + b"\0\x20" + point[:32] + b"\0\x20" + point[32:])
            for content in (area, len(area).to_bytes(2, "big") + area):
                with tempfile.NamedTemporaryFile(prefix="limequat-cli-test-") as file:
                    file.write(content)
                    file.flush()
                    words = ("--intermediates", _MADE / "intermediate.der", "--ek-public", file.name)
                    self.assertEqual(self.outcome("tpm.ekcert.key", *words), (status, "passed"))
                    self.assertEqual(self.outcome("tpm.ek.attributes", *words)[1], "failed" if status else "passed")

    @staticmethod
    def _point() -> str:
        der = _GOOD.read_bytes()
        at = der.index(bytes.fromhex("034200 04".replace(" ", "")))
        return der[at + 4:at + 68].hex()

    def test_swtpm(self) -> None:
        folder = DATA / "ekcert"
        for name in ("swtpm_ekcert_rsa.pem", "swtpm_ekcert_ecc384.pem"):
            words = ("verify", "ekcert", folder / name, "--trust", folder / "swtpm_root.pem", "--intermediates", folder / "swtpm_issuer.pem")
            self.assertEqual(self.run_limequat(*words).status, 0)
        shown = self.run_limequat("inspect", "ekcert", folder / "swtpm_ekcert_rsa.pem").json()
        self.assertEqual(shown["tpm"]["vendor"], "swtpm (software)")
        done = self.run_limequat("verify", "ekcert", folder / "swtpm_platformcert.pem", "--trust", folder / "swtpm_issuer.pem")
        self.assertEqual(done.json()["verdict"], "fail")


class Sm2Test(CliTest):
    """Certificates signed with SM2, which puts an identifier of the signer in front (GM/T 0009)."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="limequat-cli-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "ek.ext").write_text("extendedKeyUsage=2.23.133.8.1\nkeyUsage=critical,keyAgreement\n")
        self.openssl("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", "root.key")
        self.openssl("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", "ek.key")

    def openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def verdict(self, identifier: str) -> Any:
        sign = ("-sm3", "-sigopt", f"distid:{identifier}")
        self.openssl("req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=Root", "-out", "root.pem", *sign)
        self.openssl("req", "-new", "-key", "ek.key", "-subj", "/CN=EK", "-out", "ek.csr", *sign)
        issue = ("-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "7", "-extfile", "ek.ext", *sign)
        self.openssl("x509", "-req", "-in", "ek.csr", "-out", "ek.pem", "-vfyopt", f"distid:{identifier}", *issue)
        done = self.run_limequat("verify", "ekcert", self.folder / "ek.pem", "--trust", self.folder / "root.pem")
        return {finding["check"]: finding["outcome"] for finding in done.json()["findings"]}["tpm.ekcert.chain"]

    def test_the_identifier_of_the_standard(self) -> None:
        self.assertEqual(self.verdict("1234567812345678"), "passed")

    def test_another_identifier(self) -> None:
        self.assertEqual(self.verdict("somebody else"), "failed")


class RevocationTest(CliTest):
    """Revocation lists: given, they are required."""

    def outcome(self, *lists: str) -> str:
        words: list[object] = []
        for name in lists:
            words += ["--crl", _MADE / name]
        done = self.run_limequat("verify", "ekcert", _GOOD, *_AT, "--trust", _MADE / "root.der",
                                 "--intermediates", _MADE / "intermediate.der", *words)
        found = {finding["check"]: finding["outcome"] for finding in done.json()["findings"]}
        outcome = found["tpm.ekcert.revocation"]
        self.assertEqual(done.status, 0 if outcome == "passed" else 1)
        self.assertNotIn("tpm.ekcert.revocation", done.json()["not_required"])
        return outcome

    def test_each_authority_needs_a_current_list(self) -> None:
        self.assertEqual(self.outcome("root.crl", "good.crl"), "passed")
        self.assertEqual(self.outcome("both.crl.pem"), "passed")
        for lists in (("good.crl",), ("root.crl",)):
            self.assertEqual(self.outcome(*lists), "not_evaluated")

    def test_what_counts_for_nothing(self) -> None:
        for name in ("expired.crl", "future.crl", "endless.crl", "forged.crl", "of_another.crl", "authorities_only.crl", "at_another_point.crl"):
            self.assertEqual(self.outcome("root.crl", name), "not_evaluated", name)
            self.assertEqual(self.outcome("root.crl", name, "good.crl"), "passed", name)

    def test_lists_are_signed_well_and_by_who_may(self) -> None:
        for name, outcome in (("old.crl", "passed"), ("old_md5.crl", "not_evaluated")):
            done = self.run_limequat("verify", "ekcert", _MADE / "old.der", *_AT, "--trust", _MADE / "old_authority.der", "--crl", _MADE / name)
            found = {finding["check"]: finding["outcome"] for finding in done.json()["findings"]}
            self.assertEqual(found["tpm.ekcert.revocation"], outcome)
        for name, status in (("intermediate.der", 0), ("intermediate_without_lists.der", 1)):
            done = self.run_limequat("verify", "ekcert", _GOOD, *_AT, "--trust", _MADE / name, "--crl", _MADE / "good.crl")
            self.assertEqual(done.status, status)

    def test_scopes_that_cover_it(self) -> None:
        for name in ("users_only.crl", "at_point.crl"):
            self.assertEqual(self.outcome("root.crl", name), "passed", name)

    def test_revoked(self) -> None:
        for lists in (("root.crl", "revokes.crl"), ("root_revokes.crl", "good.crl"), ("revokes.crl",), ("root.crl", "good.crl", "revokes.crl"),
                      ("root.crl", "good.crl", "revokes_expired.crl")):
            self.assertEqual(self.outcome(*lists), "failed", lists)

    def test_refused(self) -> None:
        for name, identifier, status in (
                ("indirect.crl", "crypto.crl.indirect", 3), ("entry_of_another.crl", "crypto.crl.indirect", 3),
                ("some_reasons.crl", "crypto.crl.scope", 3), ("scope_damaged.crl", "crypto.crl.scope", 3), ("delta.crl", "crypto.crl.delta", 3),
                ("critical.crl", "crypto.crl.extension", 3), ("entry_critical.crl", "crypto.crl.entry", 3), ("cut.crl", "crypto.crl.der", 3),
                ("trailing.crl", "crypto.crl.trailing", 3), ("no_time.crl", "crypto.crl.time", 3), ("damaged.crl.pem", "crypto.crl.pem", 3),
                ("ek.pem", "crypto.crl.pem", 3)):
            done = self.run_limequat("verify", "ekcert", _GOOD, *_AT, "--trust", _MADE / "intermediate.der", "--crl", _MADE / name)
            self.assert_error(done, status, identifier)

    def test_no_path_no_revocation(self) -> None:
        done = self.run_limequat("verify", "ekcert", _GOOD, *_AT, "--trust", _MADE / "other_root.der", "--crl", _MADE / "root.crl")
        found = {finding["check"]: finding["outcome"] for finding in done.json()["findings"]}
        self.assertEqual(found["tpm.ekcert.revocation"], "not_evaluated")


def _test_of(label: str, case: dict[str, Any]) -> Callable[[Any], None]:
    return lambda self: self.check(label, case)


for _label, _case in _CASES.items():
    setattr(EkcertTest, f"test_{_label}", _test_of(_label, _case))
