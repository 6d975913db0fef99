"""`limequat appraise ima` answers what Keylime's own code answers for real lists and policies."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import CORPUS, CliTest

_VERDICTS = CORPUS / "policy" / "verdict" / "IMA_VERDICTS.json"
_COUNT = 27
# What an event of Keylime's is called here.
_CHECKS = {"ima.validation.ima-ng.not_in_allowlist": "ima.path", "ima.validation.ima-ng.runtime_policy_hash": "ima.digest",
           "ima.validation.tomtou": "ima.violation", "ima.pcr_mismatch": "ima.replay"}
# The verdict is another one on purpose (docs/keylime-differences.md).
_REFUSED = {"embrave/exclude-bad-regex": "policy.exclude"}   # Q19: Keylime ignores all expressions and accepts
# Both refuse, for other reasons: a name with a line feed is rejoined here where Keylime skips the broken lines; the template's
# digest is compared here where Keylime first holds its length against ima.log_hash_alg.
_OTHER_FINDINGS = {"vm__violation-61/hash-changed", "vm__violation-61/path-missing", "upstream/policy-sm3_256", "upstream/policy-unknown"}


def _patched(policy: Any, patch: list[dict[str, Any]]) -> Any:
    """RFC 6902, as far as these files use it."""
    for step in patch:
        *parts, last = (part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:])
        place = policy
        for part in parts:
            place = place[part]
        if step["op"] == "remove":
            del place[last]
        else:
            place[last] = step["value"]
    return policy


class ImaCorpusTest(CliTest):
    """One test for each verdict of Keylime's, added below."""

    def appraise(self, case: dict[str, Any]) -> Any:
        policy = _patched(json.loads((CORPUS / case["policy"]).read_text()), case["json_patch"] or [])
        pcr = ["--pcr", f"{case['pcr_bank']}:{case['pcr10']}"] if case.get("pcr_bank") else []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "policy.json"
            path.write_text(json.dumps(policy))
            return self.run_limequat("appraise", "ima", CORPUS / case["log"], "--policy", path, *pcr, "-o", "json", "--all")

    def check(self, case: dict[str, Any]) -> None:
        done = self.appraise(case)
        if case["name"] in _REFUSED:
            self.assertTrue(case["keylime"]["accept"])
            self.assert_error(done, 3, _REFUSED[case["name"]])
            return
        document = done.json()
        failed = {finding["check"] for finding in document["findings"] if finding["outcome"] == "failed"}
        self.assertEqual(done.status == 0, case["keylime"]["accept"], failed)
        if case["name"] in _OTHER_FINDINGS:
            return
        expected = {_CHECKS[event] for event in case["keylime"]["events"]}
        # Keylime tells each file that a policy of nothing does not list; here it is no policy.
        if "unpoliced_because" in document:
            self.assertIn("lists no digests", document["unpoliced_because"])
            expected -= {"ima.path"}
        self.assertEqual(failed, expected)

    def check_create(self, case: dict[str, Any]) -> None:
        """Keylime makes no policy of these lists and does not say why; ours names what no policy can hold."""
        done = self.run_limequat("policy", "learn", CORPUS / case["log"], "--unattested")
        self.assertIn("limequat: ", done.err)
        if done.status != 0:
            self.assert_error(done, 1, "policy.learn.nothing")

    def check_every_case(self) -> None:
        cases = {case["name"] for case in json.loads(_VERDICTS.read_text())}
        self.assertEqual(len(cases), _COUNT)
        self.assertFalse({*_REFUSED, *_OTHER_FINDINGS} - cases)


def _test_of(case: dict[str, Any]) -> Callable[[Any], None]:
    if not case.get("policy"):
        return lambda self: self.check_create(case)
    return lambda self: self.check(case)


if _VERDICTS.exists():
    for _index, _case in enumerate(json.loads(_VERDICTS.read_text())):
        setattr(ImaCorpusTest, f"test_{_index:02}_{_case['name'].replace('/', '_')}", _test_of(_case))
    setattr(ImaCorpusTest, "test_every_case", ImaCorpusTest.check_every_case)
else:
    setattr(ImaCorpusTest, "test_corpus", lambda self: self.skipTest(f"no corpus at {CORPUS}: {_COUNT} verdicts"))
