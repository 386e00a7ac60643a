"""Pure: the addresses of the board's pages."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlencode

from phaseline.errors import InputError
from phaseline.releases.release import Position, Release

SEPARATOR = "~"
"""Separates the parts of a position in an address. No name contains it."""


class Links(Protocol):
    """Where a page links to: an address, or None if there is no such page."""

    def page(self, name: str, /, **query: object) -> str | None:
        """Return the address of a page. Values that are None or empty are left out."""

    def algorithm(self, type_: str, name: str) -> str | None:
        """Return the address of an algorithm's page."""

    def release(self, release: Release) -> str | None:
        """Return the address of a release's page."""

    def execution(self, id_: str) -> str | None:
        """Return the address of an execution's page."""


class ServerLinks:
    """The addresses of the pages that the server has."""

    def page(self, name: str, /, **query: object) -> str:
        """Return the address of a page. Values that are None or empty are left out."""
        given = {key.rstrip("_"): value for key, value in query.items() if value not in {None, ""}}
        path = "/" if name == "overview" else f"/{name}"
        return f"{path}?{urlencode(given)}" if given else path

    def algorithm(self, type_: str, name: str) -> str:
        """Return the address of an algorithm's page."""
        return self.page("algorithm", type=type_, name=name)

    def release(self, release: Release) -> str:
        """Return the address of a release's page."""
        return self.page("release", at=written(Position.of(release)))

    def execution(self, id_: str) -> str:
        """Return the address of an execution's page."""
        return self.page("execution", id=id_)


class FileLinks:
    """The places in a file that has the sections `sections` and these releases and algorithms."""

    def __init__(
        self,
        sections: Sequence[str],
        algorithms: Sequence[tuple[str, str]],
        releases: Sequence[str],
    ) -> None:
        self._sections = set(sections)
        self._algorithms, self._releases = set(algorithms), set(releases)

    def page(self, name: str, /, **query: object) -> str | None:
        """Return the place of a section; a file has no other pages."""
        return f"#{name}" if name in self._sections and not query else None

    def algorithm(self, type_: str, name: str) -> str | None:
        """Return the place of an algorithm."""
        return f"#{type_}/{name}" if (type_, name) in self._algorithms else None

    def release(self, release: Release) -> str | None:
        """Return the place of a release."""
        return f"#{release.release_id}" if release.release_id in self._releases else None

    def execution(self, id_: str) -> str | None:  # noqa: ARG002 - as in the protocol
        """Return None: the file shows executions in their list alone."""
        return None


def written(position: Position) -> str:
    """Return a position as text for an address."""
    parts = (position.type, position.algorithm, position.revision, position.release_id, position.at)
    return SEPARATOR.join(map(str, parts))


def position(text: str) -> Position:
    """Return the position that `written` wrote. Raises InputError if the text is none."""
    try:
        type_, algorithm, revision, release_id, at = text.split(SEPARATOR)
        return Position(type_, algorithm, int(revision), release_id, at)
    except ValueError as error:
        raise InputError(
            "the address of this page", f"{text!r:.80} names no release", "Open it from a list."
        ) from error


def positions(query: Mapping[str, str], types: Sequence[str]) -> dict[str, Position]:
    """Return the positions by type that the query of a list's page has."""
    return {
        type_: position(query[f"after-{type_}"]) for type_ in types if f"after-{type_}" in query
    }
