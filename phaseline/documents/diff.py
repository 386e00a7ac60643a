"""Pure: compares two states of a metadata document, or documents with the website.

The run time is linear in the number of algorithms.
"""

import difflib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from phaseline.documents.document import Document
from phaseline.documents.hold import Hold

ORDER = ("version", "display", "freeze", "hold", "waiting", "bad")
"""The kinds of difference, in the order in which they are listed."""
_Facts = Mapping[str | None, Mapping[tuple[str, str | None], Any]]
"""The values of a document by algorithm (None for the whole type), then by kind and name."""


@dataclass(frozen=True)
class Difference:
    """A difference of one algorithm, or of a whole type if `algorithm` is None.

    `kind` is one of ORDER. `name` is the field of a display, or the version that is marked bad.
    `before` and `after` are JSON values; None stands for a missing value.

    >>> print(Difference("opt", "route-planner", "version", None, "2.0.0", "2.1.0"))
    opt/route-planner: 2.0.0 -> 2.1.0
    """

    type: str
    algorithm: str | None
    kind: str
    name: str | None
    before: Any
    after: Any

    @property
    def is_visible(self) -> bool:
        """Whether visitors of the website can see the difference."""
        return self.kind in {"version", "display"}

    def __str__(self) -> str:
        subject = f"{self.type}/{self.algorithm}" if self.algorithm else self.type
        match self.kind:
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


def compare_documents(before: Document, after: Document) -> tuple[Difference, ...]:
    """Return the differences between two states of a document, sorted by algorithm and kind.

    >>> hold = Hold("release day", "ana", "2026-11-24T20:00:00Z")
    >>> print(*compare_documents(Document("opt"), Document("opt", 1, freeze=hold)))
    opt: on hold by ana: release day
    """
    return tuple(_compare(after.type, _facts(before), _facts(after)))


def compare_website(
    served: Mapping[str, Mapping[str, str]], documents: Iterable[Document]
) -> tuple[Difference, ...]:
    """Return the versions that will change on the website once `documents` are built.

    This includes changes of earlier revisions that the website does not show yet. `served` maps
    each type to the served versions by algorithm.
    """
    differences: list[Difference] = []
    for document in documents:
        before = _versions(served.get(document.type, {}))
        after = _versions(document.versions())
        differences += _compare(document.type, before, after)
    return tuple(differences)


def unified_diff(before: Document, after: Document) -> str:
    """Return a unified diff of the stored JSON; it is empty if only the revision differs.

    Each entry that differs is a hunk. The heading of a hunk is the path of the entry in the
    document, and its line numbers count from the first line of the entry.
    """
    hunks = [line for path, old, new in _entries(before, after) for line in _hunks(path, old, new)]
    if not hunks:
        return ""
    headings = [
        f"{sign} {document.type}.json revision {document.revision}"
        for sign, document in (("---", before), ("+++", after))
    ]
    return "\n".join([*headings, *hunks, ""])


def _facts(document: Document) -> _Facts:
    """Return the values of a document whose change is a difference."""
    facts: defaultdict[str | None, dict[tuple[str, str | None], Any]] = defaultdict(dict)
    for name, entry in document.algorithms.items():
        facts[name]["version", None] = entry.version
        facts[name] |= {("display", key): value for key, value in entry.display.items()}
    for name, hold in document.holds.items():
        facts[name]["hold", None] = _hold(hold)
    if document.freeze:
        facts[None]["freeze", None] = _hold(document.freeze)
    for change in document.waiting():
        subject = change.version
        if change.action == "withdraw":
            subject = f"withdrawal of {change.version}"
        facts[change.algorithm].setdefault(("waiting", None), []).append(subject)
    for name, marks in document.bad.items():
        facts[name] |= {
            ("bad", version): f"by {mark.who}: {mark.reason}" for version, mark in marks.items()
        }
    return facts


def _versions(versions: Mapping[str, str]) -> _Facts:
    return {name: {("version", None): version} for name, version in versions.items()}


def _compare(type_: str, old: _Facts, new: _Facts) -> Iterator[Difference]:
    for algorithm in sorted(old.keys() | new.keys(), key=lambda name: name or ""):
        before, after = old.get(algorithm, {}), new.get(algorithm, {})
        is_active_in_both = ("version", None) in before and ("version", None) in after
        for key in sorted(
            before.keys() | after.keys(), key=lambda key: (ORDER.index(key[0]), key[1] or "")
        ):
            if key[0] == "display" and not is_active_in_both:
                continue  # the complete display appears or disappears with the version
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
    """Yield the path and both states of each entry that differs.

    An entry is the value of an algorithm within a part of the document, or a part without
    algorithms, such as `freeze`.
    """
    for part in sorted(vars(after).keys() - {"type", "revision", "write"}):
        old, new = getattr(before, part), getattr(after, part)
        if not isinstance(new, Mapping):
            old, new, prefix = {part: old}, {part: new}, ""
        else:
            prefix = f"{part}."
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield f"{prefix}{name}", old.get(name), new.get(name)


def _hunks(path: str, old: Any, new: Any) -> Iterator[str]:
    lines = difflib.unified_diff(_lines(old), _lines(new), lineterm="")
    for line in list(lines)[2:]:  # skip the two lines with file names
        yield f"{line} {path}" if line.startswith("@@") else line


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    return json.dumps(
        value, default=_without_zone, sort_keys=True, ensure_ascii=False, indent=1
    ).splitlines()


def _without_zone(value: Any) -> dict[str, Any]:
    """Return the fields of an entry, hold or mark without the time zone data, a very long line."""
    return {key: part for key, part in asdict(value).items() if key != "zone"}
