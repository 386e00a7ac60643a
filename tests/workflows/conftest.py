"""A GitHub of the test's own with small repositories, and the whole system, deployed once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local import automation, github
from local.github import repositories
from local.github.hub import Hub
from local.serving import serve
from local.system import AUTOMATION, ENVIRONMENT, System, control, deployment, start, website
from local.workflows.runner import Runner, Settings
from tests.standins.conftest import Answer, call
from tests.system.conftest import newest_executions, promote
from tests.waiting import eventually

T = TypeVar("T")
NAME = "acme/automation"
QUICK = "lint test check:\n\t@echo $@ is done\n.PHONY: lint test check\n"
"""A Makefile for pull requests whose checks are not what is tested."""


@dataclass(frozen=True)
class GitHub:
    """A running GitHub with a runner."""

    url: str
    git_root: Path

    def api(self, path: str, body: Any = None, *, method: str = "") -> Answer:
        """Call the API as the person who has the token; `path` follows /repos/OWNER/NAME."""
        headers = {"Authorization": "Bearer right", "User-Agent": "test"}
        method = method or ("GET" if body is None else "POST")
        where = path if path.startswith("/repos/") else f"/repos/{NAME}{path}"
        return call(f"{self.url}{where}", method=method, body=body, headers=headers)

    def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        """Ask what GitHub's API has no words for."""
        method = method or ("GET" if body is None else "POST")
        answer = call(f"{self.url}/_phaseline/{path}", method=method, body=body)
        assert answer.status == 200, answer.body
        return answer.json()

    def add(self, name: str, files: Mapping[str, str], folder: Path) -> str:
        """Make a repository with these files; the commit."""
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        push_url = f"{self.url}/_phaseline/push"
        return repositories.ensure(self.git_root, name, folder=folder, push_url=push_url)

    def push(self, changes: Mapping[str, str | None], *, name: str = NAME) -> str:
        """Push a change to the main branch; the commit."""
        return repositories.commit(self.git_root, name, changes, message="Change it")

    def run(self, workflow: str = "", *, index: int = -1) -> dict[str, Any]:
        """A run (of one file) once it is completed; the newest one unless `index` says more."""

        def completed() -> Any:
            runs = [one for one in self.control("runs") if one["workflow"].endswith(workflow)]
            return runs if runs and all(one["status"] == "completed" for one in runs) else None

        found: dict[str, Any] = eventually(completed)[index]
        return found


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    """GitHub with the names of two repositories and of a fork, and no files in them."""
    names = (NAME, "acme/shop", "mallory/automation")
    kept = Hub(token="right", repositories=names)
    git_root = tmp_path / "git"
    git_root.mkdir()
    runner = Runner(kept, Settings(git_root, tmp_path / "runs", {"FROM_SETTINGS": "yes"}))
    server = serve(github.serving(kept, runner))
    runner.url = server.url
    yield GitHub(server.url, git_root)
    runner.stop()
    server.stop()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system, deployed once: roles by hand, all else by a push that starts deploy.yml.

    Every test leaves it as it found it, so that each can be run alone.
    """
    folder = Path(tmp_path_factory.mktemp("workflows")) / "state"
    with start.running(folder, workflows=True) as running:
        automation.trust(running)
        automation.push_parameters(running)
        succeeded(automation.ended(running, "deploy.yml"))
        deployment.follow_stacks(running)
        yield running


def succeeded(run: dict[str, Any]) -> dict[str, Any]:
    """The run, which has to have ended well."""
    assert run["conclusion"] == "success", Path(run["log"]).read_text()
    return run


@pytest.fixture(scope="session")
def algorithm(system: System) -> str:
    """An algorithm of type out with two versions, 1.0.0 and 1.1.0, each released by its test."""
    for version in ("1.0.0", "1.1.0"):
        promote(system, "out", "parcel-tracker", version)
    settle(system)
    return "parcel-tracker"


def versions(system: System, algorithm: str) -> tuple[str, str]:
    """The version that the website shows, and the other one, for the next release."""
    shown = website.versions(system, "out")[algorithm]
    return shown, {"1.0.0": "1.1.0", "1.1.0": "1.0.0"}[shown]


def deployments(
    system: System, run: Mapping[str, Any], repository: str = AUTOMATION
) -> list[tuple[str, str]]:
    """State and address of each of a run's deployments, in the order in which they were made."""
    listed: list[dict[str, Any]] = []
    for page in count(1):
        path = f"/deployments?per_page=100&page={page}"
        listed += (more := automation.call(system, "GET", path, repository=repository))
        if not more:
            break
    found = []
    for one in reversed(listed):
        path = f"/deployments/{one['id']}/statuses"
        statuses = automation.call(system, "GET", path, repository=repository)
        last = next(status for status in statuses if status["state"] != "inactive")
        if last["log_url"].endswith(f"/runs/{run['id']}"):
            found.append((last["state"], last["environment_url"]))
    return found


