"""Checks that a person's algorithms and versions exist, and names those that were meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from phaseline.algorithms.names import TYPES
from phaseline.errors import InputError
from scripts.cli.nearest import ALIKE, nearest
from scripts.services import Services


def check_algorithm(services: Services, types: Iterable[str], name: str) -> None:
    """Raise InputError if documents of these types and the algorithms table lack a name."""
    types = tuple(types)
    if any(name in services.documents.read(type_).document.names() for type_ in types):
        return
    if any(item.type in types for item in services.registry.versions(name).values()):
        return
    given = f"{types[0]}/{name}" if len(types) == 1 else name
    raise InputError(
        given,
        f"{services.name} has no algorithm of this name and type",
        _meant(services, types, name) or "phaseline status lists the algorithms.",
    )


def check_version(services: Services, type_: str, name: str, version: str, action: str) -> None:
    """Raise InputError if no version of this name can be promoted, rolled back to or cleared.

    Whether the version may become active is decided later, with a reason.
    """
    known = versions(services, type_, name, action)
    if version not in known:
        raise InputError(
            f"{type_}/{name} {version}",
            f"{services.name} has no such version to {action}",
            nearest(version, known) or "phaseline history lists the versions.",
        )


def versions(services: Services, type_: str, name: str, action: str) -> set[str]:
    """Return the versions of an algorithm that a promotion, rollback or clearing can name."""
    ledger = services.ledger
    if action == "promote" and services.upstream is None:
        items = services.registry.versions(name)
        return {version for version, item in items.items() if item.type == type_}
    if action == "promote" and services.upstream:
        ledger = services.upstream.ledger
    known = {release.version for release in ledger.releases(type_, name) if release.version}
    if action == "clear":
        known |= services.documents.read(type_).document.bad.get(name, {}).keys()
    return known


def _meant(services: Services, types: Sequence[str], name: str) -> str:
    """Return a sentence with the algorithms that are meant, of these types or else of others.

    The types are no part of the comparison: they would make different names alike.
    """
    known = {type_: services.documents.read(type_).document.names() for type_ in TYPES}
    for among in (types, TYPES):
        paths = [
            f"{type_}/{close}"
            for type_ in among
            for close in get_close_matches(name, known[type_], cutoff=ALIKE)
        ]
        if paths:
            return f"Did you mean {' or '.join(paths)}?"
    return nearest(name, [f"{type_}/{each}" for type_ in TYPES for each in known[type_]])
