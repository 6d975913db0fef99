"""A02: `appraise ima --boot-log --pcrs` with a policy that asks for the kernel's measured command line."""

import json
import tempfile
from pathlib import Path
from typing import Any

from cli_testing import DATA, CliTest

BOOTS = DATA / "lab" / "boots"


class CommandLineCoverageTest(CliTest):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-command-line-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def policy(self, **parameters: list[str]) -> Path:
        """A policy of all that the recordings ran, which asks for these parameters."""
        digests: dict[str, list[str]] = {}
        for recorded in BOOTS.glob("*/ima.ascii"):
            for line in recorded.read_text().splitlines()[1:]:
                words = line.split(" ")
                digests.setdefault(words[4], []).append(words[3].split(":")[-1])
        path = self.folder / "policy.json"
        ima = {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None, "coverage": {"command_line": parameters}}
        path.write_text(json.dumps({"meta": {"version": 1, "generator": 3}, "release": 0, "digests": digests, "excludes": [],
                                    "keyrings": {}, "ima": ima, "ima-buf": {}, "verification-keys": ""}))
        return path

    def pcrs(self, boot: str) -> Path:
        path = self.folder / f"{boot}.pcrs.json"
        path.write_text(json.dumps(json.loads((BOOTS / boot / "pcrs.json").read_text())["pcrs"]))
        return path

    def appraise(self, boot: str, policy: Path, *words: object) -> Any:
        return self.run_limequat("appraise", "ima", BOOTS / boot / "ima.ascii", "--policy", policy, *words)

    def with_boot(self, boot: str, policy: Path) -> Any:
        return self.appraise(boot, policy, "--boot-log", BOOTS / boot / "eventlog", "--pcrs", self.pcrs(boot))

    @staticmethod
    def finding(done: Any, check: str) -> Any:
        return next(finding for finding in done.json()["findings"] if finding["check"] == check)

    def test_attack_a02_a_measured_command_line_proves_it(self) -> None:
        policy = self.policy(ima_policy=["tcb"])
        for boot in ("shim-grub-sb-6.12", "sd-boot-uki-sb-6.1"):
            done = self.with_boot(boot, policy)
            self.assertEqual(done.status, 0, done.out)
            self.assertEqual(self.finding(done, "ima.coverage")["outcome"], "passed")
            self.assertEqual(self.finding(done, "ima.boot_aggregate")["outcome"], "passed")
            self.assertEqual(self.finding(done, "ima.replay")["outcome"], "passed")

    def test_attack_a02_what_is_not_proven_is_not_evaluated(self) -> None:
        for boot, policy in (("uki-sb-6.12", self.policy(ima_policy=["tcb"])), ("shim-grub-6.1", self.policy(ima_policy=["secure_boot"]))):
            done = self.with_boot(boot, policy)
            self.assertEqual((done.status, self.finding(done, "ima.coverage")["outcome"]), (1, "not_evaluated"))
        done = self.appraise("shim-grub-6.1", self.policy(ima_policy=["tcb"]))
        self.assertIn("event log", self.finding(done, "ima.coverage")["detail"])

    def test_attack_a02_a_log_of_another_boot_proves_nothing(self) -> None:
        done = self.appraise("uki-6.12", self.policy(ima_policy=["tcb"]), "--boot-log", BOOTS / "shim-grub-6.12" / "eventlog",
                             "--pcrs", self.pcrs("uki-6.12"))
        self.assertEqual((done.status, self.finding(done, "ima.coverage")["outcome"]), (1, "not_evaluated"))

    def test_usage_and_malformed_input(self) -> None:
        policy = self.policy(ima_policy=["tcb"])
        boot = "shim-grub-6.12"
        log, pcrs = BOOTS / boot / "eventlog", self.pcrs(boot)
        empty = self.folder / "empty.json"
        empty.write_text("{}")
        for words in (["--boot-log", log], ["--pcrs", pcrs], ["--boot-log", log, "--pcrs", pcrs, "--pcr", "sha256:" + "0" * 64],
                      ["--boot-log", log, "--pcrs", empty], ["--boot-log", "-", "--pcrs", "-"]):
            self.assertEqual(self.appraise(boot, policy, *words).status, 2, words)
        short = self.folder / "short"
        short.write_bytes(log.read_bytes()[:-3])
        self.assertEqual(self.appraise(boot, policy, "--boot-log", short, "--pcrs", pcrs).status, 3)
        for bad in ({"ima_policy": "tcb"}, {"ima_policy": []}, {"lsm": ["x"]}, {}):
            self.assertEqual(self.with_boot(boot, self.policy(**bad)).status, 3, bad)   # type: ignore[arg-type]

    def test_diff_and_merge(self) -> None:
        one = self.policy(ima_policy=["tcb"]).rename(self.folder / "one.json")
        two = self.policy(ima_policy=["all"], ima_hash=["sha256"])
        merged = self.folder / "merged.json"
        self.assertEqual(self.run_limequat("policy", "merge", one, two, "--output", merged).status, 0)
        self.assertEqual(json.loads(merged.read_text())["ima"]["coverage"]["command_line"],
                         {"ima_hash": ["sha256"], "ima_policy": ["all", "tcb"]})
        difference = self.run_limequat("policy", "diff", one, merged).json()["command_line"]
        self.assertEqual({name: change["added"] for name, change in difference.items()}, {"ima_hash": ["sha256"], "ima_policy": ["all"]})
