"""GitHub's API for commands: the repository of a job, and retries of writes."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import github
import requests
from urllib3 import Retry

from phaseline.errors import ConfigurationError, PhaselineError, RemoteCallError
from phaseline.github import answers
from phaseline.github.answers import Answer, Kind
from scripts.cli import secrets

if TYPE_CHECKING:
    from github.GithubObject import GithubObject
    from github.Repository import Repository

ATTEMPTS = 3
PAUSE = 2.0
"""Seconds before the second attempt, and half of those before the third."""
LONGEST_WAIT = 120.0
"""The longest rate limit that is waited for, in seconds. A job has a time limit, and some rate
limits last for an hour."""
REMEDIES = {
    Kind.UNAUTHORIZED: "Use a token with `{permission}`; a job lists it under `permissions`.",
    Kind.PERMISSION: "Use a token with `{permission}`; a job lists it under `permissions`.",
    Kind.UNSEEN: "Correct its name, or use a token with `{permission}`; a job lists it under"
    " `permissions`.",
    Kind.MOVED: "The repository was renamed or moved. Correct its name.",
}
"""The remedies for answers that no repetition changes."""
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
    secrets.check(environ)
    client = github.Github(
        auth=github.Auth.Token(values["GITHUB_TOKEN"]),
        base_url=environ.get("GITHUB_API_URL", "https://api.github.com"),
        per_page=100,
        lazy=True,
        # A command makes only a few requests, so it needs no pauses between them.
        seconds_between_requests=None,
        seconds_between_writes=None,
        # PyGithub's own retries also repeat POST, which writes twice if only the first answer was
        # lost, and sleep as long as any Retry-After demands. An update may be repeated, and `retry`
        # waits for rate limits.
        retry=Retry(
            total=2,
            backoff_factor=0.3,
            allowed_methods=frozenset({"GET", "PATCH"}),
            status_forcelist=frozenset(range(500, 600)),
            respect_retry_after_header=False,
            raise_on_status=False,
        ),
    )
    return client.get_repo(values["GITHUB_REPOSITORY"])


def author(thing: "GithubObject") -> str:
    """Return the login of the author of what the token of this client writes.

    A job's GITHUB_TOKEN writes as "github-actions[bot]", the token of an app as "APP[bot]", and a
    personal access token as its user. GET /user is refused to the first two; the viewer of the
    GraphQL API is known for each token, and needs no permission.
    https://docs.github.com/en/graphql/reference/queries#viewer
    """
    _, answer = thing.requester.graphql_query("query { viewer { login } }", {})
    return str(answer["data"]["viewer"]["login"])


def retry(
    attempt: Callable[[], T], *, where: str, permission: str, sleep: Callable[[float], None]
) -> T:
    """Return the result of `attempt`, which is repeated after temporary errors.

    After a lost answer or an error of GitHub, the write may have taken effect, so each attempt must
    first read the present state. `sleep` pauses between attempts, in seconds, at least as long as a
    rate limit demands, up to LONGEST_WAIT. Raises RemoteCallError, or ConfigurationError if the
    token lacks the `permission`.
    """
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except (github.GithubException, requests.RequestException) as error:
            answer = _answer(error) if isinstance(error, github.GithubException) else None
            pause = _pause(answer, number)
            if number == ATTEMPTS or pause is None:
                raise _translated(where, permission, answer or error) from error
            sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _answer(error: github.GithubException) -> Answer:
    return answers.read(error.status, error.headers or {}, json.dumps(error.data), time.time())


def _pause(answer: Answer | None, number: int) -> float | None:
    """Return the seconds to wait after attempt `number`, or None if another attempt cannot succeed.

    `answer` is None if the answer was lost.
    """
    if answer is None or answer.kind is Kind.FAILED:
        return PAUSE * number
    if answer.kind is Kind.THROTTLED and answer.wait <= LONGEST_WAIT:
        return max(answer.wait, PAUSE * number)
    return None


def _translated(where: str, permission: str, error: Answer | Exception) -> PhaselineError:
    if not isinstance(error, Answer):
        # The text of the error may quote the request, which contains the token.
        problem = f"GitHub was not reached ({type(error).__name__})"
        return RemoteCallError(where, problem, "Run the command again.")
    problem = f"GitHub answers {error}"
    if error.kind is Kind.THROTTLED:
        return RemoteCallError(where, problem, "Run it again after that: nothing is written twice.")
    if remedy := REMEDIES.get(error.kind):
        return ConfigurationError(where, problem, remedy.format(permission=permission))
    return RemoteCallError(where, problem, "Run it again: nothing is written twice.")
