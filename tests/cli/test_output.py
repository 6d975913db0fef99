"""What the command writes: formats, escaping, colours, standard input, pipes that break."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import yaml_subset
from cli_testing import DATA, LIMEQUAT, CliTest
from ima_lists import binary_list

_LIST = DATA / "ima" / "vm__violation-61.bin"
_HOSTILE = [b"/tmp/\x1b[2J\x1b]0;owned\x07", b"/tmp/$(reboot)`id`", "/tmp/\u202etxt.exe".encode(), b"/tmp/\xff\xc3",
            b"/tmp/a b\tc\nd", b"/tmp/back\\slash", "/tmp/日本".encode(), b"- yes: 'no' #"]


class FormatTest(CliTest):
    def test_yaml_and_json_say_the_same(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            hostile = Path(folder) / "list"
            hostile.write_bytes(binary_list(_HOSTILE))
            for path in (_LIST, hostile):
                words = ("inspect", "ima", path, "--entries")
                as_yaml = self.run_limequat(*words, "-o", "yaml")
                self.assertEqual(as_yaml.status, 0, as_yaml.err)
                self.assertEqual(yaml_subset.load(as_yaml.out.decode()), self.run_limequat(*words, "-o", "json").json())

    def test_json_is_the_default_in_a_pipe(self) -> None:
        self.assertEqual(self.run_limequat("inspect", "ima", _LIST).json()["entries"], 61)

    def test_table_can_be_asked_for(self) -> None:
        text = self.run_limequat("inspect", "ima", _LIST, "-o", "table").out.decode()
        self.assertIn("entries         61\n", text)
        self.assertIn("violations      2\n", text)
        self.assertNotIn("\x1b", text)

    def test_json_is_never_shortened(self) -> None:
        long = b"/" + b"x" * 9000
        shown = self.run_limequat("inspect", "ima", "-", "--entries", stdin=binary_list([long] * 300)).json()
        self.assertEqual([m["path"] for m in shown["measurements"][1:]], [long.decode()] * 300)


class EscapingTest(CliTest):
    """A15: nothing out of evidence reaches the terminal as it is."""

    def test_attack_a15_no_format_carries_control_characters(self) -> None:
        for output in ("table", "json", "yaml"):
            done = self.run_limequat("inspect", "ima", "-", "--entries", "-o", output, stdin=binary_list(_HOSTILE))
            self.assertEqual(done.status, 0, done.err)
            text = done.out.decode()
            for character in text:
                self.assertTrue(character == "\n" or character.isprintable(), f"{output}: {character!r}")
            self.assertIn("日本", text)

    def test_attack_a15_a_name_is_one_line_of_the_table(self) -> None:
        done = self.run_limequat("inspect", "ima", "-", "--entries", "-o", "table", stdin=binary_list([b"/a\n99  10  ima-ng  -  /forged"]))
        self.assertEqual(sum("ima-ng" in line for line in done.out.decode().splitlines()[4:]), 2 + 0, done.out.decode())

    def test_attack_a15_names_in_findings_are_escaped_and_next_has_none(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            policy = Path(folder) / "policy.json"
            (Path(folder) / "root").mkdir()
            (Path(folder) / "root" / "known").write_text("x")
            self.run_limequat("policy", "create", "runtime", "--root", Path(folder) / "root", "--output", policy)
            hostile = binary_list(_HOSTILE)
            for output in ("table", "json", "yaml"):
                done = self.run_limequat("appraise", "ima", "-", "--policy", policy, "-o", output, "--all", stdin=hostile)
                self.assertEqual(done.status, 1, done.err)
                for character in done.out.decode():
                    self.assertTrue(character == "\n" or character.isprintable(), f"{output}: {character!r}")
            findings = self.run_limequat("appraise", "ima", "-", "--policy", policy, stdin=hostile).json()["findings"]
            unknown = [finding for finding in findings if finding["check"] == "ima.path"]
            self.assertEqual(len(unknown), len(_HOSTILE))
            self.assertEqual({finding["next"] for finding in unknown}, {unknown[0]["next"]})
            self.assertNotIn("/tmp", unknown[0]["next"])

    def test_attack_a15_arguments_are_escaped_in_errors(self) -> None:
        done = self.run_limequat("inspect", "ima", "/nowhere/\x1b[2Jx")
        self.assert_error(done, 4, "cli.input.absent")
        self.assertNotIn("\x1b", done.err)


class TerminalTest(CliTest):
    """On a terminal there are tables and colours, if nobody objects."""

    def on_terminal(self, *words: object, env: dict[str, str] | None = None) -> str:
        environment = {**os.environ, "TERM": "xterm", **(env or {})}
        if "NO_COLOR" not in (env or {}):
            environment.pop("NO_COLOR", None)
        return self.run_on_terminal(*words, environment=environment)[1]

    def test_table_with_colours_by_default(self) -> None:
        text = self.on_terminal("inspect", "ima", _LIST, "--entries")
        self.assertIn("EVENT", text)
        self.assertIn("\x1b[1;31mviolation\x1b[0m", text)

    def test_no_color_is_heeded(self) -> None:
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            text = self.on_terminal("inspect", "ima", _LIST, "--entries", env=env)
            self.assertIn("violation", text)
            self.assertNotIn("\x1b", text)
        self.assertIn("\x1b", self.on_terminal("inspect", "ima", _LIST, "--entries", env={"NO_COLOR": ""}))

    def test_json_has_no_colours_on_a_terminal(self) -> None:
        self.assertEqual(json.loads(self.on_terminal("inspect", "ima", _LIST, "-o", "json"))["entries"], 61)

    def test_hashing_shows_progress(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "root"
            root.mkdir()
            (root / "a").write_bytes(b"x")
            with (root / "big").open("wb") as file:
                file.truncate(1 << 30)
            output = Path(folder) / "policy.json"
            text = self.on_terminal("policy", "create", "runtime", "--root", root, "--output", output)
            self.assertIn(f"hashing {root}: ", text)
            self.assertIn("of 2 files", text)
            self.assertTrue(output.exists())


class StreamTest(CliTest):
    def test_standard_input(self) -> None:
        content = _LIST.read_bytes()
        self.assertEqual(self.run_limequat("inspect", "ima", "-", stdin=content).json(), self.run_limequat("inspect", "ima", _LIST).json())

    def test_standard_input_only_once(self) -> None:
        self.assert_error(self.run_limequat("appraise", "ima", "-", "--policy", "-", stdin=b""), 2, "cli.usage")
        words = ("verify", "quote", "--ak", "-", "--message", "-", "--signature", "x")
        self.assert_error(self.run_limequat(*words, stdin=b""), 2, "cli.usage")
        self.assert_error(self.run_limequat("inspect", "quote", "-", "--signature", "-", stdin=b""), 2, "cli.usage")

    def test_a_broken_pipe_ends_without_noise(self) -> None:
        read, write = os.pipe()
        os.close(read)
        with subprocess.Popen([LIMEQUAT, "inspect", "ima", _LIST, "--entries"], stdout=write, stderr=subprocess.PIPE) as child:
            os.close(write)
            _, err = child.communicate(timeout=60)
        self.assertEqual(child.returncode, -13)   # SIGPIPE, as every filter
        self.assertEqual(err, b"")

    def test_a_broken_pipe_never_looks_good(self) -> None:
        """Where SIGPIPE is ignored, as under some supervisors."""
        read, write = os.pipe()
        os.close(read)
        with subprocess.Popen([LIMEQUAT, "inspect", "ima", _LIST], stdout=write, stderr=subprocess.PIPE, restore_signals=False) as child:
            os.close(write)
            _, err = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 6, err)
        self.assertIn(b"[cli.output]", err)

    def test_a_full_disk_never_looks_good(self) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run([LIMEQUAT, "inspect", "ima", _LIST], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
        self.assertEqual(done.returncode, 6)
        self.assertIn(b"[cli.output]", done.stderr)
