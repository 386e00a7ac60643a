"""`make mutate`: small faults are put into the modules that decide, and the unit tests must fail.

Prints the mutants that survive. Fails if fewer than 90 % of a module's mutants are killed, or if
equivalent.toml lists a mutant that does not exist or is killed. docs/reliability.md has the
figures, and the reason why no library is used.
"""

import argparse
import os
import subprocess
import sys
import time

import pytest

from tests.mutation.equivalent import Known, known
from tests.mutation.modules import MODULES
from tests.mutation.mutants import mutants
from tests.mutation.session import Session, source_of

LEAST = 90
"""The percentage of the mutants that the tests must kill."""


def main() -> int:
    """Run the mutants of each module in a process of its own, and return 1 if too many survive."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", help="parts of names of modules; all by default")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = [
        name for name in MODULES if not options.modules or any(p in name for p in options.modules)
    ]
    if options.alone:
        return _mutate(chosen[0], options.processes)
    print(f"{'module':38} mutants killed equivalent survived    %   tests seconds", flush=True)
    command = [
        sys.executable,
        "-m",
        "tests.mutation",
        "--alone",
        f"--processes={options.processes}",
    ]
    results = [subprocess.run([*command, name], check=False).returncode for name in chosen]
    return max(results)


def _mutate(module: str, processes: int) -> int:
    began, all_ = time.monotonic(), mutants(source_of(module))
    session = Session(module, all_, processes)
    status = pytest.main(
        ["-o", "addopts=", "-q", "--no-header", "--no-summary", "-p", "no:cacheprovider",
         "-p", "no:randomly", "-p", "no:xdist", "--capture=sys", *MODULES[module]],
        plugins=[session],
    )  # fmt: skip
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return 1
    listed = known(module)
    survivors = [one for one in session.survivors if Known(one.place, one.change) not in listed]
    equivalent = len(session.survivors) - len(survivors)
    killed = len(all_) - len(session.survivors)
    percent = 100 * killed / (len(all_) - equivalent)
    print(
        f"{module:38} {len(all_):7} {killed:6} {equivalent:10} {len(survivors):8} {percent:4.0f} "
        f"{session.tests:7} {time.monotonic() - began:7.0f}",
        flush=True,
    )
    for one in sorted(survivors, key=lambda one: one.line):
        print(f"    survived: {one.place}, line {one.line}: {one.change}")
    found = {Known(one.place, one.change) for one in session.survivors}
    wrong = [each for each in listed if each not in found]
    for each in wrong:
        print(f"    equivalent.toml lists a mutant that did not survive: {each}")
    return 1 if wrong or percent < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
