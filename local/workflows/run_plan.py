"""The decisions of GitHub about a run before its jobs begin.

Pure: event and workflow file in, values out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.workflows.act_files import grants_id_token
from local.workflows.expressions import render
from local.workflows.files import Event, dispatch_inputs, typed_inputs
from local.workflows.runs import Run

TITLE_CHARACTERS = 200


@dataclass(frozen=True)
class Concurrency:
    """The concurrency group of a run, with `queue: max` (patient) and `cancel-in-progress`
    (cancel)."""

    name: str
    patient: bool
    cancel: bool


def with_inputs(payload: Mapping[str, Any], workflow: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of a manual run with all inputs. Raises ValueError for invalid inputs."""
    return {**payload, "inputs": dispatch_inputs(workflow, payload.get("inputs") or {})}


def contexts(
    run: Run, workflow: Mapping[str, Any], variables: Mapping[str, str]
) -> dict[str, Mapping[str, Any]]:
    """Return the contexts that expressions may use before a run."""
    event = run.event
    github = {
        "event": event.payload,
        "event_name": event.name,
        "ref": event.ref,
        "ref_name": event.ref.split("/", 2)[-1],
        "head_ref": run.branch if event.name == "pull_request" else "",
        "sha": event.sha,
        "actor": event.actor,
        "repository": event.repository,
        "repository_owner": event.repository.split("/")[0],
        "workflow": run.name,
        "run_id": str(run.id),
        "run_number": str(run.number),
    }
    inputs = typed_inputs(workflow, event.payload.get("inputs") or {})
    return {"github": github, "inputs": inputs, "vars": variables}


def concurrency(workflow: Mapping[str, Any], known: Mapping[str, Any]) -> Concurrency | None:
    """Return the concurrency of the run, or None."""
    declared = workflow.get("concurrency")
    if not declared:
        return None
    if isinstance(declared, str):
        declared = {"group": declared}
    cancel = render(str(declared.get("cancel-in-progress", False)), known).lower() == "true"
    return Concurrency(render(declared["group"], known), declared.get("queue") == "max", cancel)


def check_queues(workflow: Mapping[str, Any]) -> None:
    """Raise ValueError if a group keeps all that wait, and cancels what runs."""
    for one in (workflow, *workflow.get("jobs", {}).values()):
        declared = one.get("concurrency")
        if (
            isinstance(declared, dict)
            and declared.get("queue") == "max"
            and declared.get("cancel-in-progress") is True
        ):
            raise ValueError("'queue: max' cannot be combined with 'cancel-in-progress: true'")


def lends_id_token(workflow: Mapping[str, Any]) -> bool:
    """Return whether called workflows without declared permissions may request OIDC tokens."""
    return any(
        grants_id_token(job.get("permissions", workflow.get("permissions")))
        for job in workflow.get("jobs", {}).values()
        if "uses" in job
    )


def title(event: Event, workflow: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return the name of the run: `run-name`, or the one that GitHub derives from the event."""
    if "run-name" in workflow:
        return " ".join(render(workflow["run-name"], known).split())[:TITLE_CHARACTERS]
    if event.name == "push":
        return str(event.payload["head_commit"]["message"])
    if event.name == "pull_request":
        return str(event.payload["pull_request"]["title"])
    if event.name == "repository_dispatch":
        return str(event.payload["action"])
    return str(workflow.get("name", ""))
