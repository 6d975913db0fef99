"""A lab's folder, its command line, and what people see."""

import contextlib
import io
import json
import unittest

from lab_testing import FolderTest
from limequat_lab import cli, output
from limequat_lab.assembly import Plan
from limequat_lab.errors import NotFoundError, UnavailableError, UsageError
from limequat_lab.lab import Lab
from limequat_lab.processes import Processes, identify
from limequat_lab.progress import Progress


class FolderOfALabTest(FolderTest):
    def make_lab(self) -> Lab:
        """What is there after `up` was killed while it was at work."""
        folder = self.folder / "lab"
        folder.mkdir()
        ports = {"registrar": 1, "registrar_tls": 2, "verifier": 3}
        (folder / "lab.json").write_text(json.dumps({"format": 1, "ports": ports}))
        return Lab(folder)

    def test_down_ends_what_runs_and_leaves_nothing(self) -> None:
        lab = self.make_lab()
        lab.processes.start("left", ["sleep", "60"], lab.folder / "left.log")
        pid = lab.processes.pid("left")
        assert pid is not None
        self.assertEqual(Lab(lab.folder).down(), ["left"])
        self.assertIsNone(identify(pid))
        self.assertFalse(lab.folder.exists())
        self.assertEqual(Lab(lab.folder).down(), [])
        lab.processes.end_all()

    def test_a_folder_that_is_no_lab_is_left_alone(self) -> None:
        (self.folder / "precious").write_text("x")
        lab = Lab(self.folder)
        for act in (lab.down, lab.status, lambda: lab.machine("guest-1")):
            with self.assertRaises(UsageError):
                act()
        for foreign in ("{", "[]", '{"format": 99}'):
            (self.folder / "lab.json").write_text(foreign)
            with self.assertRaises(UsageError):
                lab.down()
        self.assertTrue((self.folder / "precious").exists())

    def test_no_lab_and_no_machine(self) -> None:
        with self.assertRaises(NotFoundError):
            Lab(self.folder / "absent").status()
        with self.assertRaises(NotFoundError):
            self.make_lab().machine("guest-7")

    def test_up_checks_for_programs_before_it_makes_anything(self) -> None:
        lab = Lab(self.folder / "lab")
        with self.assertRaises(UnavailableError):
            lab.up(Plan(binaries=self.folder))
        self.assertFalse(lab.folder.exists())

    def test_status_of_a_lab_that_was_interrupted(self) -> None:
        status = self.make_lab().status()
        self.assertEqual([entry["running"] for entry in status["services"]], [False, False])  # type: ignore[attr-defined]
        self.assertEqual(status["machines"], [])


class CommandLineTest(FolderTest):
    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = cli.main([*arguments, "--folder", str(self.folder / "lab")])
            except SystemExit as exit_:
                code = int(exit_.code or 0)
        return code, out.getvalue(), err.getvalue()

    def test_exit_codes(self) -> None:
        for arguments, code in ((("status",), 4), (("down",), 0), (("tamper", "x", "--kind", "nonsense"), 2),
                                (("up", "--guests", "many"), 2), (("up", "--bin", str(self.folder)), 6)):
            self.assertEqual(self.run_command(*arguments)[0], code, arguments)

    def test_json_when_piped(self) -> None:
        _, out, _ = self.run_command("down")
        self.assertEqual(json.loads(out)["ended"], [])


class OutputTest(unittest.TestCase):
    def test_a_table_has_values_first_and_lists_under_their_names(self) -> None:
        shown = output.as_table({"folder": "/x", "machines": [{"name": "a", "agent_running": True, "tampered": []},
                                 {"name": "longer", "agent_running": False, "tampered": [{"kind": "k", "at": "t"}]}]})
        self.assertEqual(shown.splitlines(), ["folder: /x", "", "MACHINES", "name    agent running  tampered",
                                              "a       yes            -", "longer  no             k"])

    def test_progress_on_a_pipe_is_a_line_for_each_begin_and_end(self) -> None:
        stream = io.StringIO()
        with contextlib.suppress(ValueError), Progress(stream).step("working") as step:
            step.percent = 50
            raise ValueError
        first, last = stream.getvalue().splitlines()
        self.assertEqual(first, "  working …")
        self.assertRegex(last, r"^✗ working 50%  \d+\.\d s$")

    def test_progress_on_a_terminal_moves_and_ends_with_the_result_alone(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        stream = Terminal()
        progress = Progress(stream)
        with progress.step("working"):
            while "working" not in stream.getvalue():
                pass
        self.assertIn("\x1b[1F\x1b[J✓ working  ", stream.getvalue())


if __name__ == "__main__":
    unittest.main()
