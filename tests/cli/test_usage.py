"""Wrong usage, exit statuses, and errors in one line."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

from cli_testing import DATA, LIMEQUAT, ROOT, CliTest
from ima_lists import binary_list, digest_of, replay

_LIST = DATA / "ima" / "vm__tcb-sig-61.ascii"


class UsageTest(CliTest):
    def test_commands_of_later_versions_are_absent(self) -> None:
        for command in ("doctor", "watch", "history", "notifications", "bench"):
            done = self.run_limequat(command)
            self.assert_error(done, 2, "cli.usage")
            self.assertIn("Commands: agent, appraise, ", done.err)
        for words in (("agent", "pause", "x"), ("verify", "snp", "x"), ("inspect", "tee", "x"), ("policy", "learn")):
            self.assert_error(self.run_limequat(*words), 2, "cli.usage")

    def test_wrong_words(self) -> None:
        for words in ((), ("verify",), ("inspect", "ima"), ("inspect", "eventlog", "x", "--pcr", "24"), ("inspect", "eventlog", "x", "--type", "IPL"),
                      ("inspect", "ima", _LIST, "--format", "text"), ("inspect", "ima", _LIST, "-o", "xml"),
                      ("appraise", "ima", _LIST), ("appraise", "ima", _LIST, "--policy", "x", "--pcr", "sha256"),
                      ("appraise", "ima", _LIST, "--policy", "x", "--at", "noon"), ("agent", "show", "../x"),
                      ("agent", "add", "x", "--contact", "host"), ("agent", "add", "x", "--policy", "y", "--policy-name", "n"),
                      ("incident", "close", "0", "--note", "x"),
                      ("incident", "close", "--note", "x"), ("incident", "close", "1", "--agent", "a", "--all", "--note", "x"),
                      ("incident", "close", "--agent", "a", "--note", "x"), ("incident", "close", "1", "--note", " "),
                      ("init", "/nowhere/x"), ("init", "/nowhere/x", "--all-in-one", "--listen", "localhost"),
                      ("init", "/nowhere/x", "--registrar-host", "a b", "--verifier-host", "c"),
                      ("init", "/nowhere/x", "--all-in-one", "--registrar-port", "0"), ("completion", "tcsh")):
            self.assert_error(self.run_limequat(*words), 2, "cli.usage")

    def test_an_empty_nonce_is_compared(self) -> None:
        """`--nonce ""` must not read as "no nonce": this quote has one."""
        folder = DATA / "quote" / "vm_tcb-ng-61_rsassa-sha256_0_1_2_3_4_5_6_7_8_9_10"
        words = ("verify", "quote", "--ak", folder / "ak.pem", "--message", folder / "quote.msg", "--signature", folder / "quote.sig")
        self.assertEqual(self.run_limequat(*words).status, 0)
        for empty in (("--nonce", ""), ("--nonce=",)):
            done = self.run_limequat(*words, *empty)
            self.assertIn(done.status, (1, 2), done.out)
        self.assertEqual(self.run_limequat(*words, "--nonce", "").json()["verdict"], "fail")

    def test_version_and_help(self) -> None:
        self.assertRegex(self.run_limequat("--version").out.decode(), r"\Alimequat \d+\.\d+\.\d+\n\Z")
        for words in ((), ("verify",), ("verify", "quote")):
            done = self.run_limequat(*words, "--help")
            self.assertEqual((done.status, done.err), (0, ""))
            self.assertIn(b"limequat", done.out)


class ExitStatusTest(CliTest):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-cli-test-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def policy(self, *names: bytes, excludes: list[str] | None = None) -> Path:
        path = self.folder / "policy.json"
        path.write_text(json.dumps({
            "meta": {"version": 1, "generator": 3, "timestamp": "2026-11-25 09:00:00.000000"}, "release": 0,
            "digests": {name.decode(): [digest_of(name)] for name in (b"boot_aggregate", *names)}, "excludes": excludes or [], "keyrings": {},
            "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None}, "ima-buf": {}, "verification-keys": ""}))
        return path

    def list(self, *names: bytes) -> Path:
        path = self.folder / "list"
        path.write_bytes(binary_list(list(names)))
        return path

    def test_0_trustworthy(self) -> None:
        done = self.run_limequat("appraise", "ima", self.list(b"/bin/a"), "--policy", self.policy(b"/bin/a"),
                                 "--pcr", f"sha256:{replay([b'/bin/a'], 'sha256')}", "--at", "2026-11-25T09:00:00Z")
        self.assertEqual((done.status, done.json()["verdict"]), (0, "pass"), done.out)
        self.assertEqual(done.json()["evaluated_at"], "2026-11-25T09:00:00Z")

    def test_0_the_list_alone(self) -> None:
        done = self.run_limequat("appraise", "ima", self.list(b"/bin/a"), "--policy", self.policy(b"/bin/a"))
        self.assertEqual((done.status, done.json()["verdict"]), (0, "pass"), done.out)

    def test_1_an_unlisted_boot_aggregate(self) -> None:
        """Without quoted PCRs nothing says that the list belongs to a boot, unless the policy lists it."""
        policy = self.policy(b"/bin/a")
        text = json.loads(policy.read_text())
        del text["digests"]["boot_aggregate"]
        policy.write_text(json.dumps(text))
        done = self.run_limequat("appraise", "ima", self.list(b"/bin/a"), "--policy", policy)
        self.assertEqual(done.status, 1)
        self.assertEqual([finding["check"] for finding in done.json()["findings"] if finding["outcome"] != "passed"], ["ima.boot_aggregate"])

    def test_1_not_trustworthy(self) -> None:
        for listed, wanted in ((b"/bin/b", "ima.path"), (b"/bin/a", "ima.replay")):
            done = self.run_limequat("appraise", "ima", self.list(b"/bin/a"), "--policy", self.policy(listed), "--pcr", "sha256:" + "00" * 32)
            self.assertEqual((done.status, done.json()["verdict"]), (1, "fail"), done.out)
        done = self.run_limequat("appraise", "ima", self.list(b"/bin/a"), "--policy", self.policy(b"/bin/b"))
        self.assertEqual(done.status, 1)
        self.assertIn("ima.path", {finding["check"] for finding in done.json()["findings"] if finding["outcome"] == "failed"})

    def test_1_unpoliced(self) -> None:
        policy = self.policy(b"/bin/a", excludes=[".*"])
        done = self.run_limequat("appraise", "ima", self.list(b"/bin/a"), "--policy", policy)
        self.assertEqual((done.status, done.json()["verdict"]), (1, "unpoliced"), done.out)
        self.assertIn("no place where programs lie", done.json()["unpoliced_because"])

    def test_3_malformed(self) -> None:
        bad = self.folder / "bad"
        bad.write_text("{")
        for words in (("appraise", "ima", self.list(b"/a"), "--policy", bad), ("inspect", "quote", bad), ("inspect", "ima", bad)):
            self.assertEqual(self.run_limequat(*words).status, 3, words)
        verdict = self.run_limequat("appraise", "ima", self.list(b"/a"), "--policy", bad).json()
        self.assertEqual(verdict["verdict"], "error")
        self.assertTrue(verdict["error"]["id"].startswith("policy."), verdict)

    def test_0_damaged_but_readable_under_inspect(self) -> None:
        path = self.list(b"/bin/a", b"/bin/b")
        path.write_bytes(path.read_bytes()[:-3])
        done = self.run_limequat("inspect", "ima", path)
        self.assertEqual(done.status, 0)
        self.assertEqual([note["id"] for note in done.json()["notes"]], ["ima.truncated"])
        self.assertEqual(done.json()["entries"], 2)

    def test_0_empty_list_under_inspect(self) -> None:
        done = self.run_limequat("inspect", "ima", "/dev/null")
        self.assertEqual((done.status, done.json()["entries"], done.json()["pcrs"]), (0, 0, {}))

    def test_3_tpm_policy_in_text_or_file(self) -> None:
        wrong = '{"24": ["' + "0" * 64 + '"]}'
        (self.folder / "policy.json").write_text(wrong)
        for given in (wrong, self.folder / "policy.json"):
            self.assert_error(self.run_limequat("agent", "add", "a", "--tpm-policy", given), 3, "wire.tpm_policy")
        self.assert_error(self.run_limequat("agent", "add", "a", "--tpm-policy", self.folder / "absent"), 4, "cli.input.absent")

    def test_4_not_found(self) -> None:
        self.assert_error(self.run_limequat("inspect", "ima", self.folder / "absent"), 4, "cli.input.absent")
        self.assert_error(self.run_limequat("--config", self.folder / "absent", "agent", "list"), 4, "config.file")

    def test_5_refused(self) -> None:
        """A key that others may read is not used (CVE-2022-23952 of Keylime)."""
        self.assertEqual(self.run_limequat("init", self.folder / "site", "--all-in-one").status, 0)
        (self.folder / "site" / "operator" / "operator.key").chmod(0o644)
        done = self.run_limequat("agent", "list", "--config", self.folder / "site" / "operator" / "limequat.toml")
        self.assert_error(done, 5, "config.mode")

    def test_6_nobody_answers(self) -> None:
        self.assertEqual(self.run_limequat("init", self.folder / "site", "--all-in-one", "--verifier-port", "1", "--registrar-tls-port", "1").status, 0)
        config = self.folder / "site" / "operator" / "limequat.toml"
        for words in (("agent", "list"), ("explain", "a"), ("incident", "list"), ("policy", "list"), ("agent", "add", "a")):
            self.assert_error(self.run_limequat("--config", config, *words), 6, "http.client.connect")

    def test_6_no_lab(self) -> None:
        done = self.run_limequat("lab", "status", env={"LIMEQUAT_LAB": str(self.folder / "absent")})
        self.assert_error(done, 6, "cli.lab")


class LabTest(CliTest):
    def test_becomes_the_driver(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            driver = Path(folder) / "driver"
            driver.write_text('#!/bin/sh\necho "$LIMEQUAT_BIN"\nfor word in "$@"; do echo "$word"; done\nexit 9\n')
            driver.chmod(0o755)
            done = self.run_limequat("lab", "up", "--help", "a b", "-o", "x", env={"LIMEQUAT_LAB": str(driver)})
        self.assertEqual(done.status, 9)
        self.assertEqual(done.out.decode().splitlines(), [os.fspath(LIMEQUAT.resolve().parent), "up", "--help", "a b", "-o", "x"])


class CompletionTest(CliTest):
    def test_scripts_are_sound(self) -> None:
        script = self.run_limequat("completion", "bash").out.decode()
        completed = subprocess.run(
            ["bash", "-c", script + '\nCOMP_WORDS=(limequat verify quote --no); COMP_CWORD=3; _limequat; echo "${COMPREPLY[@]}"'
             '\nCOMP_WORDS=(limequat ag); COMP_CWORD=1; _limequat; echo "${COMPREPLY[@]}"'],
            capture_output=True, text=True, check=True)
        self.assertEqual(completed.stdout.splitlines(), ["--nonce", "agent"])


class CatalogueTest(CliTest):
    """The catalogue has every check that the sources have, and docs/findings.md is made of it."""

    _LITERAL = re.compile(r'(?:Failed|Passed|NotEvaluated|Judge)\(\s*"([^"]+)"|Check\w* = "([^"]+)"|AddFailure\(\s*entry,\s*"([^"]+)"')
    _DERIVED = ("tpm.ekcert.chain", "tpm.ekcert.revocation", "tpm.ekcert.validity")   # made from a prefix by crypto::VerifyChain
    _HANDED_ON = {"tpm.ak.attributes", "tpm.ek.attributes"}     # made by functions that get the name as an argument
    _NAME = re.compile(r"[a-z_]+(\.[a-z_]+)+")

    def checks_of_the_sources(self) -> set[str]:
        found = set(self._DERIVED)
        for path in (ROOT / "limequat").rglob("*.[ch]*"):
            if path.stem.endswith("_test") or "testing" in path.parts or path.parts[-2] in ("cli", "http"):
                continue
            for match in self._LITERAL.finditer(path.read_text()):
                found.add(next(name for name in match.groups() if name))
        return {name for name in found if self._NAME.fullmatch(name)}

    def checks(self) -> list[dict]:
        sections = json.loads(self.run_limequat("findings").out)["sections"]
        return [check for section in sections for check in section["checks"]]

    def test_has_every_check_and_no_other(self) -> None:
        sources = self.checks_of_the_sources()
        self.assertIn("ima.path", sources)
        self.assertIn("tpm.quote.pcr_digest", sources)
        named = {check["check"] for check in self.checks()}
        self.assertEqual(sources - named, set(), "without an entry in limequat/base/check_catalogue_*.cc")
        self.assertEqual(named - sources - self._HANDED_ON, set(), "in the catalogue, but made by nothing")

    def test_the_document_is_made_of_it(self) -> None:
        done = subprocess.run([ROOT / "script" / "findings", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_commands_it_names_exist(self) -> None:
        for command in {check["next"] for check in self.checks() if check["next"]}:
            words = command.split()[1:]
            path = [word for word in words if word.islower() and not word.startswith("-") and not word.isdigit()]
            help_text = self.run_limequat(*path, "--help").out.decode()
            self.assertIn("usage: limequat " + " ".join(path), help_text.replace("Usage", "usage"), command)
            for option in (word for word in words if word.startswith("--")):
                self.assertIn(option, help_text, command)

    def test_says_all_of_one_check(self) -> None:
        one = json.loads(self.run_limequat("findings", "ima.digest").out)
        self.assertEqual(one, next(check for check in self.checks() if check["check"] == "ima.digest"))
        text = self.run_limequat("findings", "ima.digest", "-o", "table").out.decode()
        for part in ("meaning", "likely causes", "what to do", one["meaning"], one["causes"], one["advice"], one["next"]):
            self.assertIn(part, text)
        table = self.run_limequat("findings", "-o", "table").out.decode()
        self.assertEqual(len(table.splitlines()), len(self.checks()) + 1)

    def test_a_check_of_another_version_is_not_found(self) -> None:
        self.assert_error(self.run_limequat("findings", "no.such.check"), 4, "cli.findings")
