"""Device-mapper rules (`ima.dm_policy`): Keylime's machine, which its own schema keeps from ever running, and ours.

Both are given the same events of block devices. Where ours differs on purpose is named here, and listed in
docs/keylime-differences.md.
"""

import copy
import hashlib
import itertools
import json
import struct
import subprocess

import scenario
from limequat import program

# As the class that evaluates entries calls it: one answer for each event, then what is not as the rules require.
KEYLIME = """
import json, sys
from keylime.ima import ast, ima_dm
def answer(rules, events):
    validator, refused = ima_dm.DmIMAValidator(rules), []
    for line in events:
        entry = ast.Entry(line).mode
        try:
            refused.append(bool(validator.validate(entry.digest, entry.name, entry.data)))
        except Exception as error:
            refused.append(type(error).__name__)
    return refused, bool(validator.invalid())
print(json.dumps([answer(*case) for case in json.load(sys.stdin)]))
"""
ROW = {"target_index": "0", "target_begin": "0", "target_len": "204808", "target_name": "verity", "target_version": "1.8.0", "hash_failed": "V",
       "verity_version": "1", "data_device_name": "7:1", "hash_device_name": "7:0", "verity_algorithm": "sha256", "root_digest": "6eaf", "salt": "d738",
       "ignore_zero_blocks": "n", "check_at_most_once": "n"}
RULE = {"required": True, "device_resume_required": True, "device_rename": {"valid_name": False, "valid_uuid": False},
        "device_remove": {"allow_removal": False}, "allow_clear": False,
        "table_load": {"allow_multiple_loads": False, "name": "root|usr", "uuid": "CRYPT-.*", "major": 253, "minor": 0, "minor_count": 1,
                       "num_targets": 1,
                       "targets": [{"target_name": "verity", "target_index": 0, "hash_failed": "V", "verity_version": 1, "root_digest": "6e.*",
                                    "check_at_most_once": False, "ignore_zero_blocks": "n", "verity_mode": None}]}}


def device(name="root", uuid="CRYPT-1", **values):
    return f"name={name},uuid={uuid}," + ",".join(
        f"{key}={values.get(key, value)}" for key, value in {"major": 253, "minor": 0, "minor_count": 1, "num_targets": 1}.items()) + ";"


def row(**values):
    return ",".join(f"{key}={value}" for key, value in {**ROW, **values}.items()) + ";"


def load(about=None, rows=None):
    return "dm_table_load", "dm_version=4.45.0;" + (about or device()) + (rows or row())


def resume(of=None, about=None):
    text = (of or load())[1]
    return "dm_device_resume", ("dm_version=4.45.0;" + (about or device())
                                + f"active_table_hash=sha256:{hashlib.sha256(text.encode()).hexdigest()};current_device_capacity=204808;")


def clear(about=None):
    return "dm_table_clear", "dm_version=4.45.0;" + (about or device()) + f"inactive_table_hash=sha256:{'0' * 64};current_device_capacity=1;"


NOTHING_TO_CLEAR = "dm_table_clear", "dm_version=4.45.0;name=root,uuid=CRYPT-1;table_clear=no_data;current_device_capacity=1;"


def remove(about=None):
    return "dm_device_remove", ("dm_version=4.45.0;device_active_metadata=" + (about or device())
                                + f"active_table_hash=sha256:{'0' * 64},remove_all=n;current_device_capacity=1;")


def rename(name="usr", uuid="CRYPT-1", about=None):
    return "dm_device_rename", "dm_version=4.45.0;" + (about or device()) + f"new_name={name},new_uuid={uuid};current_device_capacity=1;"


def update(about=None, **values):
    return "dm_target_update", "dm_version=4.45.0;" + (about or device()) + row(**values)


def line(name, text):
    """The entry of a list."""
    buffer = text.encode()
    digest = hashlib.sha256(buffer)
    fields = [b"sha256:\0" + digest.digest(), name.encode() + b"\0", buffer]
    template = hashlib.sha1(b"".join(struct.pack("<I", len(field)) + field for field in fields))
    return f"10 {template.hexdigest()} ima-buf sha256:{digest.hexdigest()} {name} {buffer.hex()}"


