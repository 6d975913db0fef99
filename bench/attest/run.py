"""CPU per attestation: of Limequat's verifier, of the least that any verifier must do, and of Keylime's.

Workload: a quote over PCRs 0-10 (and 16) with an RSA-2048 key, an IMA list that does not grow, no boot log in the
answer, kept TLS connections, mock machines in a process of their own. All three are measured in one run on the
same machines, as user + system CPU of the whole process (for Keylime, of all its processes).
"""

import argparse
import base64
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from authority import Authority  # noqa: E402
from limequat import write_toml  # noqa: E402
from peers import Installation, KeylimeServers  # noqa: E402
from process import Service, free_port, wait_until  # noqa: E402
from wire import Endpoint  # noqa: E402

MASK = "0x7ff"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process and of all that it has started and that still run."""
    total, todo = 0.0, [pid]
    while todo:
        one = todo.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            todo += [int(child) for task in Path(f"/proc/{one}/task").iterdir() for child in (task / "children").read_text().split()]
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


class Mocks:
    """The machines."""

    def __init__(self, binaries, count, entries, folder, clients):
        self._process = subprocess.Popen([binaries / "bench" / "bench_mock_agents", str(count), str(entries), folder, clients],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline().strip() != "ready":
            sys.exit("the mock machines did not start")
        self.machines = json.loads((folder / "machines.json").read_text())
        # Keylime wants boot_aggregate in the policy; all mocks have booted alike.
        policy = json.loads((folder / "policy.json").read_text())
        digest = (folder / "list").read_text().split("\n")[0].split(" ")[3]
        policy["digests"]["boot_aggregate"] = [digest.partition(":")[2]]
        self.policy = json.dumps(policy)

    def end(self):
        self._process.stdin.close()
        self._process.wait()


def enrol(api, mocks, mask):
    for machine in mocks.machines:
        body = {"v": None, "cloudagent_ip": "127.0.0.1", "cloudagent_port": machine["port"], "verifier_ip": "127.0.0.1", "verifier_port": 0,
                "tpm_policy": json.dumps({"mask": mask}), "runtime_policy": base64.b64encode(mocks.policy.encode()).decode(),
                "runtime_policy_name": "", "runtime_policy_key": "", "mb_policy": None, "mb_policy_name": "",
                "ima_sign_verification_keys": "", "metadata": "{}", "revocation_key": "",
                "accept_tpm_hash_algs": ["sha256"], "accept_tpm_encryption_algs": ["rsa", "rsa2048"], "accept_tpm_signing_algs": ["rsassa"],
                "ak_tpm": machine["ak_tpm"], "mtls_cert": machine["mtls_cert"], "supported_version": "2.6"}
        answer = api.call("POST", f"/v2.6/agents/{machine['id']}", json.dumps(body))
        if answer.status != 200:
            sys.exit(f"enrolment: {answer.status} {answer.body}")


def attestations(api, mocks):
    """How many attestations all machines have passed; ends the run if one fails."""
    total = 0
    for machine in mocks.machines:
        answer = api.get(f"/v2.6/agents/{machine['id']}")
        results = answer.results
        if answer.status != 200 or results["attestation_status"] == "FAIL":
            sys.exit(f"{machine['id']} does not pass: {results}")
        total += results["attestation_count"]
    return total


def measure(api, mocks, pid, seconds):
    """(CPU microseconds for each attestation, attestations)."""
    began = time.monotonic()
    while attestations(api, mocks) < len(mocks.machines):   # all have shown their boot
        if time.monotonic() - began > 120:
            sys.exit("not every machine has attested within 120 s")
        time.sleep(0.2)
    time.sleep(1)
    count, cpu = attestations(api, mocks), cpu_seconds(pid)
    time.sleep(seconds)
    cpu, count = cpu_seconds(pid) - cpu, attestations(api, mocks) - count
    return cpu * 1e6 / count, count


def bench_limequat(binaries, folder, authority, mocks, seconds, interval):
    work = folder / "limequat"
    work.mkdir(mode=0o700)
    port = free_port()
    server, client = authority.issue("verifier", "limequat-server"), authority.identity("client")
    configuration = write_toml(work / "verifier.toml", {
        "server": {"listen": "127.0.0.1", "port": port},
        "tls": {"certificate": server.certificate, "key": server.key, "operator_ca": [authority.certificate],
                "client_certificate": client.certificate, "client_key": client.key},
        "database": {"url": f"sqlite:{work}/verifier.db"},
        "attestation": {"interval": interval},
        "log": {"level": "warning"}})
    service = Service("limequat-verifier", [binaries / "apps" / "limequat-verifier", "--config", configuration], work)
    api = Endpoint(port, authority.certificate, client)
    service.start()
    try:
        wait_until(api.answers, "the verifier answers", 20, [service])
        enrol(api, mocks, MASK)
        return measure(api, mocks, service.pid, seconds)
    finally:
        service.stop()


def bench_keylime(folder, authority, mocks, seconds):
    servers = KeylimeServers(Installation.ensure(), folder / "keylime", authority, QUOTE_INTERVAL="0.2")
    servers.start()
    try:
        enrol(servers.verifier_api(), mocks, MASK)
        return measure(servers.verifier_api(), mocks, servers.verifier.pid, seconds)
    finally:
        for service in servers.services:
            service.stop()
        servers.clean()


def bench_bare(binaries, authority, mocks, count):
    client = authority.identity("client")
    said = subprocess.run([binaries / "bench" / "bench_bare_loop", str(mocks.machines[0]["port"]), client.certificate, client.key, MASK,
                           str(mocks.entries + 1), str(count)], capture_output=True, text=True, check=True)
    return float(said.stdout)


def main():
    parser = argparse.ArgumentParser(prog="script/bench attest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--entries", type=int, default=100, help="IMA entries of each machine")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--interval", default="100ms",
                        help="of Limequat's verifier; 200 machines each 100 ms are the rate of 10,000 machines each 5 s")
    parser.add_argument("--no-keylime", action="store_true")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    binaries = ROOT / "build" / "release"
    with tempfile.TemporaryDirectory(prefix="limequat-bench-") as scratch:
        folder = Path(scratch)
        authority = Authority(folder / "ca", "bench")
        for name in ("server", "client"):
            authority.issue(name, name)
        mocks = Mocks(binaries, options.machines, options.entries, folder, authority.certificate)
        mocks.entries = options.entries
        try:
            bare = bench_bare(binaries, authority, mocks, 2000)
            limequat, count = bench_limequat(binaries, folder, authority, mocks, options.seconds, options.interval)
            bare_again = bench_bare(binaries, authority, mocks, 2000)
            keylime = None if options.no_keylime else bench_keylime(folder, authority, mocks, options.seconds)[0]
        finally:
            mocks.end()
    bare = (bare + bare_again) / 2
    result = {"machine": f"{os.cpu_count()} cores, {platform.machine()}", "machines": options.machines, "entries": options.entries,
              "attestations": count, "bare_loop_us": round(bare, 1), "limequat_us": round(limequat, 1),
              "ratio_to_bare_loop": round(limequat / bare, 2)}
    if keylime:
        result |= {"keylime_us": round(keylime, 1), "keylime_ratio_to_limequat": round(keylime / limequat, 1)}
    if options.output == "json":
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
