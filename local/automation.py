"""Sets up the automation repository of a running system, and starts its workflows."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local import standins
from local.github import repositories
from local.system import AUTOMATION, CREDENTIALS, ENVIRONMENT, ROOT, System, control, deployment
from local.waiting import until
from phaseline.deploy.plan import ROLES as STACKS_OF_ROLES

PARAMETERS = f"infra/parameters/{ENVIRONMENT}.json"
ROLES = {
    "DEPLOY_ROLE_ARN": "DeployRoleArn",
    "PROMOTE_ROLE_ARN": "PromoteRoleArn",
    "REPAIR_ROLE_ARN": "RepairRoleArn",
    "CLOUDFORMATION_ROLE_ARN": "CloudFormationRoleArn",
}
ROLES_BY_ENVIRONMENT = {
    "DRIFT_ROLE_ARNS": "DriftRoleArn",
    "PREVIEW_ROLE_ARNS": "PreviewRoleArn",
}


def call(
    system: System, method: str, path: str, body: Any = None, *, repository: str = AUTOMATION
) -> Any:
    """Call GitHub's API for a repository as its owner. Raises RemoteCallError."""
    headers = {"Authorization": f"Bearer {standins.GITHUB_TOKEN}", "User-Agent": "local"}
    url = f"{system.github_url}/repos/{repository}{path}"
    return control.ask(system, "GitHub", method, url, body, headers)


def trust(system: System) -> None:
    """Deploy the roles, and set the repository's variables that name them."""
    known = deployment.parameters(system)
    tokens = {name: known[name] for name in ("GithubTokenArn", "SlackTokenArn")}
    parameters = trusted(system) | tokens
    stacks = [f"--stack={name}" for name in STACKS_OF_ROLES]
    deployment.run_deploy(system, "deploy-roles.log", parameters, *stacks)
    deployment.follow_stacks(system)
    roles = {key: arn for stack in STACKS_OF_ROLES for key, arn in system.outputs[stack].items()}
    variables = {name: roles[output] for name, output in ROLES.items()}
    variables |= {
        name: json.dumps({ENVIRONMENT: roles[output]})
        for name, output in ROLES_BY_ENVIRONMENT.items()
    }
    variables |= {
        "AWS_REGION": CREDENTIALS["AWS_REGION"],
        "ENVIRONMENTS": json.dumps([ENVIRONMENT]),
        "DEPLOY_ENVIRONMENT": ENVIRONMENT,
    }
    for name, value in variables.items():
        call(system, "POST", "/actions/variables", {"name": name, "value": value})


def trusted(system: System) -> dict[str, str]:
    """Return the parameters of the role stacks that name the trusted repository."""
    repository = call(system, "GET", "")
    return {
        "Repository": AUTOMATION,
        "OwnerId": str(repository["owner"]["id"]),
        "RepositoryId": str(repository["id"]),
    }


def add_repository(system: System, name: str, folder: Path) -> str:
    """Create the repository `owner/name` from the files of a folder, and return its commit."""
    api = f"{system.github_url}/_phaseline"
    control.ask(system, "GitHub", "PUT", f"{api}/repositories/{name}")
    root = system.folder / "git"
    return repositories.ensure(root, name, folder=folder, push_url=f"{api}/push")


def fork(system: System, name: str) -> str:
    """Create a fork of the automation repository as `owner/name`, and return its commit."""
    repositories.copy(system.folder / "git", AUTOMATION, name)
    return add_repository(system, name, ROOT)


def push_parameters(system: System) -> str:
    """Push the parameters file of this system, which starts a deployment. Return the commit."""
    sections = json.loads((ROOT / PARAMETERS).read_text(encoding="utf-8"))
    sections["common"] |= deployment.parameters(system)
    sections["github"] = sections["drift"] = trusted(system)
    return push(system, {PARAMETERS: json.dumps(sections, indent=2) + "\n"}, "Set the parameters")


