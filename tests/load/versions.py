"""Pure: the versions that a load writes into the algorithms table."""

from collections.abc import Iterable, Iterator
from typing import Any

from phaseline.algorithms.names import TYPES

COMPLETE, RUNNING = "PACKAGE_TESTS_COMPLETE", "PACKAGE_TESTS_RUNNING"
Item = dict[str, Any]
Active = dict[str, dict[str, str]]
"""The versions of algorithms, by type."""


def items(load: str, changes: int, share: float) -> Iterator[Item]:
    """Yield one item for each change of a phase, of which this share enters the phase.

    Each item is another algorithm's, so the changes may be written in any order.

    >>> [item["phase"]["S"] for item in items("load", 3, 1 / 3)].count(COMPLETE)
    1
    """
    every = round(1 / share)
    for number in range(changes):
        yield item(load, number, "1.0.0", COMPLETE if number % every == 0 else RUNNING)


def item(load: str, number: int, version: str, phase: str) -> Item:
    """Return the item of a version. The type of an algorithm follows from its number."""
    type_ = TYPES[number % len(TYPES)]
    texts = {"algorithm": name(load, number), "version": version, "type": type_, "phase": phase}
    display = {"title": {"S": f"Algorithm {number}"}, "summary": {"S": "x" * 100}}
    return {key: {"S": text} for key, text in texts.items()} | {"display": {"M": display}}


def name(load: str, number: int) -> str:
    """Return the name of an algorithm."""
    return f"{load}-{number}"


def active_versions(written: Iterable[Item]) -> Active:
    """Return the versions that must become active, by type and algorithm.

    >>> active_versions([item("a", 0, "1.0.0", RUNNING), item("a", 0, "2.0.0", COMPLETE)])
    {'in': {'a-0': '2.0.0'}}
    """
    active: Active = {}
    for each in written:
        if each["phase"]["S"] == COMPLETE:
            versions = active.setdefault(each["type"]["S"], {})
            versions[each["algorithm"]["S"]] = each["version"]["S"]
    return active
