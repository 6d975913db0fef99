"""What reading and replaying evidence costs, against bare hash calls and against Keylime's own functions.

All figures but those of `create` are seconds of CPU (user and system), of the fastest of some rounds that take turns.
Keylime's functions run in the virtual environment of tests/interop, without its servers.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
HERE = Path(__file__).resolve().parent
BINARIES = ROOT / "build" / "release"
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from peers import KEYLIME, Installation  # noqa: E402


def output(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def keylime(script, folder, *arguments):
    """What `script` prints, run by Keylime's Python."""
    installation = Installation.ensure()
    environment = {**os.environ, **{name: str(value) for name, value in installation.environment(folder / "keylime").items()}}
    said = output(installation.servers / "bin" / "python", HERE / script, *arguments, env=environment, stderr=subprocess.DEVNULL)
    return json.loads(said)


def cpu_of(rounds, *command):
    """Of the fastest run of a command, with the start of its process."""
    best = float("inf")
    for _ in range(rounds):
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        before = used.ru_utime + used.ru_stime
        output(*command)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, used.ru_utime + used.ru_stime - before)
    return best


def machine():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{model[1] if model else 'unknown'}, {platform.machine()}"


def speed(seconds, count, size):
    return {"ns_each": round(seconds / count * 1e9, 1), "per_second": round(count / seconds), "mb_per_second": round(size / seconds / 1e6)}


def bench_ima(options, folder):
    said = json.loads(output(BINARIES / "bench" / "bench_ima", options.entries, options.rounds, folder))
    seconds, entries = said["seconds"], said["entries"]
    bare = seconds["hash_calls"]
    result = {
        "machine": machine(), "entries": entries,
        "hash_calls": {"ns_each": round(bare / entries * 1e9, 1)},
        "replay_alone": {"ratio_to_hash_calls": round(seconds["replay"] / bare, 2)},
        "replay_of_binary_list": {"ratio_to_hash_calls": round(seconds["replay_binary"] / bare, 2)},
        "replay_of_ascii_list": {"ratio_to_hash_calls": round(seconds["replay_ascii"] / bare, 2)},
        "parse_binary": speed(seconds["parse_binary"], entries, said["binary_bytes"]),
        "parse_ascii": speed(seconds["parse_ascii"], entries, said["ascii_bytes"]),
        "parse_replay_look_up": speed(seconds["judge"], entries, said["ascii_bytes"]),
        "appraise": speed(seconds["appraise"], entries, said["ascii_bytes"]),
    }
    if not options.no_keylime:
        theirs = keylime("keylime_ima.py", folder, folder, options.keylime_rounds)
        result["keylime"] = {"version": KEYLIME, **speed(theirs, entries, said["ascii_bytes"]),
                             "ratio_to_parse_replay_look_up": round(theirs / seconds["judge"], 1),
                             "ratio_to_appraise": round(theirs / seconds["appraise"], 1)}
    return result


def bench_policy(options, folder):
    said = json.loads(output(BINARIES / "bench" / "bench_policy", options.digests, options.entries, options.rounds, folder))
    seconds, digests = said["seconds"], said["digests"]
    result = {
        "machine": machine(), "digests": digests, "policy_mb": round(said["policy_bytes"] / 1e6, 1),
        "held": {"mib": round(said["held_bytes"] / 2**20, 2)},
        "load": {"ms": round(seconds["load"] * 1e3, 1)},
        "look_up": {"ns_each": round(seconds["look"] / digests * 1e9, 1), "ratio_to_unordered_map": round(seconds["look"] / seconds["look_bare"], 2)},
        "appraise": {"entries": options.entries, "ms": round(seconds["appraise"] * 1e3, 2)},
    }
    if not options.no_keylime:
        reading = keylime("keylime_policy.py", folder, folder, options.keylime_rounds)
        judging = keylime("keylime_ima.py", folder, folder, options.keylime_rounds)
        result["keylime"] = {"version": KEYLIME, **{f"{name}_ms": round(value * 1e3, 1) for name, value in reading.items()},
                             "deserialize_ratio_to_load": round(reading["deserialize"] / seconds["load"], 1),
                             "json_and_validate_ratio_to_load": round((reading["json"] + reading["validate"]) / seconds["load"], 1),
                             "appraise_ms": round(judging * 1e3, 1), "ratio_to_appraise": round(judging / seconds["appraise"], 1)}
    return result


