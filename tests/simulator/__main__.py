"""`make simulate`: many simulated histories, on all cores, each from a seed of its own."""

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter

from tests.simulator.plan import Plan, planned
from tests.simulator.shorten import failure_of, shortest


def main() -> int:
    """Run the histories, print what happened, and return 1 if an invariant did not hold."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="stream records in all")
    parser.add_argument("--seed", type=int, help="the seed of the first history")
    parser.add_argument("--history", type=int, default=200, help="records of one history")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    histories = -(-options.records // options.history)
    print(f"seed {seed}: {histories} histories of {options.history} records", flush=True)
    plans = (planned(seed + number, options.history) for number in range(histories))
    began, counts, told = time.monotonic(), Counter[str](), 0
    with multiprocessing.Pool(options.processes) as pool:
        for plan, found, failure in pool.imap_unordered(_run, plans, chunksize=4):
            counts.update(found)
            if failure:
                pool.terminate()
                print(f"\n{plan}\n{failure}\n", flush=True)
                print("\n".join(shortest(plan)))
                return 1
            if counts["records"] >= told + options.records / 20:
                told = counts["records"]
                print(f"{told:,} records, {time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    for name, number in sorted(counts.items()):
        print(f"{number:>12,}  {name}")
    print(f"{counts['records']:,} records in {seconds:.0f} s: {counts['records'] / seconds:.0f}/s")
    return 0


def _run(plan: Plan) -> tuple[Plan, Counter[str], str | None]:
    counts, failure, _ = failure_of(plan)
    return plan, counts, failure


if __name__ == "__main__":
    sys.exit(main())
