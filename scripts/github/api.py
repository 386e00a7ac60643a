"""GitHub's API for commands: the repository that a job runs for, and writes that are made once."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import github
import requests
from github.GithubRetry import GithubRetry

from phaseline.errors import ConfigurationError, PhaselineError, RemoteCallError

if TYPE_CHECKING:
    from github.Repository import Repository

ATTEMPTS = 3
PAUSE = 2.0
T = TypeVar("T")


def repository(environ: Mapping[str, str], option: str) -> "Repository":
    """The repository that the job runs for, which `option` asks for. Raises ConfigurationError
    where the environment lacks it or its token."""
    values = {name: environ.get(name, "") for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY")}
    for name, value in values.items():
        if not value:
            raise ConfigurationError(
                "the environment variables",
                f"{name} is not set, which {option} needs",
                f"Set it, or leave out {option}.",
            )
    client = github.Github(
        auth=github.Auth.Token(values["GITHUB_TOKEN"]),
        base_url=environ.get("GITHUB_API_URL", "https://api.github.com"),
        per_page=100,
        lazy=True,
        # A command makes a handful of requests, which need no pauses between them.
        seconds_between_requests=None,
        seconds_between_writes=None,
        # Not POST, which is among PyGithub's own: it would write a second time where only the
        # answer to the first was lost. An update may be repeated.
        retry=GithubRetry(
            total=2,
            backoff_factor=0.3,
            allowed_methods=frozenset({"GET", "PATCH"}),
            max_rate_limit_wait=60,
        ),
    )
    return client.get_repo(values["GITHUB_REPOSITORY"])


def tried(attempt: Callable[[], T], *, where: str, right: str, sleep: Callable[[float], None]) -> T:
    """What `attempt` comes to, which is made again where its error may pass.

    An answer that was lost, or an error of GitHub's, does not say that nothing was written: each
    attempt has to look first. `sleep` pauses before another one, in seconds. Raises
    RemoteCallError, or ConfigurationError where the token lacks the `right`.
    """
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except (github.GithubException, requests.RequestException) as error:
            if number == ATTEMPTS or not _may_pass(error):
                raise _translated(where, right, error) from error
            sleep(PAUSE * number)
    raise AssertionError("the last attempt returns or raises")


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, github.GithubException) or error.status >= 500


def _translated(where: str, right: str, error: Exception) -> PhaselineError:
    if not isinstance(error, github.GithubException):
        return RemoteCallError(where, f"GitHub was not reached: {error}", "Run it again.")
    message = error.data.get("message", "") if isinstance(error.data, dict) else ""
    found = f"GitHub answers {error.status}: {message or 'without a reason'}".rstrip(".")
    if error.status in {401, 403, 404}:
        return ConfigurationError(
            where, found, f"The job needs `permissions: {right}`, and a token of it."
        )
    return RemoteCallError(where, found, "Run it again: nothing is written twice.")
