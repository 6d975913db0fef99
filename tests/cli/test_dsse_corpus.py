"""`limequat policy check-signature` on data/policy/signed and on the signed policies of the corpus."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli_testing import CORPUS, DATA, CliTest

_OURS = DATA / "policy" / "signed"
_THEIRS = CORPUS / "policy" / "signed"
# Of the corpus, but not in its list of verdicts: with the key that made them.
_P256 = "made_p256_public.pem"
_MORE = {
    "keylime_runtime-policy-test-signed-bad.json": ("keylime_runtime-policy-pubkey.pub", 3),   # 95 characters of base64
    "made_p521.dsse.json": ("made_p521_public.pem", 0), "neg_payloadtype_changed.dsse.json": (_P256, 1),
    "neg_sig_bit.dsse.json": (_P256, 1), "neg_signatures_absent.dsse.json": (_P256, 3), "odd_no_keyid.dsse.json": (_P256, 0),
    "odd_signature_twice.dsse.json": (_P256, 0), "odd_urlsafe_payload.dsse.json": (_P256, 0), "odd_wrong_keyid.dsse.json": (_P256, 0)}


class SignedPoliciesTest(CliTest):
    """Our own: one test for each verdict, added below."""

    def check(self, case: dict[str, Any]) -> None:
        words = [_OURS / word if str(word).endswith(".pem") else word for word in case["options"]]
        done = self.run_limequat("policy", "check-signature", _OURS / case["envelope"], *words)
        self.assertEqual(done.status, case["status"], f"{case['why']}: {done.err}{done.out.decode()}")
        document = done.json()
        self.assertEqual(document["verdict"], {0: "pass", 1: "fail", 3: "error"}[case["status"]])
        if case["status"] != 3:
            self.assertEqual(document["payload"]["bytes"], len(self.payload(case["envelope"])))
            self.assertEqual(len(document["signatures"]), len(json.loads((_OURS / case["envelope"]).read_text())["signatures"]))

    def payload(self, name: str) -> bytes:
        return base64.b64decode(json.loads((_OURS / name).read_text())["payload"])

    def test_every_file_is_a_case(self) -> None:
        cases = {case["envelope"] for case in json.loads((_OURS / "verdicts.json").read_text())}
        self.assertEqual({path.name for path in _OURS.glob("*.dsse.json")}, cases)


class CorpusTest(CliTest):
    """What Keylime's own code answers, one test for each verdict, added below."""

    def check(self, case: dict[str, Any]) -> None:
        done = self.run_limequat("policy", "check-signature", CORPUS / case["envelope"], "--key", CORPUS / case["key"])
        self.assertEqual(done.status == 0, case["keylime_verifies"], f"{case['why']}: {done.err}{done.out.decode()}")
        if not case["keylime_verifies"]:
            # Where Keylime's code ends with an exception, there is no verdict here either.
            self.assertEqual(done.status, 3 if case["exception"] else 1, done.err)

    def check_more(self, name: str, key: str, status: int) -> None:
        done = self.run_limequat("policy", "check-signature", _THEIRS / name, "--key", _THEIRS / key)
        self.assertEqual(done.status, status, f"{name}: {done.err}{done.out.decode()}")

    def check_attack_a11(self) -> None:
        """One key that signed twice is one key."""
        done = self.run_limequat("policy", "check-signature", _THEIRS / "odd_signature_twice.dsse.json",
                                 "--key", _THEIRS / _P256, "--key", _THEIRS / "made_p384_public.pem", "--threshold", 2)
        self.assertEqual(done.status, 1, done.out)

    def check_quirk_q11(self) -> None:
        """Keylime without a key takes the certificate that came along; here it must be given as a root."""
        envelope = _THEIRS / "made_x509.dsse.json"
        words = ("policy", "check-signature", envelope, "--at", "2026-11-28T00:00:00Z")
        self.assertEqual(self.run_limequat(*words).status, 2)
        self.assertEqual(self.run_limequat(*words, "--key", _THEIRS / _P256).status, 1)
        self.assertEqual(self.run_limequat(*words, "--trust", _THEIRS / "made_x509.crt").status, 0)

    def check_every_envelope(self) -> None:
        """Every envelope of the folder is in one of the lists above."""
        named = {Path(case["envelope"]).name for case in json.loads((_THEIRS / "DSSE_VERDICTS.json").read_text())} | set(_MORE)
        self.assertEqual({path.name for path in _THEIRS.glob("*.json")} - named, {"DSSE_VERDICTS.json"})


def _ours(case: dict[str, Any]) -> Callable[[Any], None]:
    return lambda self: self.check(case)


def _more(name: str) -> Callable[[Any], None]:
    return lambda self: self.check_more(name, *_MORE[name])


for _case in json.loads((_OURS / "verdicts.json").read_text()):
    setattr(SignedPoliciesTest, f"test_{_case['envelope'].removesuffix('.dsse.json')}", _ours(_case))
if _THEIRS.exists():
    for _number, _case in enumerate(json.loads((_THEIRS / "DSSE_VERDICTS.json").read_text())):
        setattr(CorpusTest, f"test_{_number:02}_{Path(_case['envelope']).stem}", _ours(_case))
    for _name in _MORE:
        setattr(CorpusTest, f"test_{Path(_name).stem}", _more(_name))
    for _name in ("attack_a11", "quirk_q11", "every_envelope"):
        setattr(CorpusTest, f"test_{_name}", getattr(CorpusTest, f"check_{_name}"))
else:
    setattr(CorpusTest, "test_corpus", lambda self: self.skipTest(f"no signed policies at {_THEIRS}: 21 envelopes"))
