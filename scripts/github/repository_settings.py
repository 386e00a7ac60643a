"""The settings of a repository and of its environments on GitHub. Each method may be repeated."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import github

from phaseline.errors import ConfigurationError, InputError
from scripts.github import api
from scripts.github.environment_settings import (
    EnvironmentSettings,
    PresentSettings,
    Reviewer,
    SettingsChange,
    changes,
)

if TYPE_CHECKING:
    from github.Repository import Repository

PERMISSION = "administration: write, environments: write, variables: write and contents: read"
FALLBACK = (
    "Omit --reviewer: then everybody who can write to the repository can deploy and release. Plans"
    " are in docs/setup.md, before step 1."
)
T = TypeVar("T")


@dataclass(frozen=True)
class RepositorySettings:
    """The settings of one repository. `sleep` pauses between attempts, in seconds."""

    repository: "Repository"
    name: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str], purpose: str) -> "RepositorySettings":
        """Return the settings of the repository in GITHUB_REPOSITORY.

        Raises ConfigurationError if it or GITHUB_TOKEN is not set; the error names the `purpose`.
        """
        return cls(api.repository(environ, purpose), environ["GITHUB_REPOSITORY"])

    def numbers(self) -> tuple[int, int]:
        """Return the numbers of the repository's owner and of the repository."""
        found = self._retry(lambda: self._ask("GET", ""))
        return found["owner"]["id"], found["id"]

    def reviewer(self, name: str) -> Reviewer:
        """Return a person, or a team such as acme/web, who can read the repository.

        Raises InputError if there is none of this name.
        """
        owner, _, slug = name.partition("/")
        found = self._retry(lambda: self._team(owner, slug) if slug else self._person(name))
        if found is None:
            kind = "team of the repository's owner" if slug else "person"
            raise InputError(
                f"the reviewer {name}",
                f"{self.name} has no {kind} of this name with access",
                "Correct the name, or give access to the repository first.",
            )
        return found

    def variables(self, names: Iterable[str]) -> dict[str, str]:
        """Return the variables of the repository that are set, of these names."""
        return self._retry(lambda: self._variables("/actions/variables", names))

    def present(self, wanted: EnvironmentSettings) -> PresentSettings:
        """Return the present settings of an environment."""
        return self._retry(lambda: self._present(wanted))

    def apply(self, wanted: EnvironmentSettings) -> list[SettingsChange]:
        """Change the settings of an environment, and return what was changed."""
        made: list[SettingsChange] = []

        def attempt() -> list[SettingsChange]:
            for change in changes(wanted, self._present(wanted)):
                if change not in made:
                    made.append(change)
                self._write(change)
            return made

        return self._retry(attempt)

    def code_owner_errors(self, ref: str) -> Sequence[Mapping[str, Any]] | None:
        """Return the errors of the file with the code owners at a ref; None if it has no file."""
        path = f"/codeowners/errors?ref={quote(ref, safe='')}"
        found = self._retry(lambda: self._find(path))
        return None if found is None else found["errors"]

    @property
    def is_private(self) -> bool:
        """Whether only people with access can read the repository."""
        return bool(self._retry(lambda: self._find(""))["private"])

    def _present(self, wanted: EnvironmentSettings) -> PresentSettings:
        path = f"/environments/{quote(wanted.environment, safe='')}"
        environment = self._find(path)
        policies = self._find(f"{path}/deployment-branch-policies?per_page=100")
        return PresentSettings(
            environment,
            policies["branch_policies"] if policies else (),
            self._variables(f"{path}/variables", wanted.variables) if environment else {},
            self._variables("/actions/variables", wanted.shared),
        )

    def _variables(self, path: str, names: Iterable[str]) -> dict[str, str]:
        found = {name: self._find(f"{path}/{name}") for name in names}
        return {name: one["value"] for name, one in found.items() if one}

    def _team(self, owner: str, slug: str) -> Reviewer | None:
        if owner.lower() != self.name.partition("/")[0].lower():
            return None
        teams = (team for team in self.repository.get_teams() if team.slug == slug)
        return next((Reviewer(f"{owner}/{slug}", "Team", team.id) for team in teams), None)

    def _person(self, login: str) -> Reviewer | None:
        found = self._find(f"/collaborators/{quote(login, safe='')}/permission")
        if not found or found["permission"] == "none":
            return None
        return Reviewer(login, "User", found["user"]["id"])

    def _find(self, path: str) -> Any:
        """Return what is at a path in the repository, or None."""
        try:
            return self._ask("GET", path)
        except github.UnknownObjectException:
            return None

    def _write(self, change: SettingsChange) -> None:
        try:
            self._ask(change.method, change.path, change.body)
        except github.GithubException as error:
            message = error.data.get("message", "") if isinstance(error.data, dict) else ""
            if error.status == 422 and "billing plan" in message:
                raise ConfigurationError(
                    self.name, f"GitHub answers: {message}", FALLBACK
                ) from error
            raise

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        requester, url = self.repository.requester, f"/repos/{self.name}{path}"
        return requester.requestJsonAndCheck(method, url, input=body)[1]

    def _retry(self, attempt: Callable[[], T]) -> T:
        return api.retry(
            attempt, where=f"the settings of {self.name}", permission=PERMISSION, sleep=self.sleep
        )
