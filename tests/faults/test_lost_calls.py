"""A process dies at any one of its calls to AWS, before or after it: nothing is lost or repeated.

Each step of a history is run with a death at its first call, its second call and so on, until it
has no such call. Then the step is repeated, as Lambda repeats an invocation and a person a run, or
somebody else comes first. The result is compared with the history without a death. S3 and DynamoDB
are those of the simulator: building moto's anew for each death took most of the time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from phaseline.algorithms.schema import Schema
from phaseline.documents.commit import Commits
from phaseline.documents.store import Documents
from phaseline.promotion.listener import Listener
from phaseline.releases.ledger import Ledger
from tests.builders.requests import NAME, ask, verify
from tests.builders.stores import AT, never
from tests.events import stream_record
from tests.simulator.dynamodb import DynamoDB
from tests.simulator.remote import Death, Remote
from tests.simulator.s3 import S3

COMPLETE = "PACKAGE_TESTS_COMPLETE"
LEFT = stream_record(4, version="3.0", old_phase=COMPLETE, phase="REJECTED")
EARLIER = stream_record(5, version="1.0", old_phase=COMPLETE, phase="REJECTED")
STEPS: dict[str, Callable[[Listener], object]] = {
    "promotion": lambda listener: listener.process([stream_record(3, version="3.0")], Schema()),
    "batch": lambda listener: listener.process(
        [stream_record(3, version="3.0"), LEFT, stream_record(5, version="5.0", type_="in")],
        Schema(),
    ),
    "promotion by a person": lambda listener: ask(listener, "promote", "4.0"),
    "withdrawal": lambda listener: listener.process([EARLIER], Schema()),
    "rollback": lambda listener: ask(listener, "rollback"),
    "hold": lambda listener: ask(listener, "hold", id="hold"),
    "schedule": lambda listener: (listener.apply_due(), listener.send_owed()),
}
OTHERS: dict[str, Callable[[Listener], object]] = {
    "nobody": lambda _: None,
    "another record": lambda listener: listener.process(
        [stream_record(9, version="9.0", algorithm="other")], Schema()
    ),
    "the schedule": lambda listener: (listener.apply_due(), listener.send_owed()),
}


@dataclass
class Deaths:
    """Ends the process at call number `at` of a service, before its effect or `after` it."""

    service: str = ""
    at: int = -1
    after: bool = False
    calls: int = 0

    def arm(self, service: str, at: int, *, after: bool) -> None:
        self.service, self.at, self.after, self.calls = service, at, after, 0

    def call(self, service: str, operation: str, act: Callable[[], Any]) -> Any:
        del operation
        if service != self.service:
            return act()
        self.calls += 1
        dies = self.calls == self.at
        if dies and not self.after:
            raise Death
        result = act()
        if dies:
            raise Death
        return result


class World:
    """An environment in which versions 1.0 and 2.0 were released, and its dispatches."""

    def __init__(self) -> None:
        self.deaths = Deaths()
        s3: Any = Remote("s3", S3(), self.deaths)
        dynamodb: Any = Remote("dynamodb", DynamoDB(), self.deaths)
        documents = Documents(s3, "metadata", "", never)
        documents.create_missing()
        self.sent: list[str] = []
        self.listener = Listener(
            Commits(documents, Ledger(dynamodb, "ledger")),
            lambda payload: self.sent.extend(payload["releases"]),
            lambda: AT,
        )
        for number in (1, 2):
            self.listener.process([stream_record(number, version=f"{number}.0")], Schema())
            verify(self.listener)

    def state(self) -> dict[str, Any]:
        """Return all that people and programs can see."""
        self.listener.apply_due()
        self.listener.send_owed()
        commits = self.listener.commits
        documents = {type_: commits.documents.read(type_).document for type_ in ("in", "opt")}
        return {
            "documents": documents,
            "releases": [
                release
                for type_, name in (("in", NAME), ("opt", NAME), ("opt", "other"))
                for release in _without_version(commits, type_, name)
            ],
            "dispatched": sorted(set(self.sent)),
            "settled": {type_: commits.outbox.read(type_).revision for type_ in documents},
        }


def _without_version(commits: Commits, type_: str, name: str) -> Iterator[tuple[Any, ...]]:
    for release in commits.ledger.releases(type_, name):
        yield (
            release.release_id, release.version, release.previous, release.revision,
            release.state, release.action, release.who, sorted(release.steps), release.display,
        )  # fmt: skip


def undisturbed(step: str, other: str) -> dict[str, Any]:
    """Return the state after a step and what somebody else does."""
    world = World()
    STEPS[step](world.listener)
    OTHERS[other](world.listener)
    return world.state()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("service", ["s3", "dynamodb"])
@pytest.mark.parametrize(
    ("step", "other"),
    [
        *((step, "nobody") for step in STEPS),
        *(
            (step, other)
            for step in ("promotion", "withdrawal", "rollback")
            for other in list(OTHERS)[1:]
        ),
    ],
)
def test_death_at_any_call_loses_and_repeats_nothing(
    step: str, other: str, service: str, after: bool
) -> None:
    expected = undisturbed(step, other)
    number = 0
    while True:
        number += 1
        world = World()
        world.deaths.arm(service, number, after=after)
        try:
            STEPS[step](world.listener)
        except Death:
            pass
        else:
            break
        OTHERS[other](world.listener)
        STEPS[step](world.listener)
        state = world.state()
        if other == "another record":  # it may have come before the step
            assert state["dispatched"] == expected["dispatched"]
            assert versions(state) == versions(expected)
            assert identities(state) == identities(expected)
        else:
            assert state == expected, f"{step}, call {number}"
    assert number > 1 or step == "schedule" or service == "dynamodb"


def versions(state: dict[str, Any]) -> dict[str, Any]:
    return {type_: document.versions() for type_, document in state["documents"].items()}


def identities(state: dict[str, Any]) -> list[Any]:
    return sorted(release[:3] for release in state["releases"])
