"""A machine under several policies: its base system's, its team's, and one that retires; bound by name and by label."""

import datetime
import functools
import hashlib
import http.server
import json
import subprocess
import threading
import time

from e2e_testing import LabTest

TOOL = "usr/bin/team-tool"


class LayersTest(LabTest):
    light = 3   # each test has one of its own
    enrol = False

    @classmethod
    def policy(cls, name, *files, retire_after=None):
        """Pushes a policy that lists these files: (path, content)."""
        return cls.operator("policy", "push", name, cls.policy_file(name, *files, retire_after=retire_after))

    @classmethod
    def policy_file(cls, name, *files, retire_after=None):
        root = cls.folder / f"{name}-{time.monotonic_ns()}"
        for path, content in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        made = root.with_suffix(".json")
        cls.operator("policy", "create", "runtime", "--root", root, "--output", made)
        if retire_after:
            cls.operator("policy", "label", made, "--retire-after", retire_after, "--output", made)
        return made

    @classmethod
    def push_base(cls, name, machine):
        """Pushes a policy of what is in the root file system of the machine."""
        root = cls.lab.root_of(cls.lab.machine(machine)).folder
        cls.operator("policy", "create", "runtime", "--root", root, "--output", cls.folder / f"{name}.json")
        cls.operator("policy", "push", name, cls.folder / f"{name}.json")

    @classmethod
    def image_with(cls, package, version, *files):
        """The root of a system whose dpkg has installed a package with these files."""
        database = cls.folder / f"image-{package}" / "var" / "lib" / "dpkg"
        (database / "info").mkdir(parents=True)
        (database / "status").write_text(f"Package: {package}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n")
        (database / "info" / f"{package}.list").write_text("".join(f"{file}\n" for file in files))
        return cls.folder / f"image-{package}"

    def serve(self, file):
        """The address of a file on a web server that runs until the test ends."""
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=file.parent)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}/{file.name}"

    def finding(self, check, machine="light-1"):
        current = self.explained(machine)["current"] or {"findings": []}
        return next((f for f in current["findings"] if f["check"] == check), None)

    def explained(self, machine="light-1"):
        done = self.command("explain", machine)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def test_layers_from_enrolment_to_the_end_of_a_window(self):
        self.push_base("base", "light-1")
        self.policy("team", ("usr/bin/another", b"x"))
        self.policy("old", ("usr/bin/another", b"x"))
        self.operator("agent", "add", "light-1", "--policy", "base", "--policy", "team", "--policy", "old", "--approve-current-boot")
        self.wait_for("light-1", "pass")

        # Nobody lists the file.
        self.lab.machine("light-1").measure("/" + TOOL, b"tool 1")
        self.wait(lambda: self.finding("ima.path"), "the file is unlisted", self.explained)
        self.assertEqual(self.machine("light-1")["integrity"], "fail")
        image = self.image_with("team-tools", "3.1-2", f"/{TOOL}")
        explained = json.loads(self.command("explain", "light-1", "--packages", image).stdout)
        self.assertEqual(explained["packages"], [{"package": "team-tools 3.1-2", "content": "unknown", "paths": [f"/{TOOL}"]}])
        self.assertIn("of team-tools 3.1-2)", self.command("explain", "light-1", "--packages", image, shown="table").stdout)

        # Each layer of it stays for as long as it is enrolled.
        refused = self.command("policy", "remove", "team")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the policy team is in use by 1 machine: light-1 [verifier.policy_in_use]", refused.stderr)

        # The team's layer lists it.
        pushed = self.policy("team", (TOOL, b"tool 1"))
        self.assertEqual(pushed["machines_appraised_again"], 1)
        self.wait_for("light-1", "pass")
        self.assertEqual([(layer["name"], layer["version"]) for layer in self.machine("light-1")["layers"]],
                         [("base", 1), ("team", 2), ("old", 1)])

        # The team goes on to the next release; the old one is good for a while.
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=4)
        self.policy("old", (TOOL, b"tool 1"), retire_after=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.policy("team", (TOOL, b"tool 2"))
        self.wait_for("light-1", "pass")
        self.wait(lambda: self.machine("light-1")["layers"][2]["state"] == "retired", "the old layer is retired")
        before = self.machine("light-1")["attestations"]
        self.wait(lambda: self.machine("light-1")["attestations"] > before + 1, "it is attested again")
        self.assertEqual(self.machine("light-1")["integrity"], "pass", "it was verified in time")

        # Only the verifier's memory knew that.
        self.kill("verifier")
        self.start_service("verifier")
        self.wait(lambda: self.finding("ima.digest"), "what is retired fails", self.explained)
        finding = self.finding("ima.digest")
        self.assertEqual(finding["cause"], "policy-lag")
        self.assertIn("layer 'old', retired", finding["detail"])
        self.assertIn("layer 'team'", finding["detail"])

    def test_a_signed_policy_file_is_the_last_layer_beside_a_name(self):
        private, public = self.folder / "node.key", self.folder / "node.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", private], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
        private.chmod(0o600)
        self.push_base("base-2", "light-2")
        plain, signed = self.policy_file("node", ("usr/bin/node-tool", b"node")), self.folder / "node.dsse.json"
        self.operator("policy", "sign", plain, "--key", private, "--output", signed)
        add = ("agent", "add", "light-2", "--policy", "base-2", "--approve-current-boot", "--policy-key", public, "--policy-file")
        self.assertIn("[cli.policy_signature]", self.command(*add, plain).stderr)
        # A web server has it; without its checksum nobody asks there.
        url = self.serve(signed)
        self.assertEqual(self.command(*add, url).returncode, 2)
        checksum = hashlib.sha256(signed.read_bytes()).hexdigest()
        self.assertEqual(self.operator(*add, url, "--policy-checksum", checksum)["policy"], "base-2, light-2")
        self.wait_for("light-2", "pass")
        self.assertEqual([layer["name"] for layer in self.machine("light-2")["layers"]], ["base-2", "light-2"])

        # Only its own layer lists the one, and none the other.
        entries = self.machine("light-2")["ima_entries"]
        self.lab.machine("light-2").measure("/usr/bin/node-tool", b"node")
        self.wait(lambda: self.machine("light-2")["ima_entries"] > entries, "the file is seen")
        self.assertEqual(self.machine("light-2")["integrity"], "pass")
        self.lab.machine("light-2").measure("/usr/bin/stray", b"stray")
        self.wait_for("light-2", "fail")
        self.assertEqual(self.finding("ima.path", "light-2")["subject"]["path"], "/usr/bin/stray")

        # What was its own goes with it.
        self.operator("agent", "remove", "light-2")
        names = [policy["name"] for policy in self.operator("policy", "list")["policies"]]
        self.assertIn("base-2", names)
        self.assertNotIn("light-2", names)
        self.assertEqual(self.operator("policy", "remove", "base-2"), {"name": "base-2", "removed": True})

    def test_labels_that_change_and_a_machine_that_moves(self):
        name = "light-3"

        def layers():
            return [(layer["name"], layer["label"]) for layer in self.machine(name)["layers"]]

        def fails_by_the_tool(what):
            self.wait(lambda: self.finding("ima.path", name), what, lambda: self.explained(name))
            self.assertEqual(self.finding("ima.path", name)["subject"]["path"], "/" + TOOL)

        self.push_base("site", name)
        self.policy("site-tool", (TOOL, b"tool 1"))
        self.lab.machine(name).measure("/" + TOOL, b"tool 1")
        self.operator("label", "set", "web", "--policy", "site", "--policy", "site-tool")
        self.operator("label", "set", "bare", "--policy", "site")
        self.operator("agent", "add", name, "--label", "web", "--approve-current-boot")
        self.wait_for(name, "pass")
        self.assertEqual(layers(), [("site", "web"), ("site-tool", "web")])

        # The label loses the layer, and gets it back.
        self.assertEqual(self.operator("label", "set", "web", "--policy", "site")["machines_appraised_again"], 1)
        fails_by_the_tool("the label does not list the file any more")
        self.operator("label", "set", "web", "--policy", "site", "--policy", "site-tool")
        self.wait_for(name, "pass")

        # The machine moves to another label, and gets the layer for itself.
        self.assertEqual(self.operator("agent", "update", name, "--label", "bare")["labels"], ["bare"])
        fails_by_the_tool("the other label does not list the file")
        self.operator("agent", "update", name, "--policy", "site-tool")
        self.wait_for(name, "pass")
        self.assertEqual(layers(), [("site", "bare"), ("site-tool", None)])
        self.assertGreater(self.machine(name)["open_incidents"], 0, "what happened stays")
        self.assertEqual(self.machine(name)["baseline"], "approved")
        self.assertIn("label bare", self.command("explain", name, shown="table").stdout)
        self.assertIn("LABELS", self.command("agent", "list", shown="table").stdout)

        # What is in use, and what is not there.
        self.operator("label", "remove", "bare", expect=1)
        self.operator("label", "show", "missing", expect=4)
        self.operator("agent", "update", name, "--label", "missing", expect=4)
        self.operator("agent", "update", name, expect=2)
        self.operator("label", "remove", "web")
        self.assertEqual([(label["name"], label["machines"]) for label in self.operator("label", "list")["labels"]], [("bare", 1)])

        # The database knows it all.
        self.kill("verifier")
        self.start_service("verifier")
        self.wait_for(name, "pass")
        self.assertEqual(layers(), [("site", "bare"), ("site-tool", None)])
