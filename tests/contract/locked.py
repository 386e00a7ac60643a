"""The locked lists of packages, as the tests read them."""

import json
import re
from pathlib import Path
from typing import Any

from requirements.environments import LISTS

PIN = re.compile(r"^(?P<name>[\w.-]+)(\[[\w,-]+\])?==(?P<version>\S+)")


def pins(path: Path) -> dict[str, set[str]]:
    """The versions of each package that a list names, by the package's normalised name."""
    found: dict[str, set[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if match := PIN.match(line):
            name = re.sub(r"[-_.]+", "-", match["name"]).lower()
            found.setdefault(name, set()).add(match["version"])
    return found


def npm_packages() -> dict[str, dict[str, Any]]:
    """The packages that npm installs, by name, with their `version`, `integrity` and `license`."""
    lock = json.loads((LISTS / "node/package-lock.json").read_text("utf-8"))
    entries: dict[str, dict[str, Any]] = lock["packages"]
    return {path.removeprefix("node_modules/"): one for path, one in entries.items() if path}
