"""Pure: what a document must contain after a change or a request, written from docs/decisions.

It shares no code with the product. The simulator replays each write of a document here, and what
the product wrote must be the same.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

Position = tuple[str, int]
NOWHERE: Position = ("", 0)


class Violation(BaseException):
    """An invariant does not hold. No handler of the product may catch it."""


@dataclass(frozen=True)
class Change:
    """A version entered or left its phase, at a position of the stream (label and number)."""

    action: str
    type: str
    algorithm: str
    version: str
    display: int = 0
    position: Position = NOWHERE


@dataclass(frozen=True)
class Asked:
    """A request of a person."""

    action: str
    type: str
    algorithm: str | None
    version: str | None
    until: str | None
    id: str


@dataclass(frozen=True)
class Entry:
    """The active version of an algorithm, or None, and the position that it takes into account.

    `left` is the position of the last withdrawal of another version.
    """

    version: str | None
    display: int | None
    position: Position
    left: Position = NOWHERE

    def takes(self, change: Change) -> bool:
        """Return whether the entry takes a change into account already."""
        comparable = change.action == "promote" or change.position[0] == self.left[0]
        return change.position <= self.position or (comparable and change.position <= self.left)


@dataclass(frozen=True)
class Hold:
    """A hold with its end, and the changes that wait behind it, in order."""

    until: str | None
    waiting: tuple[Change, ...] = ()

    def ended(self, at: str) -> bool:
        """Return whether the hold is over."""
        return self.until is not None and self.until[:19] <= at[:19]

    def behind(self, change: Change) -> "Hold":
        """Return the hold with one more change behind it."""
        known = {each.position: each for each in (*self.waiting, change)}
        return replace(self, waiting=tuple(known[position] for position in sorted(known)))


@dataclass(frozen=True)
class State:
    """A document. The hold of the whole type has the name "*"."""

    revision: int = 0
    entries: Mapping[str, Entry] = field(default_factory=dict)
    bad: frozenset[tuple[str, str]] = frozenset()
    holds: Mapping[str, Hold] = field(default_factory=dict)

    @property
    def content(self) -> tuple[Any, ...]:
        """Everything but the revision."""
        return dict(self.entries), self.bad, dict(self.holds)

    def version(self, algorithm: str) -> str | None:
        """Return the active version."""
        entry = self.entries.get(algorithm)
        return entry.version if entry else None

    def keeper(self, algorithm: str, at: str) -> str | None:
        """Return the name of the hold that keeps changes back at a time."""
        for name in (algorithm, "*"):
            if name in self.holds and not self.holds[name].ended(at):
                return name
        return None


@dataclass(frozen=True)
class Write:
    """A version of a document as it is stored."""

    state: State
    body: Mapping[str, Any]
    version_id: str

    @property
    def at(self) -> str:
        """The time of the decision."""
        return str((self.body.get("write") or {"at": ""})["at"])

    @property
    def releases(self) -> list[dict[str, Any]]:
        """The releases that this write started or ended."""
        return list((self.body.get("write") or {"releases": []})["releases"])


def read(type_: str, data: bytes, version_id: str) -> Write:
    """Return what the bytes of an object say."""
    with zipfile.ZipFile(BytesIO(data)) as zipped:
        body = json.loads(zipped.read(f"{type_}.json"))
    entries = {
        name: Entry(
            entry.get("version"), entry.get("display", {}).get("n"), _position(entry), _left(entry)
        )
        for group in ("algorithms", "withdrawn")
        for name, entry in body[group].items()
    }
    holds = {name: _hold(hold) for name, hold in body["holds"].items()}
    if body["freeze"]:
        holds["*"] = _hold(body["freeze"])
    bad = frozenset((name, version) for name, marks in body["bad"].items() for version in marks)
    return Write(State(body["revision"], entries, bad, holds), body, version_id)


def _position(stored: Mapping[str, Any]) -> Position:
    label = stored["stream"].rpartition("/")[2]
    return (label, int(stored["sequence"])) if label else NOWHERE


def _left(stored: Mapping[str, Any]) -> Position:
    stream, _, sequence = (stored["left"] or "").rpartition("#")
    return _position({"stream": stream, "sequence": sequence})


def _hold(stored: Mapping[str, Any]) -> Hold:
    waiting = tuple(map(_change, stored["waiting"]))
    return Hold(stored["until"], waiting)


@dataclass
class Applied:
    """The state after changes, and what happened.

    `effective` are the changes that made a version active, by algorithm. `due` are the changes
    that waited, and wait no more. `withdrawals` are the algorithms whose version was left.
    """

    state: State
    effective: dict[str, Change] = field(default_factory=dict)
    due: tuple[Change, ...] = ()
    withdrawals: set[str] = field(default_factory=set)


def apply(
    state: State,
    changes: Iterable[Change],
    at: str,
    fallback: Callable[[str, set[str]], Entry | None] = lambda _name, _left: None,
) -> Applied:
    """Return the state after the changes that no hold keeps back any more, and after `changes`.

    `fallback` returns the good version of an algorithm to which a withdrawal returns, without
    those that the same batch has left.
    """
    holds = {name: hold for name, hold in state.holds.items() if not hold.ended(at)}
    still = {each.position for hold in holds.values() for each in hold.waiting}
    over = {
        each.position: each
        for name, hold in state.holds.items()
        if name not in holds
        for each in hold.waiting
        if each.position not in still
    }
    due = tuple(over[position] for position in sorted(over))
    entries = dict(state.entries)
    result = Applied(state, due=due)
    left: dict[str, set[str]] = {}
    for change in (*due, *changes):
        name, entry = change.algorithm, entries.get(change.algorithm)
        nothing = entry or Entry(None, None, NOWHERE)
        if nothing.takes(change):
            labels = nothing.position[0], nothing.left[0]
            is_late = change.action == "withdraw" and change.position[0] not in labels
            if is_late and change.version != nothing.version:
                entries[name] = replace(nothing, left=change.position)
            continue
        if change.action == "promote":
            left.get(name, set()).discard(change.version)
            if (name, change.version) in state.bad:
                # What waited is taken into account also without effect: it never waits again.
                if change in due:
                    entries[name] = replace(nothing, position=change.position)
                continue
        else:
            left.setdefault(name, set()).add(change.version)
        keeper = next((each for each in (name, "*") if each in holds), None)
        if keeper:
            holds[keeper] = holds[keeper].behind(change)
            continue
        if change.action == "promote":
            new = Entry(change.version, change.display, change.position, nothing.left)
            is_release = entry is None or (entry.version, entry.display) != (
                new.version,
                new.display,
            )
        else:
            if entry is None or entry.version != change.version:
                # It changes no version, and conflicts with a request that makes this one active.
                entries[name] = replace(nothing, left=change.position)
                continue
            good = fallback(name, left[name])
            new = good or Entry(None, None, NOWHERE)
            new = replace(new, position=change.position, left=nothing.left)
            is_release = True
            result.withdrawals.add(name)
        entries[name] = new
        if is_release:
            result.effective[name] = change
    after = State(state.revision, entries, state.bad, holds)
    if after.content != state.content:
        after = replace(after, revision=state.revision + 1)
    result.state = after
    return result


def ask(state: State, asked: Asked, at: str, entry: Entry | None) -> State:
    """Return the state after a request that makes `entry` active, or after a hold or a mark.

    A resumption also applies changes: this only sets the end of its holds.
    """
    name, bad = asked.algorithm or "*", set(state.bad)
    entries, holds = dict(state.entries), dict(state.holds)
    if asked.action == "hold":
        if name in holds:
            holds[name] = replace(holds[name], until=asked.until)
        else:
            holds[name] = Hold(asked.until)
    elif asked.action == "resume":
        if name in holds:
            holds[name] = replace(holds[name], until=at)
    elif asked.action == "clear":
        bad.discard((name, str(asked.version)))
    else:
        active = state.version(name)
        if asked.action == "rollback":
            holds[name] = Hold(None, holds[name].waiting if name in holds else ())
        if entry and entry.version != active:
            if asked.action == "rollback" and active:
                bad.add((name, active))
            left = state.entries[name].left if name in state.entries else NOWHERE
            entries[name] = replace(entry, position=_kept(state, asked, name), left=left)
    return State(state.revision + 1, entries, frozenset(bad), holds)


def _kept(state: State, asked: Asked, name: str) -> Position:
    """Return the position that an entry of a person takes into account.

    It is the former entry's. A promotion also supersedes what waits behind a hold that has ended.
    """
    position = state.entries[name].position if name in state.entries else NOWHERE
    if asked.action == "promote":
        waiting = [each for hold in state.holds.values() for each in hold.waiting]
        position = max([position, *(each.position for each in waiting if each.algorithm == name)])
    return position


def display(stored: str) -> int | None:
    """Return a display as the ledger has it."""
    number: int | None = json.loads(stored).get("n")
    return number


def change(stored: str) -> Change:
    """Return a change as the parking has it."""
    return _change(json.loads(stored))


def _change(body: Mapping[str, Any]) -> Change:
    return Change(
        body["action"],
        body["type"],
        body["algorithm"],
        body["version"],
        body["display"].get("n", 0),
        _position(body),
    )
