"""`limequat policy simulate`: who would newly fail or pass under a draft, and why."""

import json
from pathlib import Path
from typing import Any

from cli_testing import DATA
from ima_lists import binary_list, digest_of, replay
from test_policy_files import _ONE, PolicyFileTest, policy

_NAMES = [b"/bin/a", b"/bin/b"]


def listed(*names: bytes) -> dict[str, list[str]]:
    return {name.decode(): [digest_of(name)] for name in names}


class SimulateTest(PolicyFileTest):
    def setUp(self) -> None:
        super().setUp()
        self.fleet = self.folder / "fleet"
        self.fleet.mkdir()
        self.machine("web-1", *_NAMES)
        self.machine("web-2", *_NAMES, b"/bin/c")
        self.machine("web-3", b"/bin/a")
        self.current = self.write("current.json", policy(listed(*_NAMES)))

    def machine(self, name: str, *files: bytes) -> Path:
        path = self.fleet / name
        path.write_bytes(binary_list(list(files)))
        return path

    def simulate(self, *drafts: object, against: tuple[object, ...] = (), evidence: tuple[object, ...] = (), words: tuple[object, ...] = ()) -> Any:
        against_words = ("--against", *against) if against else ()
        return self.run_limequat("policy", "simulate", *drafts, *against_words, "--evidence", *(evidence or (self.fleet,)), *words)

    def effects(self, done: Any) -> dict[str, str]:
        return {one["name"]: one["effect"] for one in done.json()["machines"]}

    def test_who_would_newly_fail_and_why(self) -> None:
        done = self.simulate(self.write("draft.json", policy({**listed(b"/bin/a"), "/bin/b": [_ONE]})), against=(self.current,))
        self.assertEqual(done.status, 1, done.err)
        self.assertEqual(self.effects(done), {"web-1": "newly_failing", "web-2": "stays_failing", "web-3": "stays_passing"})
        machine = done.json()["machines"][0]
        self.assertEqual((machine["name"], machine["now"], machine["then"], machine["evidence"]), ("web-1", "pass", "fail", str(self.fleet / "web-1")))
        self.assertEqual([(one["check"], one["subject"]["path"], one["cause"]) for one in machine["added"]], [("ima.digest", "/bin/b", "policy-lag")])
        cause = done.json()["causes"][0]
        self.assertEqual((cause["machines"], cause["subject"]["path"], cause["found"]), (1, "/bin/b", "sha256:" + digest_of(b"/bin/b")))
        self.assertEqual(done.json()["counts"], {"newly_failing": 1, "newly_unpoliced": 0, "stays_failing": 1, "stays_unpoliced": 0,
                                                 "newly_passing": 0, "stays_passing": 1})

    def test_says_it_for_people(self) -> None:
        for number in range(4, 14):
            self.machine(f"web-{number:02}", *_NAMES)
        text = self.simulate(self.write("draft.json", policy(listed(b"/bin/a"))), against=(self.current,), words=("-o", "table")).out.decode()
        for part in ("11 of 13 machines would newly fail\n", "  ima.path  cause: tamper\n    /bin/b (11)\n",
                     "The others stay: 1 passing, 1 failing, 0 unpoliced", "web-1    pass  fail  ima.path /bin/b",
                     f"path /bin/b  {digest_of(b'/bin/b')}", "nothing was changed"):
            self.assertIn(part, text)

    def test_command_line_that_a_layer_needs_hides_nothing(self) -> None:
        def needing(digests: dict[str, list[str]]) -> Any:
            made = policy(digests)
            made["ima"]["coverage"] = {"command_line": {"ima_policy": ["tcb"]}}
            return made
        draft = self.write("draft.json", needing({**listed(b"/bin/a"), "/bin/b": [_ONE]}))
        done = self.simulate(draft, against=(self.write("now.json", needing(listed(*_NAMES))),))
        self.assertEqual(done.status, 1, done.err)
        self.assertEqual(self.effects(done), {"web-1": "newly_failing", "web-2": "stays_failing", "web-3": "stays_passing"})
        self.assertIn("a layer needs a kernel command line, which no list shows: left out", done.err)

    def test_who_would_newly_pass(self) -> None:
        done = self.simulate(self.write("draft.json", policy(listed(*_NAMES, b"/bin/c"))), against=(self.current,))
        self.assertEqual((done.status, self.effects(done)["web-2"]), (0, "newly_passing"), done.err)
        removed = next(one for one in done.json()["machines"] if one["name"] == "web-2")["removed"]
        self.assertEqual([one["subject"]["path"] for one in removed], ["/bin/c"])

    def test_a_draft_on_standard_input(self) -> None:
        draft = json.dumps(policy(listed(*_NAMES, b"/bin/c"))).encode()
        done = self.run_limequat("policy", "simulate", "-", "--against", self.current, "--evidence", self.fleet, stdin=draft)
        self.assertEqual((done.status, self.effects(done)["web-2"]), (0, "newly_passing"), done.err)

    def test_layers_of_both_sides(self) -> None:
        base, web = self.write("base.json", policy(listed(b"/bin/a"))), self.write("web.json", policy(listed(b"/bin/b")))
        team = self.write("team.json", policy(listed(b"/bin/c")))
        done = self.simulate(base, web, team, against=(base, web))
        self.assertEqual((done.status, self.effects(done)), (0, {"web-1": "stays_passing", "web-2": "newly_passing", "web-3": "stays_passing"}))
        self.assertEqual([len(done.json()[side]) for side in ("draft", "current")], [3, 2])
        self.assertEqual(self.simulate(base, against=(base, web)).status, 1)

    def test_attack_a10_a_draft_that_checks_nothing_is_worse(self) -> None:
        done = self.simulate(self.write("draft.json", policy(listed(b"/bin/a"), "/.*")), against=(self.current,))
        self.assertEqual((done.status, set(self.effects(done).values())), (1, {"newly_unpoliced"}))
        self.assertTrue(done.json()["unpoliced_because"])

    def test_without_a_policy_of_now_machines_are_held_to_nothing(self) -> None:
        done = self.simulate(self.current)
        self.assertEqual((done.status, self.effects(done)), (1, {"web-1": "newly_passing", "web-2": "newly_failing", "web-3": "newly_passing"}))
        self.assertEqual(done.json()["machines"][0]["now"], "unpoliced")

    def test_the_time_of_a_window(self) -> None:
        late = self.folder / "late.json"
        self.assertEqual(self.run_limequat("policy", "label", self.write("c.json", policy(listed(*_NAMES, b"/bin/c"))), "--effective-from",
                                           "2030-01-01T00:00:00Z", "--output", late).status, 0)
        statuses = [self.simulate(late, against=(self.current,), words=("--at", at)).status for at in ("2029-01-01T00:00:00Z", "2030-06-01T00:00:00Z")]
        self.assertEqual(statuses, [1, 0])

    def test_a_machine_without_good_evidence_stops_nobody(self) -> None:
        (self.fleet / "bad").write_bytes(b"10 no list\n")
        (self.fleet / "empty-folder").mkdir()
        done = self.simulate(self.current, against=(self.current,))
        self.assertEqual((done.status, done.json()["evaluated"]), (0, 3))
        self.assertEqual([one["name"] for one in done.json()["not_evaluated"]], ["bad", "empty-folder"])
        self.assertIn("limequat: not evaluated: bad: ", done.err)

    def test_status_3_only_if_nothing_could_be_evaluated(self) -> None:
        bad = self.folder / "bad"
        bad.write_bytes(b"10 no list\n")
        self.assertEqual(self.simulate(self.current, evidence=(bad,)).status, 3)
        self.assertEqual(self.simulate(self.current, evidence=(bad, self.fleet / "web-1")).status, 0)

    def test_what_is_not_there(self) -> None:
        self.assert_error(self.simulate(self.current, evidence=(self.folder / "absent",)), 4, "cli.evidence")
        self.assert_error(self.simulate(self.folder / "absent"), 4, "cli.input.absent")
        self.assert_error(self.simulate("-", "-"), 2, "cli.usage")

    def test_attack_a06_pcr_values_end_what_counts(self) -> None:
        folder = self.folder / "recorded"
        (folder / "web-9").mkdir(parents=True)
        (folder / "web-9" / "ima.bin").write_bytes(binary_list([*_NAMES, b"/bin/late"]))
        pcrs = folder / "web-9" / "pcrs.json"
        self.assertEqual(self.effects(self.simulate(self.current, against=(self.current,), evidence=(folder,))), {"web-9": "stays_failing"})
        pcrs.write_text(json.dumps({"sha256": {"10": replay(_NAMES, "sha256")}}))
        self.assertEqual(self.effects(self.simulate(self.current, against=(self.current,), evidence=(folder,))), {"web-9": "stays_passing"})
        pcrs.write_text(json.dumps({"sha256": {"10": "1" * 64}}))
        self.assertEqual(self.effects(self.simulate(self.current, against=(self.current,), evidence=(folder,))), {"web-9": "stays_failing"})
        pcrs.write_text(json.dumps({"sha256": {"9": "1" * 64}}))
        done = self.simulate(self.current, evidence=(folder,))
        self.assertEqual((done.status, done.json()["not_evaluated"][0]["error"]["id"]), (3, "cli.evidence"))
        pcrs.write_text("{}")
        self.assertEqual(self.simulate(self.current, evidence=(folder / "web-9",)).status, 3)

    def test_attack_a11_with_a_key_every_layer_must_be_signed(self) -> None:
        private, public = self.p256()
        envelope = self.folder / "draft.dsse.json"
        self.assertEqual(self.run_limequat("policy", "sign", self.current, "--key", private, "--output", envelope).status, 0)
        self.assertEqual(self.simulate(envelope, evidence=(self.fleet / "web-1",), words=("--policy-key", public)).status, 0)
        for draft, against in ((self.current, ()), (envelope, (self.current,))):
            self.assert_error(self.simulate(draft, against=against, words=("--policy-key", public)), 1, "policy.signature")
        _, other = self.p256("other")
        self.assert_error(self.simulate(envelope, words=("--policy-key", other)), 1, "policy.signature")

    def test_a_fleet_of_real_lists(self) -> None:
        lists = sorted((DATA / "lab" / "boots").glob("*/ima.ascii"))
        texts = [lists[number % len(lists)].read_bytes() for number in range(300)]
        for number, text in enumerate(texts):
            (self.fleet / f"lab-{number}").write_bytes(text)
        empty = self.write("draft.json", policy({"/nothing": [_ONE]}))
        done = self.simulate(empty, evidence=(self.fleet,))
        self.assertEqual((done.status, done.json()["evaluated"]), (1, 303))
        self.assertEqual(done.json()["counts"]["newly_failing"], 303)
        machines = sum(one["machines"] for one in done.json()["causes"] if one["subject"]["path"] == "/usr/bin/busybox")
        self.assertEqual(machines, sum(b" /usr/bin/busybox " in text for text in texts))

    def test_findings_are_shown_in_part_and_counted_in_full(self) -> None:
        self.machine("many", *(b"/opt/%d" % number for number in range(50)))
        draft = self.write("draft.json", policy({"/nothing": [_ONE]}))
        for words, shown, rest in (((), 20, 30), (("--all",), 50, None)):
            machine = self.simulate(draft, evidence=(self.fleet / "many",), words=words).json()["machines"][0]
            self.assertEqual((len(machine["added"]), machine.get("added_not_shown")), (shown, rest))
