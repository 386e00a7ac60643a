"""Judges each write of a document when it happens, and the whole history at its end."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from phaseline.algorithms.names import TYPES
from phaseline.aws.dynamodb import plain
from phaseline.promotion.request import Request
from tests.simulator import model
from tests.simulator.contexts import Context, Edit, Invocation, Partition, Reader, Run
from tests.simulator.dynamodb import DynamoDB
from tests.simulator.model import Change, Entry, Position, State, Violation, Write


def require(holds: bool, invariant: str, *found: object) -> None:
    """Raise Violation, unless the invariant holds."""
    if not holds:
        raise Violation(": ".join([invariant, *map(str, found)]))


@dataclass
class Checker:
    """The documents as they were written, and what must be true of them.

    `authors` are the contexts of these writes. `concluded` are the records that an invocation has
    answered for, with the number of the writes at that time, and `done` the ids of the requests
    that were carried out. `copies` are the ids of object versions that are a copy of
    another one.
    """

    dynamodb: DynamoDB
    changes: Mapping[Position, tuple[Change, ...]]
    malformed: set[Position]
    trace: Callable[[str], None]
    writes: dict[str, list[Write]] = field(default_factory=lambda: {type_: [] for type_ in TYPES})
    concluded: dict[Position, int] = field(default_factory=dict)
    authors: dict[str, list[Context]] = field(
        default_factory=lambda: {type_: [] for type_ in TYPES}
    )
    done: dict[str, Request] = field(default_factory=dict)
    readable: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(TYPES, True))
    copies: dict[str, str] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)

    def state(self, type_: str) -> State:
        """Return the newest state of a document."""
        return self.writes[type_][-1].state

    def marks(self) -> dict[str, int]:
        """Return the number of the writes of each document until now."""
        return {type_: len(writes) for type_, writes in self.writes.items()}

    # Each write

    def stored(self, type_: str, data: bytes, version_id: str, context: Context) -> None:
        """Judge a new version of a document, which was written in a context."""
        if isinstance(context, Edit):
            self.readable[type_] = data.startswith(b"PK")
            if self.readable[type_]:
                restored = model.read(type_, data, version_id)
                require(restored.state == self.state(type_), "a restored version is the last one")
                self.copies[version_id] = self.writes[type_][-1].version_id
            return
        write = model.read(type_, data, version_id)
        self.trace(f"{type_} revision {write.state.revision}: {_shown(write.state)}")
        if not self.writes[type_]:
            self._keep(type_, write, context)
            return
        before = self.state(type_)
        require(self.readable[type_], "nobody writes over a broken document", type_)
        require(write.state.revision == before.revision + 1, "revisions grow by one", type_)
        require(write.state.content != before.content, "each write changes something", type_)
        match context:
            case Invocation():
                self._by_stream(type_, before, write, context)
            case Run():
                self._by_person(before, write, context)
            case None:
                raise Violation("only the listener and people write documents")
        self._keep(type_, write, context)

    def _keep(self, type_: str, write: Write, context: Context) -> None:
        self.writes[type_].append(write)
        self.authors[type_].append(context)

    def _by_stream(self, type_: str, before: State, write: Write, context: Invocation) -> None:
        arrived = [
            change
            for position in self._sound(context.positions)
            for change in self.changes[position]
            if change.type == type_
        ]
        parked = self.parked(type_)
        # The listener reads them only if the outbox says that there are some, and before its write:
        # the newest ones may have arrived after that.
        for count in range(len(parked), 0, -1):
            waiting = self._first_parked(type_, count)
            try:
                self._by_changes(before, write, [*waiting, *arrived], waiting, context)
            except Violation:
                continue
            return
        self._by_changes(before, write, arrived, [], context)

    def _by_changes(
        self,
        before: State,
        write: Write,
        changes: list[Change],
        parked: list[Change],
        reader: Reader,
    ) -> None:
        applied = self._applied(before, write, changes, reader)
        self._same(write.state, applied.state, "a write has the effect of its records", before)
        self._releases(write, applied)
        delayed = {change.position for change in (*applied.due, *parked)}
        for change in applied.effective.values():
            if change.position in self.concluded and change.position not in delayed:
                self._repeated(change, before)

    def _repeated(self, change: Change, before: State) -> None:
        """Judge a record that has an effect although it was answered for before.

        That is right in two cases: a person cleared the mark for which it was refused, and nobody
        changed the algorithm since; or a person promoted the version again ahead of the stream,
        which lags behind the table and has a later record that promotes it.
        """
        since = self.concluded[change.position]
        writes = self.writes[change.type][since - 1 :]
        was_bad = (change.algorithm, change.version) in writes[0].state.bad
        people = [
            each.asked
            for each in self.authors[change.type][since:]
            if isinstance(each, Run)
            and each.asked.action in {"promote", "rollback"}
            and each.asked.algorithm == change.algorithm
        ]
        if change.action == "promote":
            require(was_bad and not people, "nobody's change is undone by a repetition", change)
            self.count["refused before, and taken after its mark was cleared"] += 1
        else:
            require(self._comes_again(change), "nobody's change is undone by a repetition", change)
            self.count["a promotion ahead of the stream, withdrawn and promoted again"] += 1

    def _comes_again(self, change: Change) -> bool:
        """Return whether a record that was not delivered yet promotes the version again."""
        wanted = "promote", change.algorithm, change.version
        return any(
            (each.action, each.algorithm, each.version) == wanted
            for position, changes in self.changes.items()
            if position > change.position and position not in self.concluded
            for each in changes
        )

    def _sound(self, positions: Sequence[Position]) -> Sequence[Position]:
        """Return the records before the first malformed one."""
        bad = [number for number, each in enumerate(positions) if each in self.malformed]
        return positions[: bad[0]] if bad else positions

    def _applied(
        self, before: State, write: Write, changes: list[Change], reader: Reader
    ) -> model.Applied:
        """Apply changes as the model does.

        A withdrawal returns to a version that was good when the writer read the ledger. It may have
        read it several times, and others may have written it since.
        """
        known: dict[str, Partition] = {}

        def fallback(name: str, left: set[str]) -> Entry | None:
            good = self.good(name, before, known.get(name))
            return next((each for each in good if each.version not in left), None)

        applied = model.apply(before, changes, write.at, fallback)
        for name in applied.withdrawals:
            for partition in reader.reads[name]:
                if applied.state.entries[name] == write.state.entries.get(name):
                    break
                known[name] = partition
                applied = model.apply(before, changes, write.at, fallback)
        return applied

    def _releases(self, write: Write, applied: model.Applied) -> None:
        started = {each["algorithm"]: each["version"] for each in write.releases if _open(each)}
        expected = {name: write.state.version(name) for name in applied.effective}
        require(started == expected, "each change starts one release", started, expected)
        ended = {int(each["sequence"]) for each in write.releases if not _open(each)}
        kept = {each.position for hold in write.state.holds.values() for each in hold.waiting}
        kept |= {change.position for change in applied.effective.values()}
        over = {change.position[1] for change in applied.due if change.position not in kept}
        require(over <= ended, "a change that waited and is overtaken ends as superseded")

    def _by_person(self, before: State, write: Write, run: Run) -> None:
        asked, at = run.asked, run.request.at
        require(asked.id not in self.done, "a request has its effect once", asked)
        name = asked.algorithm or "*"
        entry = write.state.entries.get(name)
        if asked.action == "promote":
            require(before.keeper(name, at) is None, "a hold keeps a promotion back", asked)
            require((name, asked.version) not in before.bad, "no bad version is promoted", asked)
            require(write.state.version(name) == asked.version, "it promotes its version", asked)
        if asked.action == "rollback" and write.state.version(name) != before.version(name):
            version = write.state.version(name)
            require((name, version) not in before.bad, "no rollback to a bad version", asked)
            known = {
                each.get("version") for each in self.ledger(name) if each["state"] == "verified"
            }
            require(version in known, "a rollback returns to a verified version", asked)
        expected = model.ask(before, asked, at, entry)
        if asked.action == "resume":
            ended = replace(expected, revision=before.revision)
            applied = self._applied(ended, write, [], run)
            expected = applied.state
            self._releases(write, applied)
        self._same(write.state, expected, "a write has the effect of its request", before)
        self.done[asked.id] = run.request

    def _same(self, found: State, expected: State, invariant: str, before: State) -> None:
        require(
            found.content == expected.content,
            invariant,
            f"before {_shown(before)}",
            f"expected {_shown(expected)}",
            f"found {_shown(found)}",
        )

    # Each invocation

    def conclude(self, positions: Sequence[Position], since: Mapping[str, int], at: str) -> None:
        """Judge the records that an invocation answers for, which began `since` these writes.

        Each has its effect, waits visibly, or was without effect at some moment of the invocation.
        """
        for position in positions:
            require(position not in self.malformed, "a malformed record is not accepted", position)
            for change in self.changes[position]:
                states = [each.state for each in self.writes[change.type][since[change.type] - 1 :]]
                is_taken = any(_is_taken(state, change, at) for state in states)
                is_parked = change.position in {p.position for p in self.parked(change.type)}
                require(is_taken or is_parked, "no record is lost", change)
            for change in self.changes[position]:
                self.concluded[position] = len(self.writes[change.type])
            self.concluded.setdefault(position, 0)

    # The ledger

    def read(self, key: str, reader: Context) -> None:
        """Note what somebody reads in a partition of the ledger."""
        kind, _, rest = key.partition("#")
        if kind == "algorithm" and isinstance(reader, Reader):
            name = rest.partition("#")[2]
            reader.reads[name].append(self._partition(name))

    def ledger(self, name: str) -> list[dict[str, Any]]:
        """Return the releases of an algorithm in the ledger, newest first."""
        return _releases(self._partition(name))

    def _partition(self, name: str) -> Partition:
        type_ = name.partition("-")[0]
        return [plain(item) for _, item in self.dynamodb.partition(f"algorithm#{type_}#{name}")]

    def good(self, name: str, state: State, partition: Partition | None = None) -> list[Entry]:
        """Return the versions to which an algorithm may return, newest first.

        That is as of now, or as of a partition that was read before.
        """
        partition = self._partition(name) if partition is None else partition
        withdrawn = {
            item["version"]: int(item["revision"])
            for item in partition
            if item["sk"].startswith("withdrawn#")
        }
        return [
            Entry(each["version"], model.display(each["display"]), model.NOWHERE)
            for each in _releases(partition)
            if each["state"] == "verified"
            and each.get("version")
            and withdrawn.get(each["version"], 0) <= each["revision"]
            and (name, each["version"]) not in state.bad
        ]

    def _first_parked(self, type_: str, count: int) -> list[Change]:
        """Return the changes of a type that were parked first, in order."""
        items = (item for (pk, _), item in self.dynamodb.items.items() if pk == f"parked#{type_}")
        first = [model.change(plain(item)["change"]) for item in islice(items, count)]
        return sorted(first, key=lambda change: change.position)

    def parked(self, type_: str) -> list[Change]:
        """Return the changes that wait for a document that cannot be read, in order."""
        return sorted(
            (
                model.change(plain(item)["change"])
                for _, item in self.dynamodb.partition(f"parked#{type_}")
            ),
            key=lambda change: change.position,
        )


def _releases(partition: Partition) -> list[dict[str, Any]]:
    """Return the releases in a partition of the ledger, newest first."""
    releases = (item for item in partition if item["sk"].startswith("release#"))
    return sorted(releases, key=lambda item: -int(item["revision"]))


def _is_taken(state: State, change: Change, at: str) -> bool:
    """Return whether a change is without effect in a state, or waits there."""
    if any(change in hold.waiting for hold in state.holds.values()):
        return True
    ended = {name: hold for name, hold in state.holds.items() if not hold.ended(at)}
    state = replace(state, holds=ended)
    return model.apply(state, [change], at).state.content == state.content


def _open(release: Mapping[str, Any]) -> bool:
    return bool(release["state"] == "open")


def _shown(state: State) -> str:
    entries = ", ".join(
        f"{name}={entry.version}/{entry.display}@{entry.position[1]}"
        for name, entry in sorted(state.entries.items())
    )
    bad = ", ".join(f"{name} {version}" for name, version in sorted(state.bad))
    holds = ", ".join(
        f"{name} until {hold.until} ({', '.join(map(_described, hold.waiting))})"
        for name, hold in sorted(state.holds.items())
    )
    return f"{entries}; bad: {bad or 'none'}; holds: {holds or 'none'}"


def _described(change: Change) -> str:
    return f"{change.action} {change.algorithm} {change.version}@{change.position[1]}"
