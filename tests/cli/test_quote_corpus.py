"""`limequat verify quote` and `inspect quote` on every quote of data/quote and of the corpus."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import CORPUS, DATA, CliTest

_KEYS = ("ak.pem", "ak.tpm2b_public", "ak.tpmt_public")


class QuoteCorpusTest(CliTest):
    """One test for each folder, added below."""

    def words_for(self, folder: Path, key: str) -> list[object]:
        words: list[object] = ["--ak", folder / key, "--message", folder / "quote.msg", "--signature", folder / "quote.sig"]
        if (folder / "nonce.hex").exists():
            words += ["--nonce", (folder / "nonce.hex").read_text().strip()]
        if (folder / "pcrs.json").exists():
            words += ["--pcrs", folder / "pcrs.json"]
        return words

    def check(self, folder: Path) -> None:
        expected = json.loads((folder / "expected.json").read_text())["independent"]
        keys = [name for name in _KEYS if (folder / name).exists()] or ["ak.pem"]
        for key in keys:
            self.check_verdict(folder, key, expected)
        if expected["parse"] == "ok":
            self.check_fields(folder, expected)
        else:
            self.assertEqual(self.run_limequat("inspect", "quote", folder / "quote.msg").status, 3)

    def check_verdict(self, folder: Path, key: str, expected: dict[str, Any]) -> None:
        done = self.run_limequat("verify", "quote", *self.words_for(folder, key))
        self.assertEqual(done.status == 0, expected["verify"], f"{key}: {done.err}{done.out.decode()}")
        verdict = done.json()
        self.assertEqual(verdict["verdict"] == "pass", expected["verify"])
        if folder.name.startswith("neg_"):
            self.assertNotEqual(done.status, 0)
        if not (folder / key).exists() or not (folder / "quote.sig").exists():
            self.assert_error(done, 4, "cli.input.absent")
        elif expected["parse"] != "ok":
            self.assertEqual((done.status, verdict["verdict"]), (3, "error"))
        else:
            self.check_findings(verdict, expected["checks"])

    def check_findings(self, verdict: dict[str, Any], checks: dict[str, Any]) -> None:
        found = {finding["check"]: finding["outcome"] == "passed" for finding in verdict["findings"]}
        for name in ("nonce", "signature", "pcr_digest"):
            if isinstance(checks.get(name), bool):
                self.assertEqual(found[f"tpm.quote.{name}"], checks[name], name)

    def check_fields(self, folder: Path, expected: dict[str, Any]) -> None:
        words = ["inspect", "quote", folder / "quote.msg"]
        if (folder / "quote.sig").exists():
            words += ["--signature", folder / "quote.sig"]
        done = self.run_limequat(*words)
        self.assertEqual(done.status, 0, done.err)
        shown, attest = done.json(), expected["attest"]
        self.assertEqual(shown["type"], "quote")
        self.assertEqual(shown["qualified_signer"], attest["signer"])
        self.assertEqual(shown["extra_data"], attest["extra"])
        self.assertEqual(shown["pcr_digest"], attest["pcrDigest"])
        self.assertEqual(shown["firmware_version"], attest["firmware"])
        self.assertEqual(shown["clock_info"], {"clock": attest["clock"], "reset_count": attest["resetCount"],
                                               "restart_count": attest["restartCount"], "safe": attest["safe"] == 1})
        self.assertEqual(list(shown["selection"].items()), [tuple(bank) for bank in attest["select"]])
        if (folder / "quote.sig").exists():
            signature = expected["signature"]
            self.assertEqual(shown["signature"], {"scheme": signature["scheme"], "hash": signature["hash"]})


class PcrBlobTest(CliTest):
    """PCR values as tpm2-tools write them say the same as those in JSON."""

    def check(self, folder: Path) -> None:
        expected = json.loads((folder / "expected.json").read_text())["independent"]
        done = self.run_limequat("verify", "quote", "--ak", folder / "ak.pem", "--message", folder / "quote.msg",
                                 "--signature", folder / "quote.sig", "--pcrs", folder / "quote.pcr")
        self.assertEqual(done.status == 0, expected["verify"], done.out)


def _test_of(folder: Path) -> Callable[[Any], None]:
    return lambda self: self.check(folder)


for _cases in (DATA / "quote", CORPUS / "quote"):
    for _folder in sorted(path for path in _cases.glob("*/") if (path / "expected.json").exists()):
        _name = f"test_{_cases.parent.name}_{_folder.name}"
        setattr(QuoteCorpusTest, _name, _test_of(_folder))
        if (_folder / "quote.pcr").exists() and (_folder / "ak.pem").exists():
            setattr(PcrBlobTest, _name, _test_of(_folder))
if not CORPUS.exists():
    setattr(QuoteCorpusTest, "test_corpus", lambda self: self.skipTest(f"no corpus at {CORPUS}"))
