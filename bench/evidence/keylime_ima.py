"""Run by Keylime's own Python: its verification of an IMA list.

usage: keylime_ima.py FOLDER ROUNDS      FOLDER: list, policy.json and pcr of bench_ima

Calls what Keylime's verifier calls for the list of an answer, without a state from before, and prints the seconds of
CPU of the fastest round.
"""

import json
import logging
import sys
import time
from pathlib import Path

from keylime.common import algorithms
from keylime.ima import ima

logging.disable(logging.CRITICAL)


def verify(lines, policy, pcr):
    _, failure = ima.process_measurement_list(None, lines, policy, pcrval=pcr, hash_alg=algorithms.Hash.SHA256)
    if failure:
        sys.exit(f"Keylime does not accept the list: {[event.event_id for event in failure.events[:3]]}")


def main():
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    text = (folder / "list").read_text()
    policy = json.loads((folder / "policy.json").read_text())   # not measured; nor is reading the policy for Limequat
    pcr = (folder / "pcr").read_text()
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        verify(text.split("\n"), policy, pcr)
        best = min(best, time.process_time() - began)
    print(best)


if __name__ == "__main__":
    main()
