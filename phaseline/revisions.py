"""Pure: the documents' revisions as one value that travels between a pipeline's actions.

An action's output variables are text that is put into the JSON of the next action's parameters, so
the text holds no quotes: `in=3,opt=7,out=2`.
"""

import re
from collections.abc import Iterable, Mapping

from phaseline.errors import InputError
from phaseline.ledger import Release

PAIR = re.compile(r"([a-z]+)=(\d+)")


def render(revisions: Mapping[str, int]) -> str:
    """The revisions as text; `none` where there are no documents, since no variable is empty."""
    return ",".join(f"{type_}={revisions[type_]}" for type_ in sorted(revisions)) or "none"


def parse(text: str) -> dict[str, int]:
    """The revisions in `text`. Raises InputError for what `render` never makes."""
    pairs = [PAIR.fullmatch(part) for part in text.split(",")] if text != "none" else []
    if not all(pairs):
        raise InputError(
            "the action's parameter revisions",
            f"expected such as 'in=3,opt=7,out=2', found {text[:80]!r}",
            "Compare the action's configuration with infra/pipeline.yaml.",
        )
    return {pair[1]: int(pair[2]) for pair in pairs if pair}


def newest_covered(releases: Iterable[Release], revisions: Mapping[str, int]) -> list[Release]:
    """Of `releases`, oldest first, the last of each algorithm that these documents hold."""
    newest: dict[tuple[str, str], Release] = {}
    for release in releases:
        if release.revision is not None and release.revision <= revisions.get(release.type, -1):
            newest[release.type, release.algorithm] = release
    return list(newest.values())
