"""Quotes: a folder each, with `expected.json` of an independent verification."""

import json
from pathlib import Path
from typing import Any

from checking import Case, Check

_KEYS = ("ak.pem", "ak.tpm2b_public", "ak.tpmt_public", "ak_cert.der")


def cases(folder: Path, name: str) -> list[Case]:
    folders = sorted(path.parent for path in folder.glob("*/expected.json"))
    return [Case(f"{name}/{path.name}", lambda check, path=path: _check(check, path)) for path in folders]


def _check(check: Check, folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())["independent"]
    keys = [name for name in _KEYS if (folder / name).exists()] or ["ak.pem"]
    for key in keys:
        _check_verdict(check, folder, key, expected)
    if expected["parse"] == "ok":
        _check_fields(check, folder, expected)
    else:
        check.same("independent", "inspect", check.run("inspect", "quote", folder / "quote.msg").status, 3)
    if (folder / "quote.pcr").exists() and (folder / "ak.pem").exists():
        # PCR values as tpm2-tools write them say the same as those in JSON.
        done = check.run("verify", "quote", "--ak", folder / "ak.pem", "--message", folder / "quote.msg",
                         "--signature", folder / "quote.sig", "--pcrs", folder / "quote.pcr")
        check.same("independent", "PCR blob", done.status == 0, expected["verify"])


def _words_for(folder: Path, key: str) -> list[object]:
    words: list[object] = ["--ak", folder / key, "--message", folder / "quote.msg", "--signature", folder / "quote.sig"]
    if (folder / "nonce.hex").exists():
        words += ["--nonce", (folder / "nonce.hex").read_text().strip()]
    if (folder / "pcrs.json").exists():
        words += ["--pcrs", folder / "pcrs.json"]
    return words


def _check_verdict(check: Check, folder: Path, key: str, expected: dict[str, Any]) -> None:
    done = check.run("verify", "quote", *_words_for(folder, key))
    check.same("independent", f"verify {key}", done.status == 0, expected["verify"])
    if folder.name.startswith("neg_"):
        check.same("verdict", f"verify {key}", done.status == 0, False)
    if not (folder / key).exists() or not (folder / "quote.sig").exists():
        check.same("command", f"absent {key}", (done.status, "[cli.input.absent]" in done.err), (4, True))
        return
    verdict = done.json()
    check.same("independent", f"verdict {key}", verdict["verdict"] == "pass", expected["verify"])
    if expected["parse"] != "ok":
        check.same("independent", f"malformed {key}", (done.status, verdict["verdict"]), (3, "error"))
        return
    found = {finding["check"]: finding["outcome"] == "passed" for finding in verdict["findings"]}
    for name in ("nonce", "signature", "pcr_digest"):
        if isinstance(expected["checks"].get(name), bool):
            check.same("independent", f"{name} {key}", found[f"tpm.quote.{name}"], expected["checks"][name])


def _check_fields(check: Check, folder: Path, expected: dict[str, Any]) -> None:
    has_signature = (folder / "quote.sig").exists()
    done = check.run("inspect", "quote", folder / "quote.msg", *(["--signature", folder / "quote.sig"] if has_signature else []))
    if not check.same("independent", "inspect", done.status, 0):
        return
    shown, attest = done.json(), expected["attest"]
    fields = {"type": "quote", "qualified_signer": attest["signer"], "extra_data": attest["extra"], "pcr_digest": attest["pcrDigest"],
              "firmware_version": attest["firmware"],
              "clock_info": {"clock": attest["clock"], "reset_count": attest["resetCount"], "restart_count": attest["restartCount"],
                             "safe": attest["safe"] == 1}}
    for name, value in fields.items():
        check.same("independent", name, shown[name], value)
    check.same("independent", "selection", list(shown["selection"].items()), [tuple(bank) for bank in attest["select"]])
    if has_signature:
        signature = expected["signature"]
        check.same("independent", "scheme", shown["signature"], {"scheme": signature["scheme"], "hash": signature["hash"]})
