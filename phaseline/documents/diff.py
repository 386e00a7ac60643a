"""What differs between two states of a metadata document, or between documents and the website.

Pure, and linear in the number of algorithms: each is looked at under its name.
"""

import difflib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from phaseline.documents.document import Document, Hold

ORDER = ("version", "display", "freeze", "hold", "waiting", "bad")
_Facts = Mapping[str | None, Mapping[tuple[str, str | None], Any]]
"""By algorithm (None: the whole type), then by the `what` and `name` of a difference."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs, of one algorithm or of a whole type (`algorithm` is None).

    `what` is one of ORDER; `name` is the field of a display or the version that is bad. `before`
    and `after` are values as JSON has them, None where there is nothing.
    """

    type: str
    algorithm: str | None
    what: str
    name: str | None
    before: Any
    after: Any

    @property
    def is_visible(self) -> bool:
        """Whether the website shows it."""
        return self.what in {"version", "display"}

    def __str__(self) -> str:
        subject = f"{self.type}/{self.algorithm}" if self.algorithm else self.type
        match self.what:
            case "version":
                return f"{subject}: {self.before or 'nothing'} -> {self.after or 'nothing'}"
            case "display":
                return f"{subject}: {self.name} {_quoted(self.before)} -> {_quoted(self.after)}"
            case "waiting":
                return f"{subject}: waiting {_listed(self.before)} -> {_listed(self.after)}"
            case "bad":
                subject, state = f"{subject} {self.name}", "bad, marked"
            case _:
                state = "on hold"
        if self.after is None:
            return f"{subject}: no longer {state} {self.before}"
        was = f" (before: {self.before})" if self.before else ""
        return f"{subject}: {state} {self.after}{was}"


def documents(before: Document, after: Document) -> tuple[Difference, ...]:
    """What is otherwise in `after`, sorted by algorithm and ORDER."""
    return tuple(_compare(after.type, _facts(before), _facts(after)))


def site(
    served: Mapping[str, Mapping[str, str]], documents: Iterable[Document]
) -> tuple[Difference, ...]:
    """Which versions visitors will see change once `documents` are built: also those of earlier
    revisions that are not served yet. `served` has the versions of each type by algorithm."""
    found: list[Difference] = []
    for document in documents:
        before = _versions(served.get(document.type, {}))
        after = _versions(document.versions())
        found += _compare(document.type, before, after)
    return tuple(found)


def text(before: Document, after: Document) -> str:
    """A unified diff of the JSON as it is stored; empty where only the revision differs.

    Each entry that differs is a hunk with its place in the document as the heading; lines are
    counted from the entry's first.
    """
    hunks = [
        line for place, old, new in _entries(before, after) for line in _hunks(place, old, new)
    ]
    if not hunks:
        return ""
    heads = [
        f"{sign} {one.type}.json revision {one.revision}"
        for sign, one in (("---", before), ("+++", after))
    ]
    return "\n".join([*heads, *hunks, ""])


def _facts(document: Document) -> _Facts:
    """All that a document says which a person would call a difference."""
    facts: defaultdict[str | None, dict[tuple[str, str | None], Any]] = defaultdict(dict)
    for name, entry in document.algorithms.items():
        facts[name]["version", None] = entry.version
        facts[name] |= {("display", key): value for key, value in entry.display.items()}
    for name, hold in document.holds.items():
        facts[name]["hold", None] = _hold(hold)
    if document.freeze:
        facts[None]["freeze", None] = _hold(document.freeze)
    for change in document.waiting():
        waits = change.version if change.action == "promote" else f"withdrawal of {change.version}"
        facts[change.algorithm].setdefault(("waiting", None), []).append(waits)
    for name, marks in document.bad.items():
        facts[name] |= {("bad", v): f"by {mark.who}: {mark.reason}" for v, mark in marks.items()}
    return facts


def _versions(versions: Mapping[str, str]) -> _Facts:
    return {name: {("version", None): version} for name, version in versions.items()}


def _compare(type_: str, old: _Facts, new: _Facts) -> Iterator[Difference]:
    for algorithm in sorted(old.keys() | new.keys(), key=lambda name: name or ""):
        before, after = old.get(algorithm, {}), new.get(algorithm, {})
        both = ("version", None) in before and ("version", None) in after
        for key in sorted(
            before.keys() | after.keys(), key=lambda key: (ORDER.index(key[0]), key[1] or "")
        ):
            if key[0] == "display" and not both:
                continue  # all of it comes or goes with the version
            if before.get(key) != after.get(key):
                yield Difference(type_, algorithm, *key, before.get(key), after.get(key))


def _hold(hold: Hold) -> str:
    until = f", until {hold.until}" if hold.until else ""
    window = f", while open: {hold.window}" if hold.window else ""
    return f"by {hold.who}: {hold.reason}{until}{window}"


def _quoted(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _listed(versions: Iterable[str] | None) -> str:
    return ", ".join(versions or ["nothing"])


def _entries(before: Document, after: Document) -> Iterator[tuple[str, Any, Any]]:
    """The entries that differ, with their place; an entry is what has an algorithm's name."""
    for part in sorted(vars(after).keys() - {"type", "revision"}):
        old, new = getattr(before, part), getattr(after, part)
        if not isinstance(new, Mapping):
            old, new, prefix = {part: old}, {part: new}, ""
        else:
            prefix = f"{part}."
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield f"{prefix}{name}", old.get(name), new.get(name)


def _hunks(place: str, old: Any, new: Any) -> Iterator[str]:
    lines = difflib.unified_diff(_lines(old), _lines(new), lineterm="")
    for line in list(lines)[2:]:  # without the names of files
        yield f"{line} {place}" if line.startswith("@@") else line


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    return json.dumps(
        value, default=_shown, sort_keys=True, ensure_ascii=False, indent=1
    ).splitlines()


def _shown(value: Any) -> dict[str, Any]:
    """An entry, hold or mark as JSON, without the data of a time zone: that is one long line."""
    return {key: part for key, part in asdict(value).items() if key != "zone"}
