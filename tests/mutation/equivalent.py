"""Reads equivalent.toml, which lists the mutants that no test can kill, each with the reason."""

import tomllib
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_name("equivalent.toml")


class Known(NamedTuple):
    """A mutant, by the place and the change that `Mutant` gives it."""

    place: str
    change: str


def known(module: str) -> dict[Known, str]:
    """Return the reason for each mutant of the module that behaves as the module itself does."""
    entries = tomllib.loads(LIST.read_text("utf-8")).get("mutant", [])
    return {
        Known(entry["place"], entry["change"]): entry["reason"]
        for entry in entries
        if entry["module"] == module
    }
