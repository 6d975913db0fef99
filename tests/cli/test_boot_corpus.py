"""`limequat appraise boot` and `policy create measured-boot` answer what Keylime's own code answers."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import CORPUS, DATA, CliTest

_VERDICTS = CORPUS / "policy" / "measured-boot" / "MB_VERDICTS.json"
# Keylime calls it a good attestation; here nothing was looked at (docs/keylime-differences.md).
_UNPOLICED = "accept-all"


class BootCorpusTest(CliTest):
    """One test for each verdict of Keylime's, added below."""

    def appraise(self, log: Path, reference: dict[str, Any], *words: object) -> tuple[int, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reference.json"
            path.write_text(json.dumps(reference))
            done = self.run_limequat("appraise", "boot", log, "--reference", path, *words, "-o", "json", "--all")
        self.assertIn(done.status, (0, 1), done.err)
        return done.status, done.json()

    def check(self, about: dict[str, Any]) -> None:
        reference = about["refstate"]
        if isinstance(reference, str):
            reference = json.loads((CORPUS / reference).read_text())
        reference |= about.get("change", {})
        status, document = self.appraise(CORPUS / about["log"], reference, "--policy", about["policy_name"])
        if about["policy_name"] == _UNPOLICED:
            self.assertEqual((status, document["verdict"]), (1, "unpoliced"))
            return
        failed = [finding for finding in document["findings"] if finding["outcome"] != "passed"]
        accept = about["keylime"]["accept"]
        self.assertEqual((status, document["verdict"]), (0, "pass") if accept else (1, "fail"), failed)
        self.assertEqual(not failed, accept)
        for finding in failed:
            self.assertTrue(finding["detail"])
            self.assertTrue(finding["cause"])


    def check_create(self, about: dict[str, Any]) -> None:
        words = ["--without-secureboot"] if "-i" in about["args"] else []
        done = self.run_limequat("policy", "create", "measured-boot", CORPUS / about["log"], *words)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(done.json(), json.loads((CORPUS / about["output"]).read_text()))


class OwnBootTest(CliTest):
    """A clone without the corpus: the boot of data/policy, and one with a change."""

    LOG = DATA / "policy" / "boot" / "shim-grub.eventlog"
    REFERENCE = DATA / "policy" / "boot" / "shim-grub.reference.json"
    PCRS = DATA / "policy" / "boot" / "shim-grub.pcrs.json"

    def failed(self, *words: object) -> tuple[int, list[str], Any]:
        done = self.run_limequat("appraise", "boot", *words, "-o", "json", "--all")
        document = done.json()
        return done.status, [f["check"] for f in document["findings"] if f["outcome"] != "passed"], document

    def test_a_good_boot(self) -> None:
        status, failed, document = self.failed(self.LOG, "--reference", self.REFERENCE, "--pcrs", self.PCRS)
        self.assertEqual((status, failed), (0, []))
        self.assertEqual((document["policy"], document["bank"], document["not_required"]), ("example", "sha256", []))

    def test_without_pcrs_nothing_vouches_for_the_log(self) -> None:
        status, failed, document = self.failed(self.LOG, "--reference", self.REFERENCE)
        self.assertEqual((status, failed), (0, []))
        self.assertEqual(document["not_required"], ["eventlog.boot", "eventlog.replay"])
        names = {finding["check"] for finding in document["findings"]}
        self.assertFalse(names & set(document["not_required"]))

    def test_pcrs_of_another_boot(self) -> None:
        pcrs = json.loads(self.PCRS.read_text())
        pcrs["sha256"]["4"] = "00" * 32
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(pcrs, file)
            file.flush()
            status, failed, _ = self.failed(self.LOG, "--reference", self.REFERENCE, "--pcrs", file.name)
        self.assertEqual(status, 1)
        self.assertIn("eventlog.replay", failed)
        self.assertIn("boot.image", failed)

    def test_each_change_of_the_reference_is_found(self) -> None:
        good = json.loads(self.REFERENCE.read_text())
        kernel = good["kernels"][0]
        digest = "0x" + "11" * 32
        for change, check in (
            ({"has_secureboot": not good["has_secureboot"]}, "boot.secure_boot"),
            ({"pk": []}, "boot.key"), ({"kek": []}, "boot.key"), ({"db": []}, "boot.key"),
            ({"dbx": [{"SignatureOwner": "77fa9abd-0359-4d32-bd60-28f4e78f784b", "SignatureData": digest}]},
             "boot.revocation"),
            ({"scrtm_and_bios": [{"scrtm": {"sha256": digest}, "platform_firmware": []}]}, "boot.firmware"),
            ({"mokdig": []}, "boot.machine_owner_list"), ({"mokxdig": []}, "boot.machine_owner_list"),
            ({"kernels": []}, "boot.image"),
            ({"kernels": [kernel | {"shim_authcode_sha256": digest}]}, "boot.image"),
            ({"kernels": [kernel | {"initrd_plain_sha256": digest}]}, "boot.initrd"),
            ({"kernels": [kernel | {"kernel_cmdline": "quiet"}]}, "boot.command_line"),
            ({"extra": 1}, "policy.unevaluated"),
        ):
            with self.subTest(change=change), tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump(good | change, file)
                file.flush()
                status, failed, _ = self.failed(self.LOG, "--reference", file.name)
                self.assertEqual(status, 1)
                self.assertIn(check, failed)

    def test_create_makes_what_accepts_its_boot(self) -> None:
        done = self.run_limequat("policy", "create", "measured-boot", self.LOG)
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(done.json(), json.loads(self.REFERENCE.read_text()))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.json"
            done = self.run_limequat("policy", "create", "measured-boot", self.LOG, "--output", path)
            self.assertEqual(done.json(), {"file": str(path), "notes": []})
            self.assertEqual(self.failed(self.LOG, "--reference", path, "--pcrs", self.PCRS)[:2], (0, []))

    def test_policies(self) -> None:
        for words, status, verdict in (
            (["--policy", "reject-all"], 1, "fail"), ([], 1, "fail"),
            (["--policy", "accept-all"], 1, "unpoliced"), (["--policy", "measured-only"], 0, "pass"),
            (["--policy", "measured-only", "--pcrs", self.PCRS], 0, "pass"),
        ):
            done = self.run_limequat("appraise", "boot", self.LOG, *words, "-o", "json")
            self.assertEqual((done.status, done.json()["verdict"]), (status, verdict), words)

    def test_usage(self) -> None:
        for words in (["--policy", "example"], ["--policy", "exampel", "--reference", self.REFERENCE],
                      ["--reference", "-", "--pcrs", "-"], ["--reference", ""]):
            self.assertEqual(self.run_limequat("appraise", "boot", self.LOG, *words).status, 2, words)

    def test_what_cannot_be_read(self) -> None:
        for words, stdin, identifier in (
            (["-", "--reference", self.REFERENCE], self.LOG.read_bytes()[:-1], "eventlog.truncated"),
            ([self.LOG, "--reference", "-"], b"{", "policy.json"),
            ([self.LOG, "--reference", "-"], b'{"pk": 7}', "policy.boot_reference"),
            ([self.LOG, "--reference", self.REFERENCE, "--pcrs", "-"], b"{", "json.syntax"),
        ):
            done = self.run_limequat("appraise", "boot", *words, stdin=stdin)
            self.assert_error(done, 3, identifier)


def _test_of(about: dict[str, Any]) -> Callable[[Any], None]:
    if about["op"] == "create":
        return lambda self: self.check_create(about)
    return lambda self: self.check(about)


if _VERDICTS.exists():
    for _index, _about in enumerate(json.loads(_VERDICTS.read_text())):
        setattr(BootCorpusTest, f"test_{_index:02}_{_about['op']}_{Path(_about['log']).stem}", _test_of(_about))
else:
    setattr(BootCorpusTest, "test_corpus", lambda self: self.skipTest(f"no corpus at {CORPUS}: 80 answers"))