def bench_eventlog_of(options, folder, copies, rounds, keylime_rounds):
    log = folder / f"log-{copies}"
    said = json.loads(output(BINARIES / "bench" / "bench_eventlog", options.log, copies, rounds, log))
    seconds, events = said["seconds"], said["events"]
    result = {"events": events, "bytes": said["bytes"], "banks": said["banks"],
              "parse": speed(seconds["parse"], events, said["bytes"]),
              "parse_and_replay": speed(seconds["parse_and_replay"], events, said["bytes"]),
              "command": {"ms": round(cpu_of(keylime_rounds, BINARIES / "apps" / "limequat", "inspect", "eventlog", log, "-o", "json") * 1e3, 2)}}
    if not options.no_keylime:
        theirs = keylime("keylime_eventlog.py", folder, log, keylime_rounds)
        total = sum(theirs["seconds"].values())
        if theirs["events"] != events:
            sys.exit(f"tpm2_eventlog sees {theirs['events']} events, not {events}")
        result["tpm2_eventlog_and_yaml"] = {
            "tpm2_eventlog_ms": round(theirs["seconds"]["tpm2_eventlog"] * 1e3, 2), "yaml_ms": round(theirs["seconds"]["yaml"] * 1e3, 2),
            "loader": theirs["loader"], "ratio_to_parse_and_replay": round(total / seconds["parse_and_replay"]),
            "ratio_to_command": round(total * 1e3 / result["command"]["ms"], 1)}
    return result


def bench_eventlog(options, folder):
    return {"machine": machine(), "log": options.log.name,
            "one_boot": bench_eventlog_of(options, folder, 1, 100 * options.rounds, options.keylime_rounds),
            "many_copies": bench_eventlog_of(options, folder, options.copies, options.rounds, 1)}


def make_tree(folder, mib):
    """Programs of three sizes, `mib` MiB in all.  Hashes do not care what is in them; no two begin alike."""
    noise = os.urandom(2 * MIB)
    sizes = (16 * 1024, 240 * 1024, 3 * MIB)   # 3.25 MiB together
    left, number = mib * MIB, 0
    while left > 0:
        size = min(left, sizes[number % len(sizes)])
        path = folder / "usr" / "lib" / f"{number // 256:04}" / f"program-{number:06}"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = number * 4099 % MIB
        with path.open("wb") as file:
            for offset in range(0, size, MIB):
                file.write(noise[start:start + min(MIB, size - offset)])
        path.chmod(0o755)
        left -= size
        number += 1
    return number


def wall_of(*command, **options):
    begin = time.monotonic()
    output(*command, **options)
    return time.monotonic() - begin


def hash_bandwidth(threads):
    """Bytes in a second that OpenSSL hashes with SHA-256 from memory, in `threads` processes."""
    said = output("openssl", "speed", "-mr", "-seconds", 3, "-bytes", MIB, "-multi", threads, "-evp", "sha256", stderr=subprocess.DEVNULL)
    return float(re.findall(r"^\+F:\d+:[^:]*:([0-9.]+)", said, re.MULTILINE)[-1])


def hash_file(path):
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").digest()


def seconds_of_bare_hashing(files, processes):
    """What no program can do without: reading the files and OpenSSL's SHA-256, in so many processes."""
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        begin = time.monotonic()
        for _ in pool.imap_unordered(hash_file, files, 16):
            pass
        return time.monotonic() - begin