def push(
    system: System,
    changes: Mapping[str, str | None],
    message: str,
    branch: str = repositories.BRANCH,
    *,
    repository: str = AUTOMATION,
) -> str:
    """Push a commit to a branch of a repository, and return its ID."""
    root = system.folder / "git"
    return repositories.commit(root, repository, changes, message=message, branch=branch)


def read(system: System, path: str) -> str:
    """Return the content of a file at the head of the automation repository's main branch."""
    bare = repositories.location(system.folder / "git", AUTOMATION)
    return repositories.git("show", f"{repositories.BRANCH}:{path}", cwd=bare) + "\n"


def dispatch(system: System, workflow: str, *, repository: str = AUTOMATION, **inputs: str) -> int:
    """Start a workflow with inputs, and return the number of its run."""
    asked = {"ref": repositories.BRANCH, "inputs": inputs, "return_run_details": True}
    path = f"/actions/workflows/{workflow}/dispatches"
    answer = call(system, "POST", path, asked, repository=repository)
    return int(answer["workflow_run_id"])


def newest_run(system: System, repository: str = AUTOMATION) -> int:
    """Return the number of a repository's newest run, or 0 if there is none."""
    return max((int(run["id"]) for run in _runs(system, repository)), default=0)


def ended(
    system: System, workflow: str, *, after: int = 0, repository: str = AUTOMATION
) -> dict[str, Any]:
    """Wait for the first run of a workflow file with a number above `after`, and return it.

    Raises TimedOutError.
    """
    return all_ended(system, workflow, 1, after=after, repository=repository)[0]


def all_ended(
    system: System, workflow: str, count: int, *, after: int = 0, repository: str = AUTOMATION
) -> list[dict[str, Any]]:
    """Wait until `count` runs of a workflow file are completed, and return them.

    Only runs with numbers above `after` count. Runs may end in another order than that of their
    numbers. Raises TimedOutError.
    """

    def look() -> list[dict[str, Any]]:
        return [
            run
            for run in _runs(system, repository)
            if Path(run["workflow"]).name == workflow and run["id"] > after
        ]

    runs = until(
        look,
        lambda runs: len(_completed(runs)) >= count,
        what=f"{count} completed runs of {workflow}",
        show=_states,
    )
    return _completed(runs)


def jobs_as_they_end(system: System, workflow: str) -> Iterator[tuple[str, str]]:
    """Yield each job of a workflow file's first run when it ends, with its result.

    Raises TimedOutError.
    """
    seen: set[str] = set()

    def look() -> list[dict[str, Any]]:
        return [run for run in _runs(system, AUTOMATION) if Path(run["workflow"]).name == workflow][
            :1
        ]

    def has_news(runs: list[dict[str, Any]]) -> bool:
        return any(run["status"] == "completed" or run["jobs"].keys() - seen for run in runs)

    while True:
        (run,) = until(look, has_news, what=f"the next job of {workflow}", show=_states)
        for job, result in run["jobs"].items():
            if job not in seen:
                seen.add(job)
                yield job, result
        if run["status"] == "completed":
            return


def following(system: System, release: str) -> dict[str, Any]:
    """Wait for the run that the listener's dispatch of a release started, and return it.

    Raises TimedOutError.
    """

    def look() -> list[dict[str, Any]]:
        runs = _runs(system, AUTOMATION)
        return [run for run in runs if release in run["payload"].get("releases", ())]

    what = f"the workflow run that follows {release}"
    return _completed(until(look, _completed, what=what, show=_states))[0]


def _completed(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if run["status"] == "completed"]


def _states(runs: list[dict[str, Any]]) -> str:
    return ", ".join(f"{run['status']}, log {run['log']}" for run in runs) or "no run"


def _runs(system: System, repository: str) -> list[dict[str, Any]]:
    """Return the runs of one repository. Numbers of different repositories cannot be compared."""
    return [run for run in control.runs(system) if run["repository"] == repository]