def started_by_hand(
    system: System, action: str, algorithm: str, version: str = "", **more: str
) -> int:
    """Start promote.yml for an algorithm of type out; the run's number."""
    asked = {"environment": ENVIRONMENT, "type": "out", "algorithm": algorithm}
    asked |= {"action": action, "version": version, "reason": f"To {action} it", **more}
    return automation.dispatch(system, "promote.yml", **asked)


def by_hand(
    system: System, action: str, algorithm: str, version: str = "", **more: str
) -> dict[str, Any]:
    """Run promote.yml for an algorithm of type out; the run."""
    number = started_by_hand(system, action, algorithm, version, **more)
    return automation.ended(system, "promote.yml", after=number - 1)


@contextmanager
def waiting(system: System, action: str, algorithm: str, version: str = "") -> Iterator[str]:
    """A run of promote.yml in an environment with a reviewer, as it waits; its address."""
    environment = f"{system.github_url}/_phaseline/environments/{ENVIRONMENT}"
    protected = {"repository": AUTOMATION, "approval": True}
    assert call(environment, method="PUT", body=protected).status == 200
    try:
        number = started_by_hand(system, action, algorithm, version)
        run = f"{system.github_url}/_phaseline/runs/{number}"
        eventually(lambda: call(run).json()["status"] == "waiting")
        yield run
    finally:
        call(environment, method="PUT", body=protected | {"approval": False})


def review(system: System, run: str, *, approve: bool) -> dict[str, Any]:
    """Approve or reject what waits in a run of promote.yml; the run at its end."""
    assert call(f"{run}/approve", method="POST", body={"approve": approve}).json()["decided"] == 1
    return automation.ended(system, "promote.yml", after=call(run).json()["id"] - 1)


@contextmanager
def failing(address: str, *faults: Mapping[str, Any]) -> Iterator[None]:
    """Order faults of a stand-in; those that nothing met are forgotten at the end."""
    for fault in faults:
        assert call(f"{address}/_phaseline/faults", method="POST", body=fault).status == 204
    try:
        yield
    finally:
        call(f"{address}/_phaseline/faults", method="DELETE")


def propose(
    system: System, branch: str, files: Mapping[str, str], *, source: str = AUTOMATION
) -> int:
    """Open a pull request with a change to these files, from this repository or a fork; number."""
    automation.push(system, files, "Propose", branch=branch, repository=source)
    head = branch if source == AUTOMATION else f"{source.split('/')[0]}:{branch}"
    asked = {"title": "Propose", "head": head, "base": "main"}
    return int(automation.call(system, "POST", "/pulls", asked)["number"])


def comments(system: System, number: int) -> list[str]:
    """What the comments of a pull request say."""
    found = automation.call(system, "GET", f"/issues/{number}/comments")
    return [comment["body"] for comment in found]


def turn(system: System, number: int, state: str) -> None:
    """Close a pull request, or open it again, which runs its workflows again."""
    automation.call(system, "PATCH", f"/pulls/{number}", {"state": state})


def settle(system: System) -> None:
    """Wait until no run of a workflow and no execution of the pipeline is under way."""

    def quiet() -> bool:
        return all(run["status"] == "completed" for run in control.runs(system)) and all(
            found["status"] != "InProgress" for found in newest_executions(system)
        )

    eventually(quiet)


@contextmanager
def without_rule(system: System, type_: str) -> Iterator[None]:
    """New versions of a document start nothing."""
    events = system.client("events")
    (rule,) = [
        one["Name"]
        for one in events.list_rules()["Rules"]
        if f"metadata/{type_}.zip" in one.get("EventPattern", "")
    ]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)
