"""Run by Keylime's own Python: the way from a boot log to values that Keylime's verifier goes.

usage: keylime_eventlog.py LOG ROUNDS

The command tpm2_eventlog, called and its YAML loaded (CSafeLoader) by Keylime's own functions; what it makes of the
values afterwards is left out. Prints one JSON object: seconds of CPU of the fastest round of both.
"""

import json
import logging
import resource
import sys
import time

from keylime import cmd_exec, config

logging.disable(logging.CRITICAL)


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    log, rounds = sys.argv[1], int(sys.argv[2])
    best = {"tpm2_eventlog": float("inf"), "yaml": float("inf")}
    for _ in range(rounds):
        began = children()
        said = cmd_exec.run(cmd=["tpm2_eventlog", "--eventlog-version=2", log], raiseOnError=False)
        best["tpm2_eventlog"] = min(best["tpm2_eventlog"], children() - began)
        if said["code"] != 0:
            sys.exit("tpm2_eventlog does not read the log")
        began = time.process_time()
        events = config.yaml_to_dict(said["retout"], add_newlines=False)["events"]
        best["yaml"] = min(best["yaml"], time.process_time() - began)
    print(json.dumps({"events": len(events), "loader": config.SafeLoader.__name__, "seconds": best}))


if __name__ == "__main__":
    main()
