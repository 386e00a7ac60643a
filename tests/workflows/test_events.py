"""Each kind of event runs the workflows that want it, with the repository as it was then."""

from pathlib import Path
from typing import Any

import pytest

from tests.workflows.conftest import NAME, GitHub
from tests.workflows.repositories import FILES, branch


def shown(run: dict[str, Any]) -> dict[str, str]:
    """What the job showed."""
    assert run["conclusion"] == "success", Path(run["log"]).read_text()
    outputs: dict[str, str] = run["outputs"]["show"]
    return outputs


@pytest.fixture
def hub(hub: GitHub, tmp_path: Path) -> GitHub:
    """GitHub with three workflows."""
    hub.add(NAME, FILES, tmp_path / "files")
    return hub


def test_repository_dispatch_starts_the_workflow_of_its_type(hub: GitHub) -> None:
    """A dispatch runs the workflow that wants its type, with its payload; another type none."""
    for kind in ("told", "other"):
        event = {"event_type": kind, "client_payload": {"version": "2.1.0"}}
        assert hub.api("/dispatches", event).status == 204

    run = hub.run()
    assert shown(run)["payload"] == '{ "version": "2.1.0" }'
    assert shown(run)["text"] == "hello repository_dispatch refs/heads/main"
    assert [one["title"] for one in hub.control("runs")] == ["told"]


def test_push_starts_workflows_by_branch_and_path(hub: GitHub) -> None:
    """A push runs workflows by branch and path, with the pushed commit checked out."""
    hub.push({"other.txt": "not watched\n"})
    commit = hub.push({"text.txt": "changed\n"})

    outputs = shown(hub.run())
    assert outputs["text"] == "changed push refs/heads/main"
    assert outputs["commit"] == f"{commit} {commit}"
    assert len(hub.control("runs")) == 1


def test_workflow_dispatch_has_its_inputs_and_defaults(hub: GitHub) -> None:
    """A manual run has its inputs, completed by defaults; GitHub's answer tells the run."""
    asked = {"ref": "main", "inputs": {"who": "ada"}, "return_run_details": True}
    answer = hub.api("/actions/workflows/asked.yml/dispatches", asked)

    run = hub.run()
    assert (answer.status, answer.json()["workflow_run_id"]) == (200, run["id"])
    assert shown(run)["inputs"] == '{ "loud": true, "who": "ada" }'
    assert run["title"] == "LOUD ada by octocat"
    seen = hub.api(f"/actions/runs/{run['id']}").json()
    assert (seen["conclusion"], seen["event"]) == ("success", "workflow_dispatch")


@pytest.mark.parametrize(
    ("workflow", "body", "message"),
    [
        ("asked.yml", {"ref": "main", "inputs": {"who": "eve"}}, "not in the list"),
        ("asked.yml", {"ref": "main", "inputs": {"what": "x"}}, "Unexpected inputs"),
        ("asked.yml", {"ref": "absent"}, "No ref found"),
        ("told.yml", {"ref": "main"}, "does not have 'workflow_dispatch'"),
    ],
)
def test_wrong_manual_run_is_refused(
    hub: GitHub, workflow: str, body: dict[str, Any], message: str
) -> None:
    """What the workflow does not take is refused before anything runs."""
    answer = hub.api(f"/actions/workflows/{workflow}/dispatches", body)

    assert answer.status == 422
    assert message in answer.json()["message"]
    assert hub.control("runs") == []


def test_schedule_runs_on_the_default_branch(hub: GitHub) -> None:
    """A scheduled workflow runs on the default branch."""
    hub.control("schedule", {"repository": NAME, "workflow": "asked.yml"})

    assert shown(hub.run())["text"] == "hello schedule refs/heads/main"


def test_pull_request_runs_again_at_each_push(hub: GitHub) -> None:
    """A pull request runs on the merge with its base, again at each push, and not when closed."""
    branch(hub, NAME, {"text.txt": "proposed\n"})
    hub.push({"beside.txt": "meanwhile\n"})
    opened = hub.api("/pulls", {"title": "Propose", "head": "topic", "base": "main"}).json()
    assert shown(hub.run())["text"] == "proposed pull_request refs/pull/1/merge"

    branch(hub, NAME, {"text.txt": "again\n"}, start="topic")
    assert shown(hub.run())["text"] == "again pull_request refs/pull/1/merge"

    hub.api(f"/pulls/{opened['number']}", {"state": "closed"}, method="PATCH")
    assert len(hub.control("runs")) == 2
