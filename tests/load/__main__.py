"""`make load`: measures the listener alone, and three loads on a local system.

On the local system, the functions are the real ones, and AWS is the emulator on the same machine,
which takes most of the time. Calls are counted by proxies before AWS, GitHub and Slack.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from local.system import deployment, start
from tests.chaos.fates import Fates
from tests.chaos.functions import through_proxies
from tests.load.alone import take
from tests.load.loads import Load, Measured

COLUMNS = ("load", "changes", "records", "written s", "recorded s", "records/s", "served s", "MB")


def main() -> int:
    """Start a system, load it three times, and print a table."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--burst", type=int, default=100_000, help="changes, 1%% of which match")
    parser.add_argument("--backlog", type=int, default=10_000, help="records in the stream")
    parser.add_argument("--queue", type=int, default=200, help="promotions during one execution")
    parser.add_argument("--alone", type=int, default=100_000, help="records for the listener alone")
    options = parser.parse_args()
    taken = take(options.alone)
    print(
        f"the listener alone: {taken.records:,} records in {taken.seconds:.1f} s of CPU", flush=True
    )
    _print_calls(taken.calls)
    with (
        tempfile.TemporaryDirectory() as folder,
        start.running(Path(folder) / "state") as system,
    ):
        deployment.deploy(system)
        print(("{:>11}" * len(COLUMNS)).format(*COLUMNS), flush=True)
        fates = Fates(seed=0, share=0)
        with through_proxies(system, fates):
            load = Load(system, fates.calls, Path(folder))
            measured = [
                _shown(load.burst(options.burst, 0.01)),
                _shown(load.backlog(options.backlog)),
                _shown(load.queue(options.queue)),
            ]
    for each in measured:
        print(f"\n{each.name}: executions {dict(each.executions)}")
        _print_calls(each.calls)
    return 0


def _print_calls(calls: Counter[tuple[str, str]]) -> None:
    for (service, operation), number in sorted(calls.items()):
        print(f"{number:>9,}  {service} {operation}")


def _shown(found: Measured) -> Measured:
    """Print the row of a load."""
    print(
        f"{found.name:>11}{found.changes:>11,}{found.records:>11,}{found.written:>11.1f}"
        f"{found.recorded:>11.1f}{found.records / found.recorded:>11.0f}"
        f"{found.served:>11.1f}{found.memory:>11.0f}",
        flush=True,
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
