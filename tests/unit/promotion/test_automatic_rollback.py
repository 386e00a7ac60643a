"""The promotions of a failed execution that are rolled back, and those that are not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from phaseline.algorithms.names import TYPES
from phaseline.documents.store import Documents
from phaseline.errors import RefusedError
from phaseline.promotion.automatic_rollback import WHO
from phaseline.promotion.request import ALGORITHMS_LIMIT
from phaseline.site.live import Lives
from tests.builders.calls import Answer, Calls
from tests.builders.failures import COMMAND_FAILED, World
from tests.builders.failures import world as world  # a fixture
from tests.builders.stores import BUCKET, make_table, never
from tests.events import stream_record


def test_promotion_is_rolled_back_to_the_live_version_and_stays_back(world: World) -> None:
    """The version is marked bad, and its algorithm is on hold."""
    world.stream("2")
    world.run()
    (outcome,) = world.react()
    document = world.document()
    assert document.versions() == {"a": "1"}
    assert document.bad["a"].keys() == {"2"}
    assert document.holds["a"].who == WHO
    (release,) = outcome.releases
    assert (release.who, release.version, release.previous) == (WHO, "1", "2")
    assert release.reason == "Build failed in execution e1: " + " ".join(COMMAND_FAILED.split())


def test_nothing_is_rolled_back_to_a_withdrawn_live_version(world: World) -> None:
    world.stream("2")
    world.go_live()
    world.stream("3")
    world.stream("2", old_phase="PACKAGE_TESTS_COMPLETE", phase="REJECTED")
    world.run()
    with pytest.raises(RefusedError, match="2 is not known as verified, or was withdrawn"):
        world.react()
    assert world.document().versions() == {"a": "3"}


def test_more_promotions_than_a_request_may_name_are_left_to_people(world: World) -> None:
    names = [f"a{number}" for number in range(ALGORITHMS_LIMIT + 1)]
    for version in ("1", "2"):
        world.process(*(world.record(version, name) for name in names))
        if version == "1":
            world.go_live()
    world.run()
    with pytest.raises(RefusedError, match="101 algorithms of 'opt' were promoted; at most 100"):
        world.react()


def test_promotions_of_several_types_are_rolled_back_by_one_write_of_each_document(
    world: World,
) -> None:
    world.stream("1", "b")
    world.stream("1", "c", type_="in")
    world.go_live()
    for algorithm, type_ in (("a", "opt"), ("b", "opt"), ("c", "in")):
        world.stream("2", algorithm, type_=type_)
    before = {type_: world.document(type_).revision for type_ in TYPES}
    world.run()
    outcomes = world.react()
    assert world.document("opt").versions() == {"a": "1", "b": "1"}
    assert world.document("in").versions() == {"c": "1"}
    assert [len(outcome.releases) for outcome in outcomes] == [1, 2]
    grown = {type_: world.document(type_).revision - before[type_] for type_ in TYPES}
    assert grown == {"in": 1, "opt": 1, "out": 0}


def test_promotion_by_a_person_is_rolled_back(world: World) -> None:
    world.ask("promote", "2")
    world.run()
    world.react()
    assert world.document().versions() == {"a": "1"}


def test_repeated_event_changes_nothing_while_the_next_execution_runs(world: World) -> None:
    world.stream("2")
    world.run()
    world.react()
    written = world.documents.read("opt").version_id
    world.run("e2", "InProgress")
    (again,) = world.react()
    assert not again.changed
    assert world.documents.read("opt").version_id == written
    assert [release.version for release in world.ledger.releases("opt", "a")] == ["1", "2", "1"]


def test_repeated_event_completes_an_interrupted_rollback(world: World) -> None:
    world.stream("1", "c", type_="in")
    world.go_live()
    world.stream("2")
    world.stream("2", "c", type_="in")
    world.run()
    denied = iter(["AccessDenied"])
    Calls(world.ledger.client, UpdateItem=lambda _: next(denied, None))
    with pytest.raises(ClientError):
        world.react()
    assert world.document("in").versions() == {"c": "1"}
    assert world.document("opt").versions() == {"a": "2"}
    world.run("e2", "InProgress")
    world.react()
    assert world.document("opt").versions() == {"a": "1"}
    assert next(world.ledger.releases("in", "c")).who == WHO


def withdrawn(world: World) -> None:
    """A withdrawal and a promotion."""
    world.stream("1", "b")
    world.stream("1", phase="REJECTED", old_phase="PACKAGE_TESTS_COMPLETE")
    world.run()


def shown_otherwise(world: World) -> None:
    """The live version with another display."""
    world.records += 1
    record = stream_record(world.records, algorithm="a", version="1")
    record["dynamodb"]["NewImage"]["display"] = {"M": {"title": {"S": "Another"}}}
    world.process(record)
    world.run()


def rolled_back(world: World) -> None:
    """A rollback by a person and a promotion."""
    world.stream("2")
    world.go_live()
    world.ask("rollback")
    world.stream("1", "b")
    world.run()


def of_another_commit(world: World) -> None:
    """A promotion and a change of the frontend."""
    world.stream("2")
    world.run(commit="badc0de")


def in_source(world: World) -> None:
    """A promotion whose execution failed in the Source stage."""
    world.stream("2")
    world.stage = "Source"
    world.run()


def in_announce(world: World) -> None:
    """A promotion whose invalidation failed."""
    world.stream("2")
    world.stage = "Announce"
    world.run()


def in_verify(world: World) -> None:
    """A promotion that was published and seen by visitors, and whose execution failed then."""
    world.stream("2")
    world.stage = "Verify"
    world.run()
    world.go_live()


def in_install(world: World) -> None:
    """A promotion whose build could not install its packages."""
    world.stream("2")
    world.message = COMMAND_FAILED.replace("Phase: BUILD", "Phase: INSTALL")
    world.run()


def without_codebuild(world: World) -> None:
    """A promotion whose build could not be started."""
    world.stream("2")
    world.message = "Error calling startBuild: Rate exceeded (Error Code: ThrottlingException)"
    world.run()


def without_permission(world: World) -> None:
    """A promotion whose action was denied a call."""
    world.stream("2")
    world.code = "PermissionError"
    world.run()


def without_earlier(world: World) -> None:
    """The first version of an algorithm and a promotion of another one."""
    world.stream("2")
    world.stream("1", "new")
    world.run()


def with_nothing_new(world: World) -> None:
    """An execution with only live versions."""
    world.run()


def followed(world: World) -> None:
    """A promotion that the next execution also carries."""
    world.stream("2")
    world.run()
    world.run("e2", "InProgress")


def tried_again(world: World) -> None:
    """A promotion whose failed stage somebody retries."""
    world.stream("2")
    world.run(status="InProgress")


def mended(world: World) -> None:
    """A promotion that was replaced by a newer one, which no execution carries yet."""
    world.stream("2")
    world.run()
    world.stream("3")


def held_meanwhile(world: World) -> None:
    """A promotion in a document that somebody has changed since."""
    world.stream("2")
    world.run()
    world.ask("hold")


def forgotten(world: World) -> None:
    """A promotion whose execution is not among the newest."""
    world.stream("2")
    world.run("e2")


def test_rollback_returns_to_the_newest_publication_whatever_the_clocks_say(world: World) -> None:
    """The publication before was verified late, by a clock that is ahead."""
    before = world.lives.newest()
    assert before
    world.stream("2")
    world.go_live()
    world.lives.record(replace(before, execution="late", at="2026-11-25T09:00:00Z"))
    world.stream("3")
    world.run()
    world.react()
    assert world.document().versions() == {"a": "2"}
    assert world.document().bad["a"].keys() == {"3"}


@pytest.mark.parametrize(
    ("happened", "why"),
    [
        (withdrawn, "opt/a was changed by a withdrawal or an unknown release"),
        (rolled_back, "opt/a was changed by a rollback"),
        (of_another_commit, "the first with the frontend's commit badc0de"),
        (in_source, "it failed in Source"),
        (in_announce, "it failed in Announce"),
        (in_verify, "it failed in Verify"),
        (in_install, "the build failed in its phase INSTALL"),
        (without_codebuild, "CodeBuild does not say which of its phases failed"),
        (without_permission, "CodePipeline reports PermissionError"),
        (shown_otherwise, "opt/a 1 is live with another display"),
        (without_earlier, "opt/new 1 was not live before"),
        (with_nothing_new, "every version that it carried is already live"),
        (followed, "execution e2 follows it"),
        (tried_again, "somebody retries it"),
        (mended, "at the same time"),
        (held_meanwhile, "the document of opt has changed since"),
        (forgotten, "no longer lists it or its failed action"),
    ],
)
def test_nothing_is_rolled_back_if_something_else_may_be_the_cause_or_the_repair(
    world: World, happened: Callable[[World], None], why: str
) -> None:
    happened(world)
    before = world.document()
    with pytest.raises(RefusedError, match=why):
        world.react()
    assert world.document() == before


def test_old_failure_is_left_to_people(world: World) -> None:
    world.stream("2")
    world.run()
    with pytest.raises(RefusedError, match=r"it failed at 10:00 UTC, which is too long ago"):
        world.react(minutes=21)


def test_nothing_is_rolled_back_before_the_first_publication(world: World) -> None:
    world.lives = Lives(world.ledger.client, "other")
    make_table(world.ledger.client, "other")
    world.run()
    with pytest.raises(RefusedError, match="no publication was verified yet"):
        world.react()


def test_rollback_whose_execution_fails_is_not_rolled_back(world: World) -> None:
    world.stream("2")
    world.run()
    world.react()
    world.run("e2")
    with pytest.raises(RefusedError, match="every version that it carried is already live"):
        world.react("e2")
    assert world.document().versions() == {"a": "1"}


def test_concurrent_promotion_is_not_rolled_back(world: World) -> None:
    world.stream("2")
    world.run()
    fixes = iter(["3"])

    def meanwhile(_: dict[str, Any]) -> Answer | None:
        for version in fixes:
            world.documents = Documents(boto3.client("s3"), BUCKET, "metadata/", never)
            world.ask("promote", version)
            return "PreconditionFailed"
        return None

    Calls(world.documents.s3, PutObject=meanwhile)
    with pytest.raises(RefusedError, match="ana made 3 active at the same time"):
        world.react()
    assert world.document().versions() == {"a": "3"}
    assert world.document().bad == {}
