"""Results longer than the terminal go to the reader's pager, and only there."""

import json
import os
import tempfile
from pathlib import Path

from cli_testing import DATA, CliTest

_LOG = DATA / "eventlog" / "vm__fw-shim-sb-61.bin"
_LIST = DATA / "ima" / "vm__violation-61.bin"
_MARK = "through the pager"


class PagerTest(CliTest):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="limequat-pager-")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def on_terminal(self, *words: object, rows: int = 20, env: dict[str, str] | None = None) -> tuple[int, str]:
        """Exit status and what a terminal of this height gets; no variable that chooses a pager is inherited."""
        environment = {name: value for name, value in os.environ.items() if name not in ("PAGER", "LESS", "NO_COLOR")}
        return self.run_on_terminal(*words, rows=rows, environment={**environment, "TERM": "xterm", **(env or {})})

    def pager(self) -> dict[str, str]:
        return {"PAGER": f"echo {_MARK}; cat"}

    def test_a_long_result_goes_through_the_pager_as_it_is(self) -> None:
        status, paged = self.on_terminal("inspect", "eventlog", _LOG, env=self.pager())
        self.assertEqual(status, 0)
        self.assertTrue(paged.startswith(_MARK + "\n"), paged[:100])
        plain = self.on_terminal("inspect", "eventlog", _LOG, "--no-pager", env=self.pager())[1]
        self.assertEqual(paged.removeprefix(_MARK + "\n"), plain)
        self.assertIn("\x1b[", paged)
        ima = self.on_terminal("inspect", "ima", _LIST, "--entries", env=self.pager())[1]
        self.assertTrue(ima.startswith(_MARK))

    def test_json_on_a_terminal_is_paged_too_and_whole(self) -> None:
        paged = self.on_terminal("inspect", "eventlog", _LOG, "-o", "json", env=self.pager())[1]
        shown = json.loads(paged.removeprefix(_MARK + "\n"))
        self.assertEqual(shown, self.run_limequat("inspect", "eventlog", _LOG).json())

    def test_what_fits_is_not_paged(self) -> None:
        words = ("inspect", "ima", _LIST)
        self.assertFalse(self.on_terminal(*words, env=self.pager())[1].startswith(_MARK))
        lines = self.on_terminal(*words)[1].count("\n")
        self.assertFalse(self.on_terminal(*words, rows=lines + 1, env=self.pager())[1].startswith(_MARK))
        self.assertTrue(self.on_terminal(*words, rows=lines, env=self.pager())[1].startswith(_MARK))

    def test_no_pager_where_nobody_reads(self) -> None:
        started = self.folder / "started"
        done = self.run_limequat("inspect", "eventlog", _LOG, "-o", "table", env={"PAGER": f"touch {started}; cat", "TERM": "xterm"})
        self.assertEqual(done.status, 0)
        self.assertIn(b"EV_SEPARATOR", done.out)
        self.assertFalse(started.exists())

    def test_pagers_that_are_none(self) -> None:
        for env in ({"PAGER": ""}, {"PAGER": "cat"}, {"PAGER": f"echo {_MARK}", "TERM": "dumb"}):
            status, text = self.on_terminal("inspect", "eventlog", _LOG, env=env)
            self.assertEqual(status, 0)
            self.assertIn("EV_SEPARATOR", text)
            self.assertNotIn(_MARK, text)

    def test_a_pager_that_is_not_there_hides_nothing(self) -> None:
        status, text = self.on_terminal("inspect", "eventlog", _LOG, env={"PAGER": "/nowhere/pager"})
        self.assertEqual(status, 0)
        self.assertIn("EV_SEPARATOR", text)

    def test_less_is_the_default_and_its_options_are_the_readers(self) -> None:
        less = self.folder / "less"
        less.write_text(f'#!/bin/sh\necho {_MARK} with "$LESS"\ncat\n')
        less.chmod(0o755)
        path = f"{self.folder}:{os.environ['PATH']}"
        self.assertTrue(self.on_terminal("inspect", "eventlog", _LOG, env={"PATH": path})[1].startswith(f"{_MARK} with FRX\n"))
        own = self.on_terminal("inspect", "eventlog", _LOG, env={"PATH": path, "LESS": "S"})[1]
        self.assertTrue(own.startswith(f"{_MARK} with S\n"))
        bare = self.on_terminal("inspect", "eventlog", _LOG, env={"PATH": "/nowhere"})
        self.assertEqual(bare[0], 0)
        self.assertIn("EV_SEPARATOR", bare[1])

    def test_a_reader_who_leaves_early_has_seen_what_they_wanted(self) -> None:
        # More than a pipe holds, so that the rest cannot be written.
        status, text = self.on_terminal("inspect", "eventlog", _LOG, "-o", "json", env={"PAGER": "head -n 1"})
        self.assertEqual((status, text), (0, "{\n"))
