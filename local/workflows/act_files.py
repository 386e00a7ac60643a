"""Workflow files in a form that act can run, and the actions and workflows that they use.

Pure: contents in, contents out.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

SELF_HOSTED = "ubuntu-latest"
LEVELS = ("none", "read", "write")
EMBEDDED = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
TOKEN = re.compile(r"\bgithub\.token\b|\bsecrets\.GITHUB_TOKEN\b", re.IGNORECASE)
HOOK = 'exec python "$ACT_JOB_HOOK"'


@dataclass(frozen=True)
class Origin:
    """The repository, ref, commit and path of a file."""

    repository: str
    ref: str
    sha: str
    path: str

    @property
    def workflow_ref(self) -> str:
        """The name of a workflow file in a token."""
        return f"{self.repository}/{self.path}@{self.ref}"


def sanitise(workflow: dict[str, Any], origin: Origin, run: str) -> dict[str, Any]:
    """Return a workflow that act can run, in which each job reports its beginning and its end.

    `run` is the name of the workflow that was started. `github.workflow` has this value in called
    workflows, too.

    act refuses files with `queue`, `environment.deployment`, `timezone` of schedules and `$/`. The
    steps before and after those of each job (local/workflows/job.py) replace the first two.
    References to the file's own repository name its commit.
    """
    workflow = {**copy.deepcopy(workflow), "name": run}
    workflow.pop("concurrency", None)
    declared = workflow.get("on")
    for schedule in (declared.get("schedule") or []) if isinstance(declared, dict) else []:
        schedule.pop("timezone", None)
    for name, job in workflow.get("jobs", {}).items():
        group = job.pop("concurrency", None)
        environment = job.pop("environment", None)
        if "uses" in job:
            job["uses"] = _own(job["uses"], origin, "./", "$/")
            continue
        job["runs-on"] = SELF_HOSTED
        for step in job["steps"]:
            if "uses" in step:
                step["uses"] = _own(step["uses"], origin, "$/")
        job["steps"] = _with_own_token(job["steps"])
        described = {
            "job": name,
            "workflow": origin.workflow_ref,
            "sha": origin.sha,
            "permissions": job.get("permissions", workflow.get("permissions")),
            "id_token": grants_id_token(job.get("permissions", workflow.get("permissions"))),
        }
        begin, end = _hooks(described, environment, group)
        job["steps"] = [begin, *job["steps"], end]
    return workflow


def sanitise_action(action: dict[str, Any], origin: Origin) -> dict[str, Any]:
    """Return a composite action that act can run. `$/` becomes the commit of its repository."""
    action = copy.deepcopy(action)
    for step in action.get("runs", {}).get("steps", []):
        if "uses" in step:
            step["uses"] = _own(step["uses"], origin, "$/")
    return dict(_with_own_token(action))


def written(content: Mapping[str, Any]) -> str:
    """Return the content of a file as text."""
    return yaml.safe_dump(dict(content), sort_keys=False, width=10_000, allow_unicode=True)


def grants_id_token(permissions: Any) -> bool | None:
    """Return whether a job may request an OIDC token, or None if its caller decides."""
    if isinstance(permissions, dict):
        return bool(permissions.get("id-token") == "write")
    return None if permissions is None else bool(permissions == "write-all")


def excess(job: Mapping[str, Any], workflow: Mapping[str, Any], called: Mapping[str, Any]) -> str:
    """Return the permissions of a called workflow that the calling job lacks, or "".

    GitHub does not start such a run. If a called workflow declares no permissions, it has those of
    the caller.
    """
    granted = job.get("permissions", workflow.get("permissions"))
    if not isinstance(granted, dict):
        return ""
    for name, inner in called.get("jobs", {}).items():
        asked = inner.get("permissions", called.get("permissions"))
        for scope, level in (asked if isinstance(asked, dict) else {}).items():
            if LEVELS.index(level) > LEVELS.index(granted.get(scope, "none")):
                return (
                    f"The nested job '{name}' is requesting '{scope}: {level}',"
                    f" but is only allowed '{scope}: {granted.get(scope, 'none')}'."
                )
    return ""


def _with_own_token(value: Any) -> Any:
    """A file's content in which `github.token` is the job's: act has one for all jobs of a run."""
    if isinstance(value, dict):
        return {name: _with_own_token(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_own_token(item) for item in value]
    if isinstance(value, str):
        return EMBEDDED.sub(lambda found: TOKEN.sub("env.ACT_VISIT", found[0]), value)
    return value


def _own(uses: str, origin: Origin, *prefixes: str) -> str:
    for prefix in prefixes:
        if uses.startswith(prefix):
            return f"{origin.repository}/{uses.removeprefix(prefix)}@{origin.sha}"
    return uses


def _hooks(
    described: Mapping[str, Any], environment: Any, group: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the first and the last step of a job. act evaluates the expressions in them."""
    named = {"name": environment} if isinstance(environment, str) else environment or {}
    grouped = {"group": group} if isinstance(group, str) else group or {}
    begin = {
        "name": "Set up the runner",
        "shell": "bash",
        "run": f"{HOOK} begin",
        "env": {
            "ACT_JOB": json.dumps(described),
            "ACT_ENVIRONMENT": named.get("name", ""),
            "ACT_DEPLOYMENT": str(named.get("deployment", True)).lower(),
            "ACT_GROUP": grouped.get("group", ""),
            "ACT_QUEUE": grouped.get("queue", ""),
            "ACT_CANCEL": str(grouped.get("cancel-in-progress", False)).lower(),
        },
    }
    end = {
        "name": "Report to the runner",
        "if": "${{ always() }}",
        "shell": "bash",
        "run": f"{HOOK} end",
        "env": {"ACT_STATUS": "${{ job.status }}", "ACT_URL": named.get("url", "")},
    }
    return begin, end


@dataclass(frozen=True)
class Use:
    """A used workflow or action: repository `owner/name`, path in it, and ref.

    `job` is the job that calls a workflow. It is empty for an action.
    """

    repository: str
    path: str
    ref: str
    job: Mapping[str, Any]


def used(content: Mapping[str, Any]) -> Iterator[Use]:
    """Yield the actions and workflows that a sanitised file uses."""
    jobs = content.get("jobs", {}).values()
    steps = [step for job in jobs for step in job.get("steps", [])]
    steps += content.get("runs", {}).get("steps", [])
    for item in (*jobs, *steps):
        uses = item.get("uses", "")
        if uses and not uses.startswith(("./", "docker://")):
            place, _, ref = uses.partition("@")
            owner, name, *path = place.split("/")
            yield Use(f"{owner}/{name}", "/".join(path), ref, item if item in jobs else {})
