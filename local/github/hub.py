"""The state of GitHub: repositories with their issues, pull requests, deployments and variables.

Values have the form of the API, so that there is only one form of each.
"""

import threading
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from local.github.openapi import RefusedError
from local.workflows.files import Event

BRANCH = "main"
OWNER = "octocat"
BOT = "github-actions[bot]"


def number_of(name: str) -> int:
    """Return the ID of an account or repository: large, and equal after each start."""
    return 1_000_000 + zlib.crc32(name.lower().encode()) % 900_000_000


def now() -> str:
    """Return the present time in GitHub's format."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user(login: str) -> dict[str, Any]:
    """Return an account in brief."""
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"login": login, "id": number_of(login), "type": kind, "site_admin": False}


@dataclass(frozen=True)
class Access:
    """The permissions of a token. `actor` acts with it. Without `write`, it can only read.

    `permissions` are those of the job that has the token, and None for the token of a person.
    """

    actor: str = OWNER
    write: bool = True
    permissions: Mapping[str, str] | str | None = None


def _matches(pattern: str, name: str) -> bool:
    """Return whether a pattern of branches or tags has a name. Wildcards do not match a slash."""
    parts, named = pattern.split("/"), name.split("/")
    return len(parts) == len(named) and all(map(fnmatchcase, named, parts))


@dataclass
class Deployable:
    """An environment of a repository, to which jobs deploy.

    `branch_rule` says whether only protected branches or only those of `policies` may deploy, in
    the form of the API; None allows all. `reviewers` have that form, too.
    """

    name: str
    created_at: str = field(default_factory=now)
    wait_timer: int = 0
    prevent_self_review: bool = False
    reviewers: list[dict[str, Any]] = field(default_factory=list)
    branch_rule: dict[str, bool] | None = None
    policies: dict[int, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def has_policies(self) -> bool:
        """Whether only branches that match one of its patterns may deploy."""
        return bool(self.branch_rule and self.branch_rule["custom_branch_policies"])

    def allows(self, ref: str) -> bool:
        """Return whether jobs of a ref may deploy. No branch here is protected, so that a rule for
        protected branches allows all.

        https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments#deployment-branches-and-tags
        """
        kind = "tag" if ref.startswith("refs/tags/") else "branch"
        name = ref.removeprefix("refs/tags/").removeprefix("refs/heads/")
        return not self.has_policies or any(
            policy["type"] == kind and _matches(policy["name"], name)
            for policy in self.policies.values()
        )


@dataclass
class Repository:
    """One repository, named `owner/name`.

    `issues` also contains pull requests, as on GitHub. `variables` are those of GitHub Actions.
    `tags` are those that the API made, with their commits; `attestations` are bundles by digest.
    `environments` have their names in lower case as keys. `teams` of the owner and `collaborators`
    have the names of their permissions. A private repository may have a plan without required
    reviewers of environments.
    """

    name: str
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    releases: dict[int, dict[str, Any]] = field(default_factory=dict)
    assets: dict[int, dict[str, Any]] = field(default_factory=dict)
    attestations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    environments: dict[str, Deployable] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)
    collaborators: dict[str, str] = field(default_factory=lambda: {OWNER: "admin"})
    is_private: bool = False
    plan_has_reviewers: bool = True

    @property
    def owner(self) -> str:
        """The account of the owner."""
        return self.name.split("/")[0]

    def view(self, base: str) -> dict[str, Any]:
        """The repository in the form of the API."""
        url = f"{base}/repos/{self.name}"
        return {
            "id": number_of(self.name),
            "node_id": f"R_{number_of(self.name)}",
            "name": self.name.split("/")[1],
            "full_name": self.name,
            "owner": user(self.owner),
            "private": self.is_private,
            "visibility": "private" if self.is_private else "public",
            "default_branch": BRANCH,
            "fork": False,
            "url": url,
            "html_url": f"{base}/{self.name}",
        }

    def environment(self, name: str) -> Deployable:
        """Return an environment, which is created if it does not exist. Names match in any case."""
        return self.environments.setdefault(name.lower(), Deployable(name))

    def found(self, name: str) -> Deployable:
        """Return an existing environment. Raises RefusedError."""
        try:
            return self.environments[name.lower()]
        except KeyError as error:
            raise RefusedError(404, "Not Found") from error

    def values(self) -> dict[str, str]:
        """The values of the variables."""
        return {name: kept["value"] for name, kept in self.variables.items()}


class Hub:
    """All repositories, and the tokens that may reach them.

    `receive` is called with each event that may run a workflow, and returns the IDs of the runs.
    `head` returns the commit of a ref of a repository, and `file` the text of a file at a ref, or
    None. `tagged` is called with each tag that the API sets.
    """

    def __init__(self, *, token: str, repositories: Collection[str]) -> None:
        self.tokens = {token: Access()}
        self.repositories = {name.lower(): Repository(name) for name in repositories}
        self.dispatches: list[dict[str, Any]] = []
        self.receive: Callable[[Event], list[int]] = lambda _: []
        self.head: Callable[[str, str], str] = lambda _name, _ref: "0" * 40
        self.file: Callable[[str, str, str], str | None] = lambda _name, _ref, _path: None
        self.tagged: Callable[[str, str, str], None] = lambda _name, _tag, _commit: None
        self.lock = threading.RLock()
        self._last = 0

    def number(self) -> int:
        """Return a new ID."""
        with self.lock:
            self._last += 1
            return self._last

    def add(self, name: str) -> None:
        """Register the repository `owner/name`."""
        self.repositories.setdefault(name.lower(), Repository(name))

    def repository(self, name: str) -> Repository:
        """Return a repository by its name, in any case. Raises RefusedError."""
        try:
            return self.repositories[name.lower()]
        except KeyError as error:
            raise RefusedError(404, "Not Found") from error

    def access(self, headers: Mapping[str, str], method: str) -> Access:
        """Return the permissions of a request's token. Raises RefusedError."""
        if not headers.get("User-Agent"):
            raise RefusedError(403, "Request forbidden by administrative rules.")
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token"):
            raise RefusedError(401, "Requires authentication")
        access = self.tokens.get(given.strip())
        if access is None:
            raise RefusedError(401, "Bad credentials")
        if method != "GET" and not access.write:
            raise RefusedError(403, "Resource not accessible by integration")
        return access

    def deploy(self, repository: Repository, body: Mapping[str, Any], actor: str) -> dict[str, Any]:
        """Record a deployment of `ref` (and `sha`) to `environment`."""
        number, time = self.number(), now()
        kept = {
            "id": number,
            "node_id": f"DE_{number}",
            "sha": body.get("sha") or self.head(repository.name, body["ref"]),
            "ref": body["ref"],
            "task": body.get("task", "deploy"),
            "payload": body.get("payload", {}),
            "environment": body.get("environment", "production"),
            "original_environment": body.get("environment", "production"),
            "description": body.get("description"),
            "creator": user(actor),
            "created_at": time,
            "updated_at": time,
        }
        with self.lock:
            repository.deployments[number] = kept
            repository.statuses[number] = []
        return kept

    def set_status(
        self, repository: Repository, deployment: int, body: Mapping[str, Any], actor: str
    ) -> dict[str, Any]:
        """Add a status to a deployment. A success makes earlier deployments inactive.

        https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status
        """
        kept = self._status(body, repository.deployments[deployment], actor)
        with self.lock:
            repository.statuses[deployment].append(kept)
            if kept["state"] == "success" and body.get("auto_inactive", True) is not False:
                for number in self._superseded(repository, deployment):
                    inactive = self._status(
                        {"state": "inactive"}, repository.deployments[number], actor
                    )
                    repository.statuses[number].append(inactive)
        return kept

    def _status(
        self, body: Mapping[str, Any], deployment: Mapping[str, Any], actor: str
    ) -> dict[str, Any]:
        number, time = self.number(), now()
        log = body.get("log_url") or body.get("target_url") or ""
        return {
            "id": number,
            "node_id": f"DES_{number}",
            "state": body["state"],
            "creator": user(actor),
            "description": body.get("description", ""),
            "environment": body.get("environment") or deployment["environment"],
            "environment_url": body.get("environment_url", ""),
            "target_url": log,
            "log_url": log,
            "created_at": time,
            "updated_at": time,
        }

    def _superseded(self, repository: Repository, deployment: int) -> list[int]:
        environment = repository.deployments[deployment]["environment"]
        return [
            number
            for number, kept in repository.deployments.items()
            if number < deployment
            and kept["environment"] == environment
            and repository.statuses[number]
            and repository.statuses[number][-1]["state"] == "success"
        ]