class DeviceMapperTest(scenario.KeylimeToolsTest):
    def theirs(self, *cases):
        """For each case, rules and events: what was refused, and whether a required device is missing."""
        done = subprocess.run([self.keylime.servers / "bin/python", "-c", KEYLIME], env=self.environment, cwd=self.folder, timeout=60,
                              input=json.dumps([[rules, [line(*event) for event in events]] for rules, events in cases]).encode(), capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return json.loads(done.stdout.splitlines()[-1])

    def ours(self, rules, events):
        policy, log = self.folder / "policy.json", self.folder / "list"
        policy.write_text(json.dumps({
            "meta": {"version": 1, "generator": 3}, "release": 0, "digests": {"/bin/a": ["1" * 64]}, "excludes": [], "keyrings": {},
            "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": rules}, "ima-buf": {}, "verification-keys": ""}))
        log.write_text("".join(line(*event) + "\n" for event in events))
        done = subprocess.run([program("limequat"), "appraise", "ima", log, "--policy", policy, "--all", "-o", "json"], capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        findings = [finding for finding in json.loads(done.stdout)["findings"] if finding["outcome"] != "passed"]
        wrong = {finding["subject"]["event"] for finding in findings if "event" in finding.get("subject", {})}
        return [event in wrong for event in range(len(events))], any(finding["check"] == "ima.device_mapper.required" for finding in findings)

    def rules(self, match_on="name", **changes):
        rule = copy.deepcopy(RULE)
        for name, value in changes.items():
            rule.update({name: value}) if name in rule else rule["table_load"].update({name: value})
        return {"version": 1, "match_on": match_on, "rules": {"verity": rule}}

    def alike(self, *cases):
        for (rules, events), (theirs, required) in zip(cases, self.theirs(*cases), strict=True):
            ours, ours_required = self.ours(rules, events)
            self.assertEqual(ours, theirs, events)
            if not any(ours):   # what was refused leaves the two in different states; neither passes then
                self.assertEqual(ours_required, required, events)

    def test_single_values(self):
        changes = ({}, {"hash_failed": "C"}, {"root_digest": "ffff"}, {"check_at_most_once": "y"}, {"verity_version": "2"},
                   {"ignore_zero_blocks": "y"}, {"salt": "other"}, {"root_hash_sig_key_desc": "key"})
        devices = (device("other"), device(uuid="LVM-1"), device(major=7), device(minor=1), device(minor_count=2), device(num_targets=2))
        for match_on in ("name", "uuid"):
            self.alike(*((self.rules(match_on), [load(rows=row(**changed))]) for changed in changes),
                       *((self.rules(match_on), [load(about)]) for about in devices))

    def test_every_order_of_events(self):
        events = [load(), resume(), clear(), remove(), rename(), update()]
        cases = [(rules, [load(), *order]) for rules in (
                     self.rules(), self.rules("uuid", allow_multiple_loads=True), self.rules(device_remove={"allow_removal": True}),
                     self.rules(device_rename={"valid_name": "usr", "valid_uuid": False}))
                 for order in itertools.product(events, repeat=2)]
        for (rules, story), (theirs, _) in zip(cases, self.theirs(*cases), strict=True):
            ours, _ = self.ours(rules, story)
            # The first objection is the same; the boot has failed with it.
            self.assertEqual(ours.index(True) if True in ours else None, theirs.index(True) if True in theirs else None, (rules, story))

    def test_a_whole_life(self):
        rules = self.rules(device_remove={"allow_removal": True}, allow_clear=True, allow_multiple_loads=True,
                           device_rename={"valid_name": "root|usr", "valid_uuid": None})
        self.alike((rules, [load(), resume(), update(), load(), resume(), rename(), update(device("usr")), rename("root", about=device("usr")),
                            NOTHING_TO_CLEAR, remove(), load(), resume()]))

    def test_where_ours_differs_on_purpose(self):
        # Two rows and a rule for one: Keylime never looks at the second.
        two = "".join(row(target_index=str(index), root_digest=digest) for index, digest in enumerate(("6eaf", "ffff")))
        rules = self.rules(num_targets=2)
        self.assertEqual(self.theirs((rules, [load(device(num_targets=2), two)]))[0][0], [False])
        # A rename to "n" where no new name is allowed.
        self.assertEqual(self.theirs((self.rules(), [load(), rename("n")]))[0][0], [False, False])
        self.assertEqual(self.ours(self.rules(), [load(), rename("n")])[0], [False, True])
        # A new uuid under which the device is lost.
        rules = self.rules("uuid", device_rename={"valid_name": False, "valid_uuid": "CRYPT-2"})
        story = [load(), rename("root", "CRYPT-2"), update(device(uuid="CRYPT-2"))]
        self.assertEqual(self.theirs((rules, story))[0][0], [False, False, True])
        self.assertEqual(self.ours(rules, story)[0], [False, False, False])
        # A table that was there and may be cleared: Keylime cannot read the event.
        self.assertEqual(self.theirs((self.rules(allow_clear=True), [load(), resume(), clear()]))[0][0], [False, False, True])
        self.assertEqual(self.ours(self.rules(allow_clear=True), [load(), resume(), clear()])[0], [False, False, False])
        # A row that is not there.
        self.assertEqual(self.theirs((self.rules(), [load(), update(target_index=7)]))[0][0], [False, "IndexError"])
        self.assertEqual(self.ours(self.rules(), [load(), update(target_index=7)])[0], [False, True])
