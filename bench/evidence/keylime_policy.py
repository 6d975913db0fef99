"""Run by Keylime's own Python: its reading of a runtime policy.

usage: keylime_policy.py FOLDER ROUNDS      FOLDER: policy.json of bench_policy

Calls what Keylime's verifier calls for each attestation, and, when it is given a policy, what checks it. Prints the
seconds of CPU of the fastest round of both.
"""

import json
import logging
import sys
import time
from pathlib import Path

from keylime.ima import ima

logging.disable(logging.CRITICAL)


def fastest(rounds, work):
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def main():
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    text = (folder / "policy.json").read_text()
    parsed = json.loads(text)
    print(json.dumps({"deserialize": fastest(rounds, lambda: ima.deserialize_runtime_policy(text)),
                      "json": fastest(rounds, lambda: json.loads(text)),
                      "validate": fastest(1, lambda: ima.validate_runtime_policy(parsed))}))


if __name__ == "__main__":
    main()
