"""Comments of a pull request that are found again by a marker, through GitHub's API."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import github
import requests
from github.GithubRetry import GithubRetry

from phaseline.errors import ConfigurationError, PhaselineError, RemoteCallError

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.IssueComment import IssueComment

ATTEMPTS = 3
PAUSE = 2.0
Done = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Comments:
    """The comments of one pull request; `sleep` pauses before another attempt, in seconds."""

    pull_request: "Issue"
    where: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, environ: Mapping[str, str], pull_request: int) -> "Comments":
        """Those of a pull request of the repository that the job runs for. Raises
        ConfigurationError where the environment lacks the repository or its token."""
        values = {name: environ.get(name, "") for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY")}
        for name, value in values.items():
            if not value:
                raise ConfigurationError(
                    "the environment variables",
                    f"{name} is not set, which a comment needs",
                    "Set it, or leave out --pull-request.",
                )
        client = github.Github(
            auth=github.Auth.Token(values["GITHUB_TOKEN"]),
            base_url=environ.get("GITHUB_API_URL", "https://api.github.com"),
            per_page=100,
            lazy=True,
            # Not POST, which is among PyGithub's own: it would make a second comment where only
            # the answer to the first was lost. An update may be repeated.
            retry=GithubRetry(
                total=2,
                backoff_factor=0.3,
                allowed_methods=frozenset({"GET", "PATCH"}),
                max_rate_limit_wait=60,
            ),
        )
        repository = client.get_repo(values["GITHUB_REPOSITORY"])
        where = f"pull request {values['GITHUB_REPOSITORY']}#{pull_request}"
        return cls(repository.get_issue(pull_request), where)

    def put(self, marker: str, body: str) -> Done:
        """Make `body`, which begins with `marker`, the one comment that does.

        A new comment is looked for before it is sent again: an answer that was lost, or an error
        of GitHub's, does not say that nothing was written. Raises RemoteCallError, or
        ConfigurationError where the token has no rights.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                found = self._find(marker)
                if found is None:
                    self.pull_request.create_comment(body)
                    return "created"
                if found.body == body:
                    return "created" if attempt > 1 else "unchanged"
                found.edit(body)
            except (github.GithubException, requests.RequestException) as error:
                if attempt == ATTEMPTS or not _may_pass(error):
                    raise _translated(self.where, error) from error
                self.sleep(PAUSE * attempt)
            else:
                return "updated"
        raise AssertionError("the last attempt returns or raises")

    def _find(self, marker: str) -> "IssueComment | None":
        comments = self.pull_request.get_comments()
        return next((one for one in comments if (one.body or "").startswith(marker)), None)


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, github.GithubException) or error.status >= 500


def _translated(where: str, error: Exception) -> PhaselineError:
    if not isinstance(error, github.GithubException):
        return RemoteCallError(where, f"GitHub was not reached: {error}", "Run it again.")
    message = error.data.get("message", "") if isinstance(error.data, dict) else ""
    found = f"GitHub answers {error.status}: {message or 'without a reason'}".rstrip(".")
    if error.status in {401, 403, 404}:
        return ConfigurationError(
            where, found, "The job needs `permissions: pull-requests: write`, and a token of it."
        )
    return RemoteCallError(where, found, "Run it again: there is one comment at most.")
