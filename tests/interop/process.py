"""Processes that a test starts: each in a group of its own, with a log, ended without remains."""

import atexit
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools" / "lab"))

from limequat_lab.host import FreePorts  # noqa: E402


class Unavailable(Exception):
    """Something that the test needs is not on this machine: the test is skipped with this reason."""


class Service:
    """A program that runs beside the test; `log` holds what it said."""

    _running = set()

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.environment = {**os.environ, **{k: str(v) for k, v in (environment or {}).items()}}
        self.folder = Path(folder)
        self.log = self.folder / f"{name}.log"
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        Service._running.add(self)
        return self

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def send_signal(self, number):
        """Signals the whole group: Keylime's parents ignore what is sent to them alone."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def stop(self, timeout=5):
        if self.process is None:
            return
        self.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self):
        """Ends the group at once and waits for it."""
        self.send_signal(signal.SIGKILL)
        self.process.wait()
        Service._running.discard(self)

    def tail(self, lines=25):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        shown = without_settings(text).splitlines()[-lines:]
        state = "running" if self.alive() else f"ended with {self.process and self.process.poll()}"
        return "\n".join([f"--- {self.name} ({state}), last lines of its log", *shown])

    @classmethod
    def end_all(cls):
        for service in list(cls._running):
            service.kill()


atexit.register(Service.end_all)


def stop_all(services):
    """Stops services side by side: each may take seconds to drain."""
    services = [service for service in services if service.process is not None]
    for service in services:
        service.send_signal(signal.SIGTERM)
    for service in services:
        service.stop()


def free_port():
    """A port that nobody listens on and that no other test is given."""
    return FreePorts().take()


def wait_until(condition, what, timeout=60, services=()):
    """Returns the first true result of `condition`; raises with `what` when time is up or a service ended."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        for service in services:
            if not service.alive():
                raise AssertionError(f"{service.name} ended while waiting: {what}")
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.05)


def without_settings(output):
    """What a Keylime program said, without the many lines about options that the environment sets."""
    return "\n".join(line for line in output.splitlines() if "overridden by environment" not in line)
