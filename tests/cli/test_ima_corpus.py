"""`limequat inspect ima` on every list of the corpus and of data/ima."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import CORPUS, DATA, CliTest

_BANKS = ("sha1", "sha256", "sha384", "sha512")
_ENDING = ".expected.json"
# Lists with a line feed in a name, which the expectations take for the end of a record: the ASCII form is rejoined by
# its template digest and gives what the binary form gives.
_REJOINED = {"vm__violation-61.ascii": "vm__violation-61.bin"}


class ImaCorpusTest(CliTest):
    """One test for each list, added below."""

    def check(self, path: Path) -> None:
        source = path.with_name(_REJOINED.get(path.name, path.name))
        expected = json.loads(Path(f"{source}{_ENDING}").read_text())["independent_replay"]
        expected["format"] = "binary" if path.suffix == ".bin" else "ascii"
        done = self.run_limequat("inspect", "ima", path)
        if expected["entries"] == 0:
            self.assertEqual((done.status, done.out), (3, b""), done.err)
            return
        self.assertEqual(done.status, 0, done.err)
        self.check_summary(done.json(), expected, path.stat().st_size)
        self.check_formats(path, expected["format"], done.json())

    def check_summary(self, shown: dict[str, Any], expected: dict[str, Any], size: int) -> None:
        for name in ("format", "entries", "violations", "templates"):
            self.assertEqual(shown[name], expected[name], name)
        pcrs = expected["pcrs"]
        self.assertEqual(shown["pcrs"], {bank: {n: pcrs[n][bank] for n in pcrs} for bank in _BANKS})
        self.assertEqual(shown["pcrs_zero_padded"],
                         {bank: {n: pcrs[n][f"{bank}_padded"] for n in pcrs} for bank in _BANKS[1:]})
        ids = [note["id"] for note in shown["notes"]]
        self.assertEqual(ids.count("ima.template_digest"), expected["bad_template_hash_count"])
        if expected["parse"] == "ok":
            self.assertEqual(shown["trailing_bytes"], 0)
        else:
            self.assertTrue(0 < shown["trailing_bytes"] < size)
            self.assertEqual(shown["notes"][-1]["event"], expected["entries"])

    def check_formats(self, path: Path, name: str, shown: dict[str, Any]) -> None:
        """The format by name gives the same, and the entries are as many as counted."""
        named = self.run_limequat("inspect", "ima", path, "--format", name, "--entries").json()
        measurements = named.pop("measurements")
        self.assertEqual(named, shown)
        self.assertEqual([line["event"] for line in measurements], list(range(shown["entries"])))


def _test_of(path: Path) -> Callable[[Any], None]:
    return lambda self: self.check(path)


for _folder in (DATA / "ima", CORPUS / "ima"):
    for _expected in sorted(_folder.rglob(f"*{_ENDING}")) if _folder.exists() else []:
        _path = Path(str(_expected).removesuffix(_ENDING))
        setattr(ImaCorpusTest, f"test_{_folder.parent.name}_{_path.name}", _test_of(_path))
if not CORPUS.exists():
    setattr(ImaCorpusTest, "test_corpus", lambda self: self.skipTest(f"no corpus at {CORPUS}"))
