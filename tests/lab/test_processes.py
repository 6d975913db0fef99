"""Processes are ended by identity, not by number."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

from lab_testing import FolderTest
from limequat_lab.processes import Processes, identify, wait_until

_SLEEP = ["sleep", "60"]
_STUBBORN = [sys.executable, "-c", "import signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
             "print('ready', flush=True)\ntime.sleep(60)"]

_FIRST_THREAD_ENDS = [sys.executable, "-c", "import ctypes, threading, time\n"
                      "threading.Thread(target=time.sleep, args=(60,)).start()\n"
                      "print('ready', flush=True)\nctypes.CDLL(None).pthread_exit(None)"]


class ProcessesTest(FolderTest):
    def setUp(self) -> None:
        super().setUp()
        self.processes = Processes(self.folder / "run")
        self.addCleanup(self.processes.end_all)

    def start(self, name: str, command: list[str]) -> int:
        self.processes.start(name, command, self.folder / f"{name}.log")
        pid = self.processes.pid(name)
        assert pid is not None
        return pid

    def test_a_started_process_is_known_to_another_command_and_ended_by_it(self) -> None:
        pid = self.start("a", _SLEEP)
        other = Processes(self.folder / "run")
        self.assertEqual(other.pid("a"), pid)
        other.end("a")
        self.assertIsNone(identify(pid))
        self.assertEqual(other.names(), [])

    def test_a_process_that_ignores_the_request_is_killed(self) -> None:
        pid = self.start("a", _STUBBORN)
        self.assertTrue(wait_until(lambda: b"ready" in (self.folder / "a.log").read_bytes(), 10))
        self.processes.end("a", grace=0.1)
        self.assertIsNone(identify(pid))

    def test_a_stranger_with_the_recorded_pid_is_left_alone(self) -> None:
        stranger = subprocess.Popen(_SLEEP)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        identity = identify(stranger.pid)
        assert identity is not None
        (self.folder / "run").mkdir()
        for changed in ({"started": identity.started - 1}, {"boot": "another"}):
            record = {"pid": identity.pid, "started": identity.started, "boot": identity.boot, **changed}
            (self.folder / "run" / "a.json").write_text(json.dumps(record))
            self.assertIsNone(self.processes.pid("a"))
            self.processes.end("a")
            self.assertIsNotNone(identify(stranger.pid))

    def test_a_process_runs_until_its_last_thread_has_ended(self) -> None:
        """A process that was killed is not gone with its first thread: the others still hold its ports."""
        pid = self.start("a", _FIRST_THREAD_ENDS)
        state = Path(f"/proc/{pid}/stat")
        self.assertTrue(wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", 10))
        self.assertEqual(self.processes.pid("a"), pid)
        self.processes.end("a", grace=0.1)
        self.assertIsNone(identify(pid))

    def test_a_process_that_ended_by_itself_is_not_running(self) -> None:
        self.processes.start("a", ["true"], self.folder / "a.log")
        self.assertTrue(wait_until(lambda: self.processes.pid("a") is None, 10))
        self.processes.end("a")

    def test_ending_twice_and_ending_the_unknown_do_nothing(self) -> None:
        self.start("a", _SLEEP)
        self.processes.end("a")
        self.processes.end("a")
        self.processes.end("never-started")

    def test_a_damaged_record_names_no_process(self) -> None:
        (self.folder / "run").mkdir()
        (self.folder / "run" / "a.json").write_text("{")
        self.assertIsNone(self.processes.pid("a"))
        self.processes.end_all()
        self.assertEqual(self.processes.names(), [])

    def test_a_process_has_a_session_of_its_own(self) -> None:
        self.assertNotEqual(os.getsid(self.start("a", _SLEEP)), os.getsid(0))


if __name__ == "__main__":
    unittest.main()
