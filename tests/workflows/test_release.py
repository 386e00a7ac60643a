"""The repository's own workflows on the whole system, started by what starts them on GitHub."""

from pathlib import Path

from local import automation
from local.system import System, control, website
from phaseline.deploy.plan import EVERY, STACKS
from tests.standins.conftest import call
from tests.system.conftest import promote
from tests.workflows.conftest import (
    QUICK,
    comments,
    deployments,
    propose,
    review,
    succeeded,
    turn,
    versions,
    waiting,
)


def test_push_deploys_every_stack(system: System) -> None:
    """deploy.yml has deployed every stack, under the deploy role, job after job."""
    stacks = {*EVERY}
    assert system.outputs.keys() == stacks
    run = automation.ended(system, "deploy.yml")
    assert set(run["jobs"].values()) == {"success"}
    assert deployments(system, run) == []  # they would replace the release's address


def test_a_tested_version_is_released(system: System) -> None:
    """The listener's dispatch starts on-version-tested.yml, which proves what is served."""
    last = automation.newest_run(system)
    promote(system, "opt", "route-planner", "2.1.0")

    run = succeeded(automation.ended(system, "on-version-tested.yml", after=last))
    assert website.versions(system, "opt")["route-planner"] == "2.1.0"
    assert "2.1.0" in run["summary"]
    assert deployments(system, run) == [("success", system.edge_url)]


def test_repeated_dispatch_is_already_done(system: System) -> None:
    """The event of a release that has ended, sent again, ends well and changes nothing."""
    last = automation.newest_run(system)
    promote(system, "opt", "late-dispatch", "1.0.0")
    succeeded(automation.ended(system, "on-version-tested.yml", after=last))
    event = control.dispatches(system)[-1]
    before = website.manifest(system)
    told = {name: event[name] for name in ("event_type", "client_payload")}
    last = automation.newest_run(system)
    automation.call(system, "POST", "/dispatches", told)

    run = succeeded(automation.ended(system, "on-version-tested.yml", after=last))
    assert "already done" in run["summary"]
    assert website.manifest(system) == before


def test_promotion_waits_for_its_approval(system: System, algorithm: str) -> None:
    """With a required reviewer a promotion does nothing before the approval."""
    shown, wanted = versions(system, algorithm)
    with waiting(system, "promote", algorithm, wanted) as run:
        assert "Assumed arn:" not in Path(call(run).json()["log"]).read_text()
        assert versions(system, algorithm) == (shown, wanted)

        succeeded(review(system, run, approve=True))
    assert versions(system, algorithm) == (wanted, shown)


def test_pull_request_gets_a_comment_for_each_stack(system: System) -> None:
    """pull-request.yml checks the merge, and shows each stack's changes in a comment of its own."""
    last = automation.newest_run(system)
    number = propose(system, "topic", {"Makefile": QUICK})

    run = succeeded(automation.ended(system, "pull-request.yml", after=last))
    assert run["jobs"]["Required"] == "success"
    said = comments(system, number)
    assert len(said) == len(STACKS)
    assert all("No changes" in text for text in said)
    turn(system, number, "closed")
