"""The names that a shell completes: algorithms and versions of an environment.

A person presses TAB in the middle of a line, so an error is silent, and the search has a limit of
time. The console ends the process then, whatever a thread still waits for.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from phaseline.algorithms.names import TYPES

if TYPE_CHECKING:
    from scripts.services import Services

LIMIT = 3.0
"""Seconds for a completion."""


def algorithms(context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the algorithms, with their types, that begin like this."""

    def find() -> Iterable[str]:
        services = _services(context)
        chosen = [type_ for type_ in TYPES if begun.startswith(f"{type_}/")]
        for type_ in chosen or TYPES:
            names = services.documents.read(type_).document.names()
            yield from (f"{type_}/{name}" for name in sorted(names))

    return _beginning(begun, find)


def versions(context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the versions that a command may name for the algorithm that stands before them."""

    def find() -> Iterable[str]:
        from scripts.release import known  # it imports boto3

        type_, names = context.params.get("algorithm") or context.params["scope"]
        found = known.versions(_services(context), type_, names[0], str(context.info_name))
        return sorted(found, reverse=True)

    return _beginning(begun, find)


def _beginning(begun: str, find: Callable[[], Iterable[str]]) -> list[str]:
    """Return what is found in time and begins like this."""
    found: list[str] = []

    def search() -> None:
        with suppress(Exception):
            found.extend(name for name in find() if name.startswith(begun))

    thread = threading.Thread(target=search, daemon=True)
    thread.start()
    thread.join(LIMIT)
    return [*found]


def _services(context: click.Context) -> "Services":
    from scripts.cli import environments  # they import boto3
    from scripts.services import Services

    return Services(context.params.get("environment") or environments.find())
