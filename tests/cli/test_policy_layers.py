"""Policies of several layers: `limequat appraise ima --policy A --policy B`, and windows put in by `policy label`."""

from pathlib import Path
from typing import Any

from ima_lists import binary_list, digest_of
from test_policy_files import _ONE, PolicyFileTest, policy


class LayersTest(PolicyFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.list = self.folder / "list"
        self.list.write_bytes(binary_list([b"/bin/a"]))
        self.base = self.write("base.json", policy({"boot_aggregate": [digest_of(b"boot_aggregate")], "/etc/x": [_ONE]}, "/bin/"))
        self.web = self.write("web.json", policy({"/bin/a": [digest_of(b"/bin/a")]}))
        self.other = self.write("other.json", policy({"/bin/a": [_ONE]}))

    def appraise(self, *layers: Path, at: str = "2026-12-01T12:00:00Z", first_seen: str | None = None) -> Any:
        words = [word for layer in layers for word in ("--policy", layer)]
        words += ["--at", at] + (["--first-seen", first_seen] if first_seen else [])
        return self.run_limequat("appraise", "ima", self.list, *words)

    def label(self, source: Path, name: str, *words: str) -> Path:
        output = self.folder / f"{name}.json"
        done = self.run_limequat("policy", "label", source, "--name", name, *words, "--output", output)
        self.assertEqual(done.status, 0, done.err)
        return output

    def test_what_any_layer_lists_is_good(self) -> None:
        done = self.appraise(self.base, self.web)
        self.assertEqual((done.status, done.json()["verdict"]), (0, "pass"), done.out)
        self.assertEqual([(layer["name"], layer["state"]) for layer in done.json()["layers"]],
                         [(str(self.base), "in effect"), (str(self.web), "in effect")])
        self.assertEqual(self.appraise(self.base).status, 0)  # excluded by its own expression

    def test_attack_a10_a_layer_excuses_nothing_that_another_lists(self) -> None:
        for layers in ((self.base, self.other), (self.other, self.base)):
            done = self.appraise(*layers)
            failed = [one for one in done.json()["findings"] if one["outcome"] != "passed"]
            self.assertEqual([one["check"] for one in failed], ["ima.digest"])
            self.assertIn("in layer", failed[0]["detail"])

    def test_retired(self) -> None:
        old = self.label(self.web, "web-old", "--retire-after", "2026-12-01T00:00:00Z")
        late = self.appraise(self.base, self.other, old)
        self.assertEqual(late.status, 1)
        finding = [one for one in late.json()["findings"] if one["check"] == "ima.digest"][0]
        self.assertEqual(finding["cause"], "policy-lag")
        self.assertIn("'web-old', retired 2026-12-01T00:00:00Z", finding["detail"])
        self.assertEqual([layer["state"] for layer in late.json()["layers"]], ["in effect", "in effect", "retired"])
        self.assertEqual(self.appraise(self.base, self.other, old, first_seen="2026-11-30T00:00:00Z").status, 0)
        self.assertEqual(self.appraise(self.base, self.other, old, at="2026-12-01T00:00:00Z").status, 0)

    def test_not_yet_in_effect(self) -> None:
        new = self.label(self.web, "web", "--effective-from", "2026-12-02T00:00:00Z", "--release", "3")
        done = self.appraise(new)
        self.assertEqual(done.json()["unpoliced_because"], "none of it is in effect yet")
        self.assertEqual((done.status, done.json()["verdict"]), (1, "fail"))  # nothing vouches for boot_aggregate
        self.assertEqual((done.json()["layers"][0]["state"], done.json()["layers"][0]["release"]), ("not yet", 3))
        self.assertEqual(self.appraise(self.base, self.other, new).status, 1)
        self.assertEqual(self.appraise(self.base, self.other, new, at="2026-12-02T00:00:00Z").status, 0)

    def test_check_of_layers(self) -> None:
        good = self.run_limequat("policy", "check", self.base, self.web)
        self.assertEqual([one["check"] for one in good.json()["findings"] if one["outcome"] != "passed"],
                         ["policy.check.exclude_programs"], good.out)   # "/bin/" of the base
        old = self.label(self.web, "web-old", "--retire-after", "2026-12-01T00:00:00Z")
        done = self.run_limequat("policy", "check", self.web, old)
        self.assertEqual(done.status, 1)
        failed = {one["check"]: one["detail"] for one in done.json()["findings"] if one["outcome"] != "passed"}
        self.assertEqual(list(failed), ["policy.check.layers.shadowed"], failed)
        self.assertIn("web-old.json' adds nothing", failed["policy.check.layers.shadowed"])
        self.assert_error(self.run_limequat("policy", "check", self.web, old, "--checksum", "0" * 64), 2, "cli.usage")

    def test_usage(self) -> None:
        self.assert_error(self.run_limequat("policy", "label", self.web), 2, "cli.usage")
        self.assert_error(self.run_limequat("policy", "label", self.web, "--retire-after", "soon"), 2, "cli.usage")
        self.assert_error(self.run_limequat("policy", "label", self.web, "--effective-from", "2026-12-02T00:00:00Z",
                                            "--retire-after", "2026-12-01T00:00:00Z"), 3, "policy.window")
        self.assert_error(self.appraise(self.web, self.web), 3, "policy.layers")
        private, _ = self.p256()
        signed = self.folder / "web.dsse.json"
        words = ("policy", "sign", self.web, "--key", private, "--retire-after", "2026-12-01T00:00:00Z", "--output", signed)
        self.assertEqual(self.run_limequat(*words).status, 0)
        self.assert_error(self.run_limequat("policy", "label", signed, "--name", "x"), 2, "cli.usage")
        old = self.label(self.web, "old", "--retire-after", "2026-12-01T00:00:00Z")
        self.assert_error(self.run_limequat("policy", "merge", self.web, old), 1, "policy.merge")
