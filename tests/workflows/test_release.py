"""The repository's own workflows on the whole system, started by what starts them on GitHub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import automation
from local import system as local_system
from local.system import AUTOMATION, ENVIRONMENT, System
from tests.standins.conftest import call
from tests.system.conftest import promote
from tests.workflows.conftest import eventually


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that a push has deployed: roles by hand, all else by deploy.yml."""
    folder = Path(tmp_path_factory.mktemp("workflows")) / "state"
    with local_system.running(folder, workflows=True) as running:
        automation.trust(running)
        automation.push_parameters(running)
        succeeded(automation.ended(running, "deploy.yml"))
        running.follow_stacks()
        yield running


def succeeded(run: dict[str, Any]) -> dict[str, Any]:
    """The run, which has to have ended well."""
    assert run["conclusion"] == "success", Path(run["log"]).read_text()
    return run


def deployed(system: System) -> list[tuple[str, str]]:
    """State and address of the newest deployment, oldest first."""
    (newest, *_) = automation.call(system, "GET", f"/deployments?environment={ENVIRONMENT}")
    statuses = automation.call(system, "GET", f"/deployments/{newest['id']}/statuses")
    return [(status["state"], status["environment_url"]) for status in reversed(statuses)]


def test_a_push_deploys(system: System) -> None:
    """deploy.yml has deployed every stack, under the deploy role, job after job."""
    assert {"registry", "site", "functions", "pipeline", "github"} == system.outputs.keys()
    run = automation.ended(system, "deploy.yml")
    assert set(run["jobs"].values()) == {"success"}
    assert deployed(system)[-1][0] == "success"


def test_a_tested_version_is_released(system: System) -> None:
    """The listener's dispatch starts on-version-tested.yml, which proves what is served."""
    promote(system, "opt", "route-planner", "2.1.0")

    run = succeeded(automation.ended(system, "on-version-tested.yml"))
    assert system.served_versions("opt")["route-planner"] == "2.1.0"
    assert "2.1.0" in run["summary"]
    assert deployed(system)[-1] == ("success", system.edge_url)


def by_hand(system: System, action: str, version: str = "", **more: str) -> dict[str, Any]:
    """Run promote.yml for the algorithm of the tests below; the run."""
    asked = {"environment": ENVIRONMENT, "type": "out", "algorithm": "delivery-forecast"}
    asked |= {"action": action, "version": version, "reason": f"To {action} it", **more}
    number = automation.dispatch(system, "promote.yml", **asked)
    return automation.ended(system, "promote.yml", after=number - 1)


def test_every_action_by_hand(system: System) -> None:
    """promote.yml rolls back, holds, resumes and promotes; the website follows."""

    def shown() -> str:
        return system.served_versions("out")["delivery-forecast"]

    promote(system, "out", "delivery-forecast", "1.0.0")
    promote(system, "out", "delivery-forecast", "1.1.0")
    assert shown() == "1.1.0"

    succeeded(by_hand(system, "promote", "1.0.0", **{"dry-run": "true"}))
    assert shown() == "1.1.0"
    assert "To rollback it" in succeeded(by_hand(system, "rollback"))["summary"]
    assert shown() == "1.0.0"
    succeeded(by_hand(system, "resume"))
    succeeded(by_hand(system, "promote", "1.1.0"))
    assert shown() == "1.1.0"
    succeeded(by_hand(system, "hold"))
    assert by_hand(system, "promote", "9.9.9")["conclusion"] == "failure"


def test_a_late_dispatch_is_already_done(system: System) -> None:
    """The event of a release that has ended, sent again, ends well and changes nothing."""
    event = system.dispatches()[-1]
    before = system.served()
    told = {name: event[name] for name in ("event_type", "client_payload")}
    last = max(run["id"] for run in system.runs())
    automation.call(system, "POST", "/dispatches", told)

    run = succeeded(automation.ended(system, "on-version-tested.yml", after=last))
    assert "already done" in run["summary"]
    assert system.served() == before


def test_drift_is_looked_for(system: System) -> None:
    """drift.yml, at its time, finds none."""
    told = {"repository": AUTOMATION, "workflow": "drift.yml"}
    assert call(f"{system.github_url}/_phaseline/schedule", method="POST", body=told).status == 200

    succeeded(automation.ended(system, "drift.yml"))


def test_a_protected_environment_waits(system: System) -> None:
    """With a required reviewer a promotion does nothing before the approval."""

    def protect(approval: bool) -> None:
        told = {"repository": AUTOMATION, "approval": approval}
        address = f"{system.github_url}/_phaseline/environments/{ENVIRONMENT}"
        assert call(address, method="PUT", body=told).status == 200

    protect(True)
    asked = {"environment": ENVIRONMENT, "type": "opt", "algorithm": "route-planner"}
    number = automation.dispatch(
        system, "promote.yml", action="hold", reason="Wait for the review", **asked
    )
    run = f"{system.github_url}/_phaseline/runs/{number}"
    eventually(lambda: call(run).json()["status"] == "waiting")
    assert "Assumed arn:" not in Path(call(run).json()["log"]).read_text()

    assert call(f"{run}/approve", method="POST", body={"approve": True}).status == 200
    succeeded(automation.ended(system, "promote.yml", after=number - 1))
    protect(False)


QUICK = "lint test:\n\t@echo $@ is done\n.PHONY: lint test\n"


def test_a_pull_request_is_previewed(system: System) -> None:
    """pull-request.yml checks the merge, and shows each stack's changes in a comment of its own."""
    changes = {"Makefile": QUICK}
    automation.push(system, changes, "Propose", branch="topic")
    asked = {"title": "Propose", "head": "topic", "base": "main"}
    number = automation.call(system, "POST", "/pulls", asked)["number"]

    run = succeeded(automation.ended(system, "pull-request.yml"))
    assert run["jobs"]["Required"] == "success"
    comments = automation.call(system, "GET", f"/issues/{number}/comments")
    assert len(comments) == 4
    assert all("No changes" in comment["body"] for comment in comments)
