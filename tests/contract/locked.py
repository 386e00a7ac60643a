"""The locked lists of packages, as the tests read them."""

import re
from pathlib import Path

PIN = re.compile(r"^(?P<name>[\w.-]+)(\[[\w,-]+\])?==(?P<version>\S+)")


def pins(path: Path) -> dict[str, set[str]]:
    """The versions of each package that a list names, by the package's normalised name."""
    found: dict[str, set[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if match := PIN.match(line):
            name = re.sub(r"[-_.]+", "-", match["name"]).lower()
            found.setdefault(name, set()).add(match["version"])
    return found
