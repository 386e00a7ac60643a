"""GitHub Actions in the API: workflows, runs, and the events that start them."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Response, request

from local.github.hub import BRANCH, Access, Hub, Repository, number_of, user
from local.github.openapi import RefusedError
from local.github.routes import Routes, base, page
from local.workflows.files import Event, parse
from local.workflows.runs import COMPLETED, Run

if TYPE_CHECKING:
    from local.workflows.runner import Runner

# https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#repository_dispatch
PAYLOAD_CHARACTERS = 65_535
DISPATCHES = "https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event"


class Workflows:
    """The operations on workflows and runs of a hub. Without a runner, there are no workflows."""

    def __init__(self, hub: Hub, runner: "Runner | None") -> None:
        self._hub = hub
        self._runner = runner

    def register(self, routes: Routes) -> None:
        """Add the operations to the API."""
        routes.add("POST", "/dispatches", self.dispatch, status=204)
        routes.add("GET", "/actions/workflows", self.workflows)
        routes.add("GET", "/actions/workflows/{workflow_id}", self.workflow)
        routes.add("POST", "/actions/workflows/{workflow_id}/dispatches", self.start, status=204)
        routes.add("GET", "/actions/workflows/{workflow_id}/runs", self.runs)
        routes.add("GET", "/actions/runs", self.runs)
        routes.add("GET", "/actions/runs/{run_id}", self.run)
        routes.add("POST", "/actions/runs/{run_id}/cancel", self.cancel, status=202)

    def dispatch(self, repository: Repository, access: Access, body: Mapping[str, Any]) -> None:
        """Record a repository dispatch, and start its workflows."""
        payload = body.get("client_payload", {})
        if len(json.dumps(payload)) > PAYLOAD_CHARACTERS:
            raise RefusedError(422, "client_payload is too large.", DISPATCHES)
        with self._hub.lock:
            owner, name = request.path.split("/")[2:4]
            kept = {
                "number": len(self._hub.dispatches) + 1,
                "repository": f"{owner}/{name}",
                "event_type": body["event_type"],
                "client_payload": payload,
            }
            self._hub.dispatches.append(kept)
        if self._runner and self._runner.knows(repository.name):
            event = self._event(repository, access, "repository_dispatch", BRANCH)
            event_fields = {
                "action": body["event_type"],
                "branch": BRANCH,
                "client_payload": payload,
            }
            event.payload.update(event_fields)
            self._runner.receive(event)

    def workflows(self, repository: Repository, _access: Access, _body: Any) -> Response:
        """Return the workflow files of the default branch."""
        return page([self._workflow_view(repository, path) for path in self._files(repository)])

    def workflow(
        self, repository: Repository, _access: Access, _body: Any, workflow_id: int | str
    ) -> dict[str, Any]:
        """Return one workflow by its number or file name."""
        return self._workflow_view(repository, self._path(repository, workflow_id))

    def start(
        self,
        repository: Repository,
        access: Access,
        body: Mapping[str, Any],
        workflow_id: int | str,
    ) -> Any:
        """Start a workflow by hand."""
        runner = self._running()
        path = self._path(repository, workflow_id)
        event = self._event(repository, access, "workflow_dispatch", body["ref"], path)
        event.payload.update(ref=event.ref, workflow=path, inputs=body.get("inputs", {}))
        try:
            (number,) = runner.receive(event)
        except ValueError as error:
            raise RefusedError(422, str(error)) from error
        if not body.get("return_run_details"):
            return None
        shown = self._run_view(runner.runs[number])
        answer = {
            "workflow_run_id": number,
            "run_url": shown["url"],
            "html_url": shown["html_url"],
        }
        return answer, 200

    def runs(
        self,
        repository: Repository,
        _access: Access,
        _body: Any,
        workflow_id: int | str | None = None,
    ) -> Response:
        """Return runs by event, branch, commit, status or conclusion, the newest first."""
        path = None if workflow_id is None else self._path(repository, workflow_id)
        shown = [
            self._run_view(run)
            for run in reversed(self._running().runs.values())
            if run.event.repository == repository.name and path in (None, run.origin.path)
        ]
        for name in ("event", "head_sha"):
            if name in request.args:
                shown = [run for run in shown if run[name] == request.args[name]]
        if "branch" in request.args:
            shown = [run for run in shown if run["head_branch"] == request.args["branch"]]
        if "status" in request.args:
            wanted = request.args["status"]
            shown = [run for run in shown if wanted in (run["status"], run["conclusion"])]
        return page(shown, "workflow_runs")

    def run(
        self, repository: Repository, _access: Access, _body: Any, run_id: int
    ) -> dict[str, Any]:
        """Return one run."""
        return self._run_view(self._found(repository, run_id))

    def cancel(
        self, repository: Repository, _access: Access, _body: Any, run_id: int
    ) -> dict[str, Any]:
        """Cancel a run."""
        if self._found(repository, run_id).status == COMPLETED:
            raise RefusedError(409, "Cannot cancel a workflow run that is completed.")
        self._running().cancel(run_id)
        return {}

    def _event(
        self, repository: Repository, access: Access, name: str, ref: str, path: str = ""
    ) -> Event:
        branch = ref.removeprefix("refs/heads/")
        try:
            sha = self._running().head(repository.name, branch)
        except LookupError as error:
            raise RefusedError(422, str(error)) from error
        full = ref if ref.startswith("refs/") else f"refs/heads/{branch}"
        return Event(name, repository.name, full, sha, {}, access.actor, path)

    def _running(self) -> "Runner":
        if self._runner is None:
            raise RefusedError(404, "Not Found")
        return self._runner

    def _files(self, repository: Repository) -> dict[str, str]:
        return self._running().workflows(repository.name, BRANCH)

    def _path(self, repository: Repository, workflow: int | str) -> str:
        """Return the path of a workflow from its number or file name."""
        for path in self._files(repository):
            if workflow in (_workflow_id(repository, path), path.rsplit("/", 1)[1], path):
                return path
        raise RefusedError(404, "Not Found")

    def _found(self, repository: Repository, number: int) -> Run:
        run = self._running().runs.get(number)
        if run is None or run.event.repository != repository.name:
            raise RefusedError(404, "Not Found")
        return run

    def _workflow_view(self, repository: Repository, path: str) -> dict[str, Any]:
        url = f"{base()}/repos/{repository.name}/actions/workflows"
        number = _workflow_id(repository, path)
        return {
            "id": number,
            "node_id": f"W_{number}",
            "name": parse(self._files(repository)[path]).get("name", path),
            "path": path,
            "state": "active",
            "url": f"{url}/{number}",
            "html_url": f"{base()}/{repository.name}/blob/{BRANCH}/{path}",
        }

    def _run_view(self, run: Run) -> dict[str, Any]:
        repository = self._hub.repository(run.event.repository)
        url = f"{base()}/repos/{repository.name}/actions"
        own, workflow = f"{url}/runs/{run.id}", _workflow_id(repository, run.origin.path)
        return {
            "id": run.id,
            "node_id": f"WFR_{run.id}",
            "name": run.name,
            "display_title": run.title,
            "path": run.origin.path,
            "run_number": run.number,
            "run_attempt": 1,
            "event": run.event.name,
            "status": run.status,
            "conclusion": run.conclusion,
            "head_branch": run.branch,
            "head_sha": run.event.sha,
            "workflow_id": workflow,
            "workflow_url": f"{url}/workflows/{workflow}",
            "actor": user(run.event.actor),
            "triggering_actor": user(run.event.actor),
            "created_at": run.created_at,
            "run_started_at": run.created_at,
            "updated_at": run.updated_at,
            "pull_requests": [],
            "repository": repository.view(base()),
            "url": own,
            "html_url": f"{base()}/{repository.name}/actions/runs/{run.id}",
            "jobs_url": f"{own}/jobs",
            "logs_url": f"{own}/logs",
            "cancel_url": f"{own}/cancel",
        }


def _workflow_id(repository: Repository, path: str) -> int:
    return number_of(f"{repository.name}/{path}")
