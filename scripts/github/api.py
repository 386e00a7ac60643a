"""GitHub's API for commands: the repository of a job, and retries of writes."""

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
    """Return the repository of the job.

    Raises ConfigurationError if a variable for it is not set; the error names the `option` that
    needs it.
    """
    values = {name: environ.get(name, "") for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY")}
    for name, value in values.items():
        if not value:
            raise ConfigurationError(
                "the environment variables",
                f"{name} is not set, which {option} needs",
                f"Set the variable, or omit {option}.",
            )
    client = github.Github(
        auth=github.Auth.Token(values["GITHUB_TOKEN"]),
        base_url=environ.get("GITHUB_API_URL", "https://api.github.com"),
        per_page=100,
        lazy=True,
        # A command makes only a few requests, so it needs no pauses between them.
        seconds_between_requests=None,
        seconds_between_writes=None,
        # PyGithub also retries POST by default. This would write twice if only the answer to the
        # first request was lost. An update may be repeated.
        retry=GithubRetry(
            total=2,
            backoff_factor=0.3,
            allowed_methods=frozenset({"GET", "PATCH"}),
            max_rate_limit_wait=60,
        ),
    )
    return client.get_repo(values["GITHUB_REPOSITORY"])


def retry(
    attempt: Callable[[], T], *, where: str, permission: str, sleep: Callable[[float], None]
) -> T:
    """Return the result of `attempt`, which is repeated after temporary errors.

    After a lost answer or an error of GitHub, the write may have taken effect, so each attempt must
    first read the present state. `sleep` pauses between attempts, in seconds. Raises
    RemoteCallError, or ConfigurationError if the token lacks the `permission`.
    """
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except (github.GithubException, requests.RequestException) as error:
            if number == ATTEMPTS or not _is_temporary(error):
                raise _translated(where, permission, error) from error
            sleep(PAUSE * number)
    raise AssertionError("the last attempt returns or raises")


def _is_temporary(error: Exception) -> bool:
    return not isinstance(error, github.GithubException) or error.status >= 500


def _translated(where: str, permission: str, error: Exception) -> PhaselineError:
    if not isinstance(error, github.GithubException):
        return RemoteCallError(where, f"GitHub was not reached: {error}", "Run the command again.")
    message = error.data.get("message", "") if isinstance(error.data, dict) else ""
    problem = f"GitHub answers {error.status}: {message or 'no reason'}".rstrip(".")
    if error.status in {401, 403, 404}:
        return ConfigurationError(
            where, problem, f"The job needs `permissions: {permission}`, and a token with it."
        )
    return RemoteCallError(where, problem, "Run it again: nothing is written twice.")
