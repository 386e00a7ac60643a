"""`make chaos`: releases through the whole local system while AWS, GitHub and Slack have faults."""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from local.system import deployment, start
from tests.chaos.trial import Trial


def main() -> int:
    """Start a system, make the releases, and print what happened."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--releases", type=int, default=100)
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--share", type=float, default=0.05, help="share of AWS's calls with a fault"
    )
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    print(f"seed {seed}: {options.releases} releases", flush=True)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        start.running(Path(folder) / "state") as system,
    ):
        deployment.deploy(system)
        print(f"deployed after {time.monotonic() - began:.0f} s", flush=True)
        trial = Trial(system, seed, options.share)
        trial.release(options.releases)
    for name, number in sorted(trial.count.items()):
        print(f"{number:>8,}  {name}")
    print(f"{trial.fates.calls.total():>8,}  calls")
    print(f"{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
