"""What is asked of the stand-in beside GitHub's API.

- `GET /_phaseline/dispatches?after=N`: the repository dispatches received, from number N + 1 on
- `POST /_phaseline/push {"repository", "branch", "commit", "before"}`: a branch was pushed; the
  repositories' hook says so
- `POST /_phaseline/schedule {"repository", "workflow"}`: the time of a workflow's schedule has come
- `PUT /_phaseline/repositories/OWNER/NAME`: GitHub has this repository from now on
- `PUT /_phaseline/environments/NAME {"repository", "approval"}`: whether deployments to it wait
- `GET /_phaseline/runs`, `GET /_phaseline/runs/ID`: runs, with what came of them
- `POST /_phaseline/runs/ID/approve {"approve", "environment"}`: let what waits go on, or refuse it
- `POST /_phaseline/runs/ID/begin`, `.../end`: a job reports (local/workflows/job.py)
- `GET /OWNER/REPOSITORY/actions/runs/ID`: a run for people
- `GET /_services/token?audience=A`: an OIDC token for the job whose request token is given
- `GET /.well-known/openid-configuration`, `GET /.well-known/jwks`: how tokens are checked
- `POST /_phaseline/faults`: make the next requests fail (local/serving.py)
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from local.github.hub import BRANCH, OWNER, Hub, user
from local.github.oidc import Issuer
from local.github.openapi import RefusedError
from local.github.pulls import Pulls
from local.github.routes import base
from local.serving import CONTROL
from local.workflows.files import Event

if TYPE_CHECKING:
    from local.workflows.runner import Runner
    from local.workflows.runs import Run

WORKFLOWS = ".github/workflows/"


class Control:
    """The routes beside the API."""

    def __init__(self, hub: Hub, runner: "Runner | None", pulls: Pulls) -> None:
        self._hub = hub
        self._runner = runner
        self._pulls = pulls
        self._issuer = Issuer()

    def register(self, app: Flask) -> None:
        """Add the routes to an application."""
        app.get(f"{CONTROL}dispatches")(self.dispatches)
        app.post(f"{CONTROL}push")(self.push)
        app.post(f"{CONTROL}schedule")(self.schedule)
        app.put(f"{CONTROL}repositories/<owner>/<repo>")(self.add)
        app.put(f"{CONTROL}environments/<name>")(self.environment)
        app.get(f"{CONTROL}runs")(self.runs)
        app.get(f"{CONTROL}runs/<int:number>")(self.run)
        app.post(f"{CONTROL}runs/<int:number>/approve")(self.approve)
        app.post(f"{CONTROL}runs/<int:number>/begin")(self.begin)
        app.post(f"{CONTROL}runs/<int:number>/end")(self.end)
        app.get("/<owner>/<repo>/actions/runs/<int:number>")(self.page)
        app.get("/_services/token")(self.token)
        app.get("/.well-known/openid-configuration")(self.discovery)
        app.get("/.well-known/jwks")(self.keys)

    def dispatches(self) -> Response:
        """Return the repository dispatches that were received."""
        return jsonify(self._hub.dispatches[request.args.get("after", 0, int) :])

    def push(self) -> Response:
        """Start the workflows of a push, and update pull requests from the branch."""
        body = request.get_json()
        runner, name, branch = self._running(), body["repository"], body["branch"]
        ref = f"refs/heads/{branch}"
        before = body.get("before", "0" * 40)
        payload = {"ref": ref, "before": before, "after": body["commit"]}
        started = runner.receive(Event("push", name, ref, body["commit"], payload, OWNER))
        for repository in self._hub.repositories.values():
            for number, pull in repository.pulls.items():
                head = (pull["head"]["repository"], pull["head"]["ref"])
                if head == (name, branch) and repository.issues[number]["state"] == "open":
                    started += self._pulls.tell(repository, number, "synchronize", OWNER)
        return jsonify({"started": started})

    def schedule(self) -> Response:
        """Start a workflow as its schedule would."""
        body = request.get_json()
        runner, name = self._running(), body["repository"]
        path = WORKFLOWS + body["workflow"].removeprefix(WORKFLOWS)
        sha = runner.head(name, BRANCH)
        event = Event("schedule", name, f"refs/heads/{BRANCH}", sha, {}, OWNER, path)
        return jsonify({"started": runner.receive(event)})

    def add(self, owner: str, repo: str) -> Response:
        """Register another repository of the owner, or a fork."""
        self._hub.add(f"{owner}/{repo}")
        return jsonify({"name": f"{owner}/{repo}"})

    def environment(self, name: str) -> Response:
        """Require a review of deployments to an environment, or let them begin at once."""
        body = request.get_json()
        environment = self._hub.repository(body["repository"]).environment(name)
        reviewer = {"type": "User", "reviewer": user(OWNER)}
        environment.reviewers = [reviewer] if body["approval"] else []
        return jsonify({"name": name, "approval": body["approval"]})

    def runs(self) -> Response:
        """Return all runs, the oldest first."""
        runs = self._runner.runs.values() if self._runner else ()
        return jsonify([self._view(run) for run in runs])

    def run(self, number: int) -> Response:
        """Return one run."""
        return jsonify(self._view(self._found(number)))

    def approve(self, number: int) -> Response:
        """Approve or reject the waiting jobs of a run."""
        body = request.get_json()
        decided = self._running().desk.decide(
            self._found(number), approve=body["approve"], environment=body.get("environment", "")
        )
        return jsonify({"decided": decided})

    def begin(self, number: int) -> Response:
        """Return whether a job may begin."""
        runner, run = self._running(), self._found(number)
        return jsonify(runner.desk.begin(run, request.get_json(), runner.page(run)))

    def end(self, number: int) -> Response:
        """Record the end of a job."""
        runner, body = self._running(), request.get_json()
        page = runner.page(self._found(number))
        cancelled = runner.desk.end(body["token"], body["status"], body["url"], page)
        return jsonify({"cancelled": cancelled})

    def page(self, owner: str, repo: str, number: int) -> Response:
        """Return a run as plain text."""
        run = self._found(number)
        if run.event.repository != f"{owner}/{repo}":
            raise RefusedError(404, "Not Found")
        jobs = [f"{name}: {conclusion}" for name, conclusion in run.jobs.items()]
        parts = [
            f"{run.title}\n{run.name} #{run.number}, {run.event.name}: {_state(run)}",
            "\n".join(jobs),
            *run.summaries,
            run.log.read_text(encoding="utf-8"),
        ]
        return Response("\n\n".join(parts) + "\n", mimetype="text/plain")

    def token(self) -> Any:
        """Return a token for a job, if it has `id-token: write`."""
        given = request.headers.get("Authorization", "").partition(" ")[2]
        job = self._runner.desk.job(given) if self._runner else None
        if job is None:
            return jsonify({"message": "Invalid token"}), 401
        return jsonify({"value": self._issuer.token(job, request.args.get("audience", ""))})

    def discovery(self) -> Response:
        """Return the discovery document."""
        return jsonify(self._issuer.discovery(base()))

    def keys(self) -> Response:
        """Return the public keys."""
        return jsonify(self._issuer.keys())

    def _running(self) -> "Runner":
        if self._runner is None:
            raise RefusedError(404, "Not Found")
        return self._runner

    def _found(self, number: int) -> "Run":
        run = self._running().runs.get(number)
        if run is None:
            raise RefusedError(404, "Not Found")
        return run

    def _view(self, run: "Run") -> dict[str, Any]:
        return {
            "id": run.id,
            "repository": run.event.repository,
            "workflow": run.origin.path,
            "name": run.name,
            "title": run.title,
            "event": run.event.name,
            "payload": run.event.payload.get("client_payload", {}),
            "status": run.status,
            "conclusion": run.conclusion,
            "jobs": run.jobs,
            "outputs": run.outputs,
            "annotations": [asdict(note) for note in run.annotations],
            "summary": "\n".join(run.summaries),
            "log": str(run.log),
        }


def _state(run: "Run") -> str:
    return run.conclusion or run.status
