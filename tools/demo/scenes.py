"""The scenes of the demo. Each does something to a machine and waits until the fleet shows it."""

import json
import time
import tomllib
from pathlib import Path

from attacker import Attacker, Insider
from fleet import Fleet, NotObservedError
from limequat_lab.guest import Guest
from limequat_lab.kernel import RELEASES
from limequat_lab.lab import Lab
from limequat_lab.light import AGENT_CONFIGURATION, LightMachine
from limequat_lab.recording import look
from limequat_lab.site import to_toml
from limequat_lab.tamper import CHANGED_BOOT, COMMAND_LINE_CHANGE, KNOWN_PROGRAM, UNKNOWN_PROGRAM
from terminal import Terminal

POLICY = "demo"
_SOON = 20.0
_BOOT = 90.0
_REFUSED = 5  # exit status of a command that was not allowed


def require(holds: bool, what: str) -> None:
    if not holds:
        raise NotObservedError(what)


class Demo:
    """The lab, the fleet and the terminal that all scenes share; `key` signs policies."""

    def __init__(self, lab: Lab, fleet: Fleet, terminal: Terminal, folder: Path, key: Path) -> None:
        self.lab, self.fleet, self.terminal, self._folder, self._key = lab, fleet, terminal, folder, key
        self._release = 0

    # The beginning

    def enrol(self, machines: list[str]) -> None:
        """A policy from what the machines were made of, and what they may boot: reference values of a guest, a baseline of others."""
        self._push_policy(self._policy_file(), machines)
        for name in machines:
            boot = ["--approve-current-boot"]
            if isinstance(guest := self.lab.machine(name), Guest):
                self._push_boot(guest)
                boot = ["--boot-reference-name", POLICY]
            self.fleet.run("agent", "add", name, "--policy", POLICY, *boot, show=name == machines[0])
        for name in machines:
            self.fleet.wait_for(name, "pass", _SOON)
        self.fleet.run("agent", "list", show=True)
        require(all(self.fleet.machine(name)["trusted"] for name in machines), "every machine is trusted")
        self.terminal.good("every machine has shown verified evidence: identity, boot, and each file it ran")

    def _policy_file(self) -> Path:
        return self._folder / "policy.json"

    def _push_policy(self, file: Path, machines: list[str]) -> None:
        root = self.lab.root_of(self.lab.machine(machines[0])).folder
        words = ["policy", "create", "runtime", "--root", str(root), "--output", str(file)]
        if file.exists():
            # The old digests stay good for what already ran in this boot.
            words += ["--base", str(file)]
        self.fleet.run(*words, show=True)
        self._sign_and_push(file)

    def _boot_file(self) -> Path:
        return self._folder / "boot.json"

    def _push_boot(self, guest: Guest) -> None:
        """Reference values of the guest's first boot, which nobody has touched."""
        seen = look(guest, logged=True)
        assert seen.log
        log, pcrs = self._folder / "eventlog", self._folder / "pcrs.json"
        log.write_bytes(seen.log)
        pcrs.write_text(json.dumps(seen.pcrs))
        self.fleet.run("policy", "create", "boot", str(log), "--pcrs", str(pcrs), "--name", POLICY, "--output", str(self._boot_file()),
                       show=True)
        self._sign_and_push(self._boot_file(), "--measured-boot")

    def _sign_and_push(self, file: Path, *options: str) -> None:
        """Under its name and with a release that rises: none that was signed before comes back."""
        self._release += 1
        signed = file.with_suffix(".signed.json")
        self.fleet.run("policy", "sign", str(file), "--key", str(self._key), "--name", POLICY, "--release", str(self._release),
                       "--output", str(signed), show=bool(options))
        self.fleet.run("policy", "push", POLICY, str(signed), *options, show=True)

    # The scenes

    def intruder(self, machine: str) -> None:
        self.terminal.scene(1, "Intruder", f"an unknown program is put on {machine} and run")
        began = time.monotonic()
        done = self.lab.tamper(machine, UNKNOWN_PROGRAM)
        self.fleet.wait_for(machine, "fail", _SOON)
        took = time.monotonic() - began
        named = [f for f in self.fleet.findings(machine) if f.get("subject", {}).get("path") == done.path]
        require(bool(named), f"a finding names {done.path}")
        require(any(done.digest in f["detail"] for f in named), "the finding shows the digest of what ran")
        require(all("policy" not in f["next"].split()[:2] for f in named), "the next step is to investigate, not to allow it")
        self.fleet.run("explain", machine, show=True, expect=(1,))
        self.terminal.good(f"detected {took * 1000:.0f} ms after the program was brought in")

    def reboot(self, machine: str) -> None:
        self.terminal.scene(2, "Reboot", "the program is removed and the machine starts again; what happened stays known")
        boots = self.fleet.machine(machine)["boots"]
        began = time.monotonic()
        self.lab.repair(machine)
        self.lab.reboot(machine)
        self.fleet.wait_for(machine, "pass", _BOOT)
        took = time.monotonic() - began
        shown = self.fleet.machine(machine)
        require(shown["boots"] == boots + 1, "the reboot was recognised by the TPM's reset count")
        require(shown["open_incidents"] >= 1 and not shown["trusted"], "the incident is open and the machine untrusted")
        self.fleet.run("incident", "list", show=True)
        self.terminal.good(f"recognised and verified anew from boot_aggregate on in {took:.1f} s; integrity passes, trust does not")
        self._close_incidents(machine, "program removed, machine rebooted")

    def new_software(self, machine: str) -> None:
        self.terminal.scene(3, "New software", "the policy learns the next version first, then the program is replaced and run")
        digest = self.lab.prepare_update(machine)
        self._push_policy(self._policy_file(), [machine])
        self.fleet.wait_for(machine, "pass", _SOON)
        before = self.fleet.machine(machine)["ima_entries"]
        require(self.lab.apply_update(machine) == digest, "the machine runs the version that the policy knows")
        took = self.fleet.wait("the new version was measured", lambda: self.fleet.machine(machine)["ima_entries"] > before, _SOON)
        shown = self.fleet.machine(machine)
        require(shown["integrity"] == "pass" and shown["trusted"], "no alarm")
        self.terminal.good(f"{KNOWN_PROGRAM} runs in its new version, verified after {took * 1000:.0f} ms, no alarm; "
                           f"the policy's change had the whole list of {before} entries appraised again")

    def late_policy(self, machine: str) -> None:
        self.terminal.scene(4, "A policy that lags", "the program is updated on the machine before the policy has learned of it")
        digest = self.lab.prepare_update(machine)
        require(self.lab.apply_update(machine) == digest, "the machine runs the version that policies are made from")
        self.fleet.wait_for(machine, "fail", _SOON)
        named = [finding for finding in self.fleet.findings(machine) if digest in finding["detail"]]
        require([(f["check"], f["cause"]) for f in named] == [("ima.digest", "policy-lag")], "it is told as a policy that lags")
        self.fleet.run("explain", machine, show=True, expect=(1,))
        self.terminal.good("a known program with another digest: most likely an update, and it fails all the same; "
                           "the policy learns it from its source, not from the machine")
        self._push_policy(self._policy_file(), [machine])
        self.fleet.wait_for(machine, "pass", _SOON)
        require(not self.fleet.machine(machine)["trusted"], "a policy that learned it later closes no incident")
        self._close_incidents(machine, "an update, its digest compared with the source")

    def other_command_line(self, machine: str) -> None:
        self.terminal.scene(5, "Another command line", f"{machine} boots with one more word on its kernel's command line, and then as before")
        self.lab.tamper(machine, CHANGED_BOOT)
        self.fleet.wait_for(machine, "fail", _BOOT)
        named = [f["detail"] for f in self.fleet.findings(machine) if f["check"] == "boot.command_line"]
        require(any(COMMAND_LINE_CHANGE in detail for detail in named), "a finding names the command line")
        self.fleet.run("explain", machine, show=True, expect=(1,))
        self.terminal.good("the TPM tells the command line that was used; the signed reference values, which one is good")
        self.lab.repair(machine)
        self.fleet.wait_for(machine, "pass", _BOOT)
        self._close_incidents(machine, "command line restored, machine rebooted")

    def next_kernel(self, machine: str) -> None:
        self.terminal.scene(6, "The next kernel", "its image is installed, its digests are signed, and only then it is booted")
        before = self._kernel_of(machine)
        image = self.lab.install_kernel(machine, RELEASES[1])
        self.fleet.run("policy", "create", "boot", "--update", str(self._boot_file()), "--add-uki", str(image), "--output",
                       str(self._folder / "next.json"), show=True)
        self.fleet.run("policy", "push", POLICY, str(self._folder / "next.json"), "--measured-boot", expect=(_REFUSED,))
        self.terminal.good("the verifier refuses the new values while nobody has signed them")
        self._sign_and_push(self._folder / "next.json", "--measured-boot")
        boots = self.fleet.machine(machine)["boots"]
        self.lab.reboot(machine)
        self.fleet.wait(f"{machine} attests its new boot", lambda: self.fleet.machine(machine)["boots"] > boots, _BOOT)
        self.fleet.wait_for(machine, "pass", _SOON)
        require(self.fleet.machine(machine)["trusted"], "no alarm")
        after = self._kernel_of(machine)
        require(before != after, "another kernel runs")
        self.terminal.good(f"Linux {before} became {after}: a kernel that no machine had booted, and no alarm; nobody enrolled anything anew")

    def _kernel_of(self, machine: str) -> str:
        return self.lab.run(machine, "uname -r").output.decode().strip()

    def _close_incidents(self, machine: str, note: str) -> None:
        """What happened stays known until an operator has looked into it."""
        for incident in self.fleet.json("incident", "list", "--agent", machine)["incidents"]:
            self.fleet.run("incident", "close", str(incident["number"]), "--note", note, show=True)
        self.fleet.wait(f"{machine} is trusted", lambda: self.fleet.machine(machine)["trusted"], _SOON)
        self.terminal.good("an operator closed the incident: trusted again")

    def silence(self, quiet: str, attacked: str) -> None:
        self.terminal.scene(7, "Silence, and somebody who answers instead", f"the agent of {quiet} stops; {attacked} is impersonated")
        machine = self.lab.machine(attacked)
        assert isinstance(machine, LightMachine)
        site = self.lab.site().folder
        operator = (site / "operator" / "operator.pem", site / "operator" / "operator.key")
        recorded = Insider(machine.settings.agent_port, *operator).get(
            "/v2.6/quotes/integrity?nonce=recordedlongago00000&mask=0x7ff&partial=0&ima_ml_entry=0")
        self.lab.set_agent(quiet, running=False)
        moved = self._move_agent(machine)
        attacker = Attacker(machine.settings.agent_port, machine.folder / "agent" / "server.pem", machine.folder / "agent" / "server.key")
        try:
            attacker.replay(recorded)
            self.fleet.wait("the replayed quote is refused", lambda: "tpm.quote.nonce" in self.fleet.failed_checks(attacked), _SOON)
            self.terminal.good("a replayed quote was refused by name: tpm.quote.nonce")
            attacker.shorten(Insider(moved, *operator))
            self.fleet.wait("the shortened list is refused",
                            lambda: bool({"ima.continuity", "ima.replay"} & self.fleet.failed_checks(attacked)), _SOON)
            self.terminal.good("a shortened list was refused by name: "
                               + ", ".join(sorted({"ima.continuity", "ima.replay"} & self.fleet.failed_checks(attacked))))
        finally:
            attacker.end()
        self.fleet.wait_for(quiet, "late", _SOON)
        self.fleet.run("agent", "list", show=True)
        self.terminal.good(f"{quiet} is late, not good: its last evidence is too old")

    def _move_agent(self, machine: LightMachine) -> int:
        """Starts the machine's own agent on another port, so that its place is free; returns that port."""
        machine.stop_agent()
        configuration = machine.folder / AGENT_CONFIGURATION
        sections = tomllib.loads(configuration.read_text())
        port = self.lab.free_port()
        sections["agent"]["port"] = sections["agent"]["contact_port"] = port
        configuration.write_text(to_toml(sections))
        machine.start_agent()
        machine.wait_until_listening(port)
        return port
