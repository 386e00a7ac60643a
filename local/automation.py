"""The automation repository of a running system: set up as a person does it, and used."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local import standins
from local.github import repositories
from local.system import AUTOMATION, CREDENTIALS, ENVIRONMENT, ROOT, System
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
    """Call GitHub's API of a repository, as its owner. Raises RemoteCallError."""
    headers = {"Authorization": f"Bearer {standins.GITHUB_TOKEN}", "User-Agent": "local"}
    url = f"{system.github_url}/repos/{repository}{path}"
    return system.ask("GitHub", method, url, body, headers)


def trust(system: System) -> None:
    """Let the workflows in: deploy the roles, and name them in the repository's variables."""
    tokens = {name: system.parameters()[name] for name in ("GithubTokenArn", "SlackTokenArn")}
    parameters = trusted(system) | tokens
    stacks = [f"--stack={name}" for name in STACKS_OF_ROLES]
    system.run_deploy("deploy-roles.log", parameters, *stacks)
    system.follow_stacks()
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
    """Whose workflows the roles trust, as parameters of their stack."""
    repository = call(system, "GET", "")
    return {
        "Repository": AUTOMATION,
        "OwnerId": str(repository["owner"]["id"]),
        "RepositoryId": str(repository["id"]),
    }


def add_repository(system: System, name: str, folder: Path) -> str:
    """Put a repository `owner/name` on GitHub that holds a folder's files; its commit."""
    control = f"{system.github_url}/_phaseline"
    system.ask("GitHub", "PUT", f"{control}/repositories/{name}")
    root = system.folder / "git"
    return repositories.ensure(root, name, folder=folder, push_url=f"{control}/push")


def fork(system: System, name: str) -> str:
    """Put a fork of the automation repository on GitHub, named `owner/name`; its commit."""
    repositories.copy(system.folder / "git", AUTOMATION, name)
    return add_repository(system, name, ROOT)


def push_parameters(system: System) -> str:
    """Commit this system's parameters file, which a push deploys; the commit."""
    sections = json.loads((ROOT / PARAMETERS).read_text(encoding="utf-8"))
    sections["common"] |= system.parameters()
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
    """Push a change to a branch of a repository; the commit."""
    root = system.folder / "git"
    return repositories.commit(root, repository, changes, message=message, branch=branch)


def read(system: System, path: str) -> str:
    """A file of the automation repository, at its main branch's head."""
    bare = repositories.location(system.folder / "git", AUTOMATION)
    return repositories.git("show", f"{repositories.BRANCH}:{path}", cwd=bare) + "\n"


def dispatch(system: System, workflow: str, *, repository: str = AUTOMATION, **inputs: str) -> int:
    """Start a workflow by hand; the run's number."""
    asked = {"ref": repositories.BRANCH, "inputs": inputs, "return_run_details": True}
    path = f"/actions/workflows/{workflow}/dispatches"
    answer = call(system, "POST", path, asked, repository=repository)
    return int(answer["workflow_run_id"])


def newest_run(system: System, repository: str = AUTOMATION) -> int:
    """The number of a repository's newest run; 0 before the first."""
    return max((int(run["id"]) for run in _runs(system, repository)), default=0)


def ended(
    system: System, workflow: str, *, after: int = 0, repository: str = AUTOMATION
) -> dict[str, Any]:
    """The first run of a workflow's file with a number above `after`, once it is completed.

    Raises TimedOutError.
    """
    return all_ended(system, workflow, 1, after=after, repository=repository)[0]


def all_ended(
    system: System, workflow: str, count: int, *, after: int = 0, repository: str = AUTOMATION
) -> list[dict[str, Any]]:
    """The runs of a workflow's file with numbers above `after`, once `count` are completed.

    Runs that take turns need not end in the order of their numbers. Raises TimedOutError.
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
    """Each job of the first run of a workflow's file, with its result. Raises TimedOutError."""
    told: set[str] = set()

    def look() -> list[dict[str, Any]]:
        return [run for run in _runs(system, AUTOMATION) if Path(run["workflow"]).name == workflow][
            :1
        ]

    def has_news(runs: list[dict[str, Any]]) -> bool:
        return any(run["status"] == "completed" or run["jobs"].keys() - told for run in runs)

    while True:
        (run,) = until(look, has_news, what=f"the next job of {workflow}", show=_states)
        for job, result in run["jobs"].items():
            if job not in told:
                told.add(job)
                yield job, result
        if run["status"] == "completed":
            return


def following(system: System, release: str) -> dict[str, Any]:
    """The run that the listener's dispatch of a release started, once it is completed.

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
    """The runs of one repository: their numbers grow with time, which others' do not compare to."""
    return [run for run in system.runs() if run["repository"] == repository]
