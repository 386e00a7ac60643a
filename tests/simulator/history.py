"""Judges a history at its end, when the faults have stopped and everything has come to rest."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from phaseline.algorithms.names import TYPES
from tests.simulator.checker import require
from tests.simulator.table import COMPLETE, position

if TYPE_CHECKING:
    from tests.simulator.world import World


def judge(world: "World") -> None:
    """Raise Violation if an invariant does not hold."""
    _records(world)
    releases = _ledger(world)
    _dispatches(world, releases)
    _settled(world)
    _website(world)
    _requests(world)
    _withdrawals(world)


def _records(world: "World") -> None:
    """Each record has had its effect, and the malformed ones alone were given up."""
    given_up = {position(record) for record in world.discarded}
    require(given_up == world.table.malformed, "malformed records alone are given up", given_up)
    missing = world.table.changes.keys() - world.checker.concluded.keys() - given_up
    require(not missing, "no record is lost", missing)


def _ledger(world: "World") -> list[dict[str, Any]]:
    """Return the releases of all writes, which the ledger has exactly once and in their order."""
    written: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for writes in world.checker.writes.values():
        for write in writes:
            for release in write.releases:
                written[release["algorithm"]].append(
                    {**release, "document_version": write.version_id}
                )
    fields = ("release_id", "revision", "version", "document_version", "previous", "who")
    for name in {name for name, _ in world.table.items} | written.keys():
        found = [{key: each.get(key) for key in fields} for each in world.checker.ledger(name)]
        for each in found:
            version = str(each["document_version"])
            each["document_version"] = world.checker.copies.get(version, version)
        expected = [{key: each[key] for key in fields} for each in reversed(written[name])]
        by_id = {each["release_id"]: each for each in found}
        require(len(by_id) == len(found), "the ledger has each release once", found)
        require(
            by_id == {each["release_id"]: each for each in expected},
            "the ledger has the releases of the documents",
            name,
            found,
            expected,
        )
        order = [
            release.revision
            for release in world.commits.ledger.releases(name.partition("-")[0], name)
        ]
        require(order == sorted(order, key=lambda n: -(n or 0)), "revisions order releases", order)
    ids = Counter(each["release_id"] for releases in written.values() for each in releases)
    require(max(ids.values(), default=1) == 1, "a release is started once", ids.most_common(1))
    return [each for releases in written.values() for each in releases]


def _dispatches(world: "World", releases: list[dict[str, Any]]) -> None:
    """The releases that the stream started were announced, and nothing else."""
    tested = {
        each["release_id"] for each in releases if each["state"] == "open" and not each["who"]
    }
    told = Counter(world.github.told)
    require(told.keys() == tested, "the releases of records are announced", told.keys() ^ tested)


def _settled(world: "World") -> None:
    for type_ in TYPES:
        settled = world.commits.outbox.read(type_)
        revision = world.checker.state(type_).revision
        require(settled.revision == revision or revision == 0, "each document is settled", type_)
        require(settled.owed is None, "no dispatch is owed", settled.owed)
        require(settled.parked is None, "nothing is parked", type_)


def _website(world: "World") -> None:
    """Visitors are served the active versions, and each release has ended accordingly."""
    served = world.pipeline.served
    for type_ in TYPES:
        state = world.checker.state(type_)
        active = {name: e.version for name, e in state.entries.items() if e.version is not None}
        require(
            served is not None and served.documents[type_].versions == active,
            "visitors are served the active versions",
            type_,
        )
        require(not list(world.commits.ledger.open_releases(type_)), "each release ends", type_)


def _requests(world: "World") -> None:
    for request in world.checker.done.values():
        known = world.commits.ledger.request(request.type, request.record.key)
        require(known is not None, "a request that was carried out is recorded", request)


def _withdrawals(world: "World") -> None:
    """No version that has left its phase is one to return to."""
    for (name, version), item in world.table.items.items():
        if item.phase == COMPLETE:
            continue
        for release in world.commits.ledger.releases(item.type, name):
            may_return = release.version == version and release.can_return
            require(not may_return, "no rollback returns to a withdrawn version", release)