def forget_files():
    """What the kernel keeps of files in memory is gone: the next reader meets the disk."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    except OSError as error:
        sys.exit(f"--cold needs root, and a machine that lets it: {error}")


def bench_create_cold(options, folder, tree, threads):
    """From the disk: beside reading the same files, and nothing else, in as many processes."""
    made = [BINARIES / "apps" / "limequat", "policy", "create", "runtime", "--root", tree, "--output", folder / "made.json"]
    read = ["sh", "-c", f"find '{tree}' -type f -print0 | xargs -0 -n 64 -P {threads} cat > /dev/null"]
    seconds = {"policy_create": float("inf"), "reading_alone": float("inf")}
    for _ in range(options.rounds):
        for name, command in (("policy_create", made), ("reading_alone", read)):
            forget_files()
            seconds[name] = min(seconds[name], wall_of(*command))
    return {**{name: {"seconds": round(took, 2), "mb_per_second": round(options.mib * MIB / took / 1e6)} for name, took in seconds.items()},
            "share_of_disk": round(seconds["reading_alone"] / seconds["policy_create"], 2)}


def bench_create(options, folder):
    """By the clock, not by CPU: threads are what it is about."""
    tree = Path(options.folder or folder) / "limequat-bench-tree"
    tree.mkdir()
    try:
        files, threads = make_tree(tree, options.mib), os.cpu_count()
        commands = {
            "policy_create": [BINARIES / "apps" / "limequat", "policy", "create", "runtime", "--root", tree, "--output", folder / "made.json"],
            "sha256sum": ["sh", "-c", f"find '{tree}' -type f -print0 | xargs -0 -n 64 -P {threads} sha256sum > '{folder}/sums'"]}
        wall_of(*commands["sha256sum"])   # from the disk to memory, as far as it fits
        seconds = {name: float("inf") for name in commands}
        for _ in range(options.rounds):
            seconds = {name: min(seconds[name], wall_of(*command)) for name, command in commands.items()}
        speeds = {name: options.mib * MIB / took for name, took in seconds.items()}
        bandwidth = hash_bandwidth(threads)
        paths = sorted(path for path in tree.rglob("*") if path.is_file())
        bare = min(seconds_of_bare_hashing(paths, threads) for _ in range(options.rounds))
        cold = {"cold": bench_create_cold(options, folder, tree, threads)} if options.cold else {}
        return {"machine": machine(), "threads": threads, "files": files, "mib": options.mib,
                **{name: {"seconds": round(took, 2), "mb_per_second": round(speeds[name] / 1e6)} for name, took in seconds.items()},
                "bare_hashing_of_files": {"seconds": round(bare, 2), "mb_per_second": round(options.mib * MIB / bare / 1e6),
                                          "share_of_policy_create": round(bare / seconds["policy_create"], 2)},
                "hash_bandwidth": {"mb_per_second": round(bandwidth / 1e6), "share_of_policy_create": round(speeds["policy_create"] / bandwidth, 2)},
                "ratio_of_sha256sum_to_policy_create": round(seconds["sha256sum"] / seconds["policy_create"], 2), **cold}
    finally:
        shutil.rmtree(tree)


def show(result, indent=""):
    for name, value in result.items():
        if isinstance(value, dict) and any(isinstance(member, dict) for member in value.values()):
            print(f"{indent}{name}")
            show(value, indent + "  ")
        elif isinstance(value, dict):
            print(f"{indent}{name:{28 - len(indent)}} " + ", ".join(f"{key} {member}" for key, member in value.items()))
        else:
            print(f"{indent}{name:{28 - len(indent)}} {value}")


def main():
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    subparsers = parser.add_subparsers(dest="what", required=True)
    about = {name: {"help": text, "description": f"{text}. {__doc__}"} for name, text in (
        ("ima", "A list of files: parse, replay with both template digests, look up in a policy"),
        ("policy", "A large runtime policy: load, hold, look up, appraise a list by it"),
        ("eventlog", "A boot log: parse and replay in all its banks"),
        ("create", "A folder of programs: a policy made of it, beside sha256sum and what the processor hashes"))}
    ima = subparsers.add_parser("ima", **about["ima"])
    ima.add_argument("--entries", type=int, default=100_000)
    policy = subparsers.add_parser("policy", **about["policy"])
    policy.add_argument("--digests", type=int, default=100_000)
    policy.add_argument("--entries", type=int, default=10_000, help="of the list that is appraised")
    eventlog = subparsers.add_parser("eventlog", **about["eventlog"])
    eventlog.add_argument("--log", type=Path, default=ROOT / "data" / "eventlog" / "vm__fw-shim-sb-61.bin")
    eventlog.add_argument("--copies", type=int, default=100, help="of its records in a second, long log, where no start of a process counts")
    create = subparsers.add_parser("create", **about["create"])
    create.add_argument("--mib", type=int, default=1024, help="of the programs together (default: %(default)s)")
    create.add_argument("--folder", type=Path, help="where they are made, and removed again; default: a temporary folder")
    create.add_argument("--cold", action="store_true", help="also from the disk, beside reading alone; needs root")
    for each, rounds in ((ima, 15), (policy, 15), (eventlog, 15), (create, 3)):
        each.add_argument("--rounds", type=int, default=rounds, help="of which the fastest counts (default: %(default)s)")
        each.add_argument("-o", "--output", choices=("text", "json"), default="text")
    for each in (ima, policy, eventlog):
        each.add_argument("--keylime-rounds", type=int, default=15, help="the same for Keylime's functions (default: %(default)s)")
        each.add_argument("--no-keylime", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limequat-bench-") as scratch:
        result = {"ima": bench_ima, "policy": bench_policy, "eventlog": bench_eventlog, "create": bench_create}[options.what](options, Path(scratch))
    if options.output == "json":
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
