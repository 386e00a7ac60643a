"""Looks for known vulnerabilities of all locked packages, with pip-audit.

    python -m requirements.vulnerabilities .phaseline/audit/bin/pip-audit

Every package of every list is checked, also those that this machine's system or Python does not
need. Exits with 0 if none is known, with 1 if one is known, and with 2 if a package could not be
checked: no answer is no good answer. Standard library only.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from requirements.environments import LOCKED, ROOT

PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.!+-]+)", re.MULTILINE)
Package = tuple[str, str]
"""Name and version."""
OPTIONS = ("--strict", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json")


class UncheckedError(Exception):
    """The packages could not be checked; the message says why."""


def main(program: Sequence[str]) -> int:
    """Check all lists with `program`, the command of pip-audit, and return the exit code."""
    lists = [(ROOT / target).read_text("utf-8") for target in LOCKED.values()]
    wanted = {pin for text in lists for pin in PIN.findall(text)}
    try:
        found = [line for some in rounds(wanted) for line in known(some, audit(program, some))]
    except UncheckedError as error:
        print(f"error: the packages could not be checked: {error}", file=sys.stderr)
        return 2
    print("\n".join([*found, f"{len(wanted)} packages, {len(found)} known vulnerabilities"]))
    return 1 if found else 0


def rounds(packages: Iterable[Package]) -> Iterator[list[Package]]:
    """Return the packages in as few groups as hold no package in two versions.

    >>> list(rounds([("b", "2"), ("a", "1"), ("b", "1")]))
    [[('a', '1'), ('b', '1')], [('b', '2')]]
    """
    left = sorted(packages)
    while left:
        chosen = dict(reversed(left))
        yield sorted(chosen.items())
        left = [pin for pin in left if chosen[pin[0]] != pin[1]]


def audit(program: Sequence[str], packages: Iterable[Package]) -> str:
    """Return what pip-audit prints about packages. Raises UncheckedError if it cannot start."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "requirements.txt")
        listed.write_text("".join(f"{name}=={version}\n" for name, version in packages), "utf-8")
        command = [*program, *OPTIONS, "--requirement", str(listed)]
        try:
            ended = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8")
        except OSError as error:
            raise UncheckedError(error) from error
    return ended.stdout


def known(packages: Iterable[Package], printed: str) -> list[str]:
    """Return a line for each vulnerability in pip-audit's report.

    Raises UncheckedError if the report lacks one of the packages: pip-audit prints no report after
    an error, and exits with 1 both then and after it found a vulnerability.
    """
    try:
        report: list[dict[str, Any]] = json.loads(printed)["dependencies"]
        checked = {(normal(one["name"]), one["version"]): one["vulns"] for one in report}
    except (ValueError, KeyError, TypeError) as error:
        raise UncheckedError("pip-audit printed no complete report") from error
    if missing := [f"{name} {version}" for name, version in packages
                   if (normal(name), version) not in checked]:  # fmt: skip
        raise UncheckedError(f"the report lacks {', '.join(missing)}")
    return [
        f"{name} {version}: {flaw['id']}, fixed in {' '.join(flaw['fix_versions']) or 'no version'}"
        for (name, version), flaws in checked.items()
        for flaw in flaws
    ]


def normal(name: str) -> str:
    """Return the name of a package as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
